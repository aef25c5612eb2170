"""Whose code does something, told from the frames that led to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from flyte_jupyter.tasks.slicing.origins import Origin, of_path

_TELLING = frozenset(
    {"lscpu", "sysctl", "uname", "getconf", "ldconfig", "nproc", "nvidia-smi", "lsb_release", "rocm-smi"}
)
"""Programs that only tell about the machine."""

_IMPORTING = ("<frozen importlib", "<frozen zipimport")
_SHOWING = ("linecache.py", "tokenize.py", "inspect.py", "pyclbr.py", "pkgutil.py")


def tells_of_the_machine(args: tuple[Any, ...], frame: FrameType | None) -> bool:
    """Whether a library has a program say what machine this is."""
    given = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) and args[1] else args[:1]
    if not given or not isinstance(given[0], str | bytes | os.PathLike):
        return False
    if Path(os.fsdecode(given[0])).name not in _TELLING:
        return False
    origins = (of_path(name) for name in _files(frame) if not name.startswith("<frozen"))
    return next((o for o in origins if o is not Origin.PYTHON), Origin.LOCAL) is Origin.PACKAGE


def imports(frame: FrameType | None) -> bool:
    """Whether the import system looks for modules, or a library for what is installed."""
    first = next(_files(frame), "")
    return first.startswith(_IMPORTING) or f"{os.sep}importlib{os.sep}" in first


def shows_code(frame: FrameType | None) -> bool:
    """Whether code is read to be shown or compiled."""
    return next(_files(frame), "").endswith(_SHOWING)


def is_ours(frame: FrameType | None) -> bool:
    """Whether this package does it, and neither the user nor a library that the user calls."""
    origins = (of_path(name) for name in _files(frame) if not name.startswith("<"))
    return next((o for o in origins if o is not Origin.PYTHON), Origin.LOCAL) is Origin.OURS


def wants_it_new(frame: FrameType | None) -> bool:
    """Whether a folder that is there already is an error for who makes it."""
    if frame is None or frame.f_code.co_filename.endswith("tempfile.py"):  # which looks for a free name
        return False
    return not frame.f_locals.get("exist_ok", False)


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back
