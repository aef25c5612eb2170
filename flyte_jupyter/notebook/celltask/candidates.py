"""Paths that a cell may use: texts in its code and its inputs, and what they make when they are joined."""

import argparse
import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any

from flyte_jupyter.notebook.celltask.kinds import attributes, is_python
from flyte_jupyter.tasks.slicing.origins import Origin, of_class

_LONGEST = 1024
_MOST = 10_000
_FOLDERS = 32
_JOINED = 256
_ROUNDS = 2
_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,9}$")


def texts_in(values: Iterable[Any]) -> Iterator[str]:
    """Give the texts and paths that values are or hold."""
    todo, seen = list(values), set[int]()
    while todo and len(seen) < _MOST:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str | PurePath):  # what else is like a path runs code of its own
            yield str(one)
        else:
            todo += _parts(one)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= _MOST:
        return list(value)
    if isinstance(value, dict) and len(value) <= _MOST:
        return [*value, *value.values()]
    if isinstance(value, SimpleNamespace | argparse.Namespace):
        return list(vars(value).values())
    if of_class(type(value)) is Origin.LOCAL and is_python(type(value)):
        return [attributes(value)]
    return []


def is_path(text: str) -> bool:
    """Whether a text can be a path here."""
    return (
        bool(text) and len(text) <= _LONGEST and "\n" not in text and "\0" not in text and "://" not in text
    )


def looks_like_path(text: str) -> bool:
    """Whether a text that names no file may be meant to name one."""
    return os.sep in text or _SUFFIX.search(text) is not None


def is_pattern(text: str) -> bool:
    """Whether a text stands for several files, and not for all that there are."""
    return glob.has_magic(text) and looks_like_path(text) and not text.startswith((f"{os.sep}*", "**"))


def joined(texts: Iterable[str]) -> dict[str, bool]:
    """Give the texts, and what they make behind those that are folders: the latter are true."""
    single = dict.fromkeys((text for text in texts if is_path(text)), False)
    relative = [text.lstrip(os.sep) for text in single if text.strip(f"{os.sep}.")]
    found, new = dict(single), list(single)
    if len(relative) > _JOINED:
        return found
    for _ in range(_ROUNDS):
        folders = [text for text in new if Path(text).is_dir()][:_FOLDERS]
        new = [os.path.join(folder, text) for folder in folders for text in relative]  # noqa: PTH118
        found = {**dict.fromkeys(new, True), **found}
    return found
