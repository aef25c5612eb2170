"""What statements often leave behind and pickle does not keep: closed files, matches, views of dicts."""

import gc
import io
import os
import re
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

_EMPTY: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
_VIEWS = {type(getattr(d, name)()): name for d in _EMPTY for name in ("keys", "values", "items")}


def is_one(value: Any) -> bool:
    """Whether it is one of these."""
    return type(value) in {re.Match, MappingProxyType, *_VIEWS} or (
        isinstance(value, io.TextIOWrapper) and value.closed
    )


def parts(value: Any) -> Any:
    """Take one apart.

    Raises:
        TypeError: the match cannot be found again.
    """
    if (view := _VIEWS.get(type(value))) is not None:
        (viewed,) = gc.get_referents(value)  # pickled by its items, it would be a view of another dict
        return _view, (viewed, view)
    if type(value) is MappingProxyType:
        return MappingProxyType, tuple(gc.get_referents(value))  # likewise
    if isinstance(value, io.TextIOWrapper):
        return _closed_file, (str(value.name), getattr(value, "mode", "r"), value.encoding, value.errors)
    made = (value.re, value.string, value.pos, value.endpos)
    if _match(*made).regs != value.regs:
        raise TypeError("cannot find the match again")
    return _match, made


def _view(viewed: Any, name: str) -> Any:
    return getattr(viewed, name)()


def _closed_file(name: str, mode: str, encoding: str, errors: str) -> io.TextIOWrapper:
    """Make a closed file that says what the one said that it stands for; no file is touched."""
    raw: Any = io.FileIO(os.devnull, "r")
    found: Any = io.TextIOWrapper(io.BufferedReader(raw), encoding=encoding, errors=errors)
    raw.name, found.mode = name, mode
    found.close()
    return found  # type: ignore[no-any-return] # its attributes are set at run time


def _match(pattern: re.Pattern[Any], text: Any, start: int, end: int) -> Any:
    return pattern.search(text, start, end) or re.match("", "")
