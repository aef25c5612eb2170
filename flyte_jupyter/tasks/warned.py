"""Warnings about a task's function: at its line, once for each definition."""

import warnings
from collections.abc import Callable
from typing import Any

_told: set[tuple[str, int, str]] = set()


def warn_once(func: Callable[..., Any], about: str, text: str) -> None:
    """Warn, unless this was said of this definition.

    Args:
        func: the function.
        about: what the warning is about; said once.
        text: what to say.
    """
    code = getattr(func, "__code__", None)
    place = (code.co_filename, code.co_firstlineno) if code is not None else ("<task>", 1)
    if (*place, about) not in _told:
        _told.add((*place, about))
        warnings.warn_explicit(text, UserWarning, *place)
