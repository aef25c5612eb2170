"""How much work it is to digest a value, estimated without a walk over its data."""

from collections.abc import Sized
from contextlib import suppress
from typing import Any

_LARGE = 512 * 1024 * 1024
"""Bytes of arrays that are digested in a moment that nobody notices at the end of a cell."""

_OBJECT, _LETTER = 2_500, 80
"""So many bytes of an array are digested in the time of one Python object, or of one letter of a text."""


def is_heavy(value: Any) -> bool:
    """Whether digesting a value would hold up the cell that made it."""
    return _weight(value) > _LARGE


def _weight(value: Any) -> int:
    """Estimate the bytes of an array that are digested in the same time."""
    if isinstance(value, str):
        return len(value) * _LETTER
    if isinstance(value, list | dict | set | tuple | frozenset):
        return len(value) * _OBJECT * _each(value)
    if hasattr(value, "memory_usage"):
        with suppress(Exception):  # looking at values runs their own code
            return _frame(value)
        return 0
    size = getattr(value, "nbytes", None)
    return size if isinstance(size, int) else 0


def _each(values: Any) -> int:
    """Estimate how many objects one element holds, from the first."""
    first = next(iter(values.values() if isinstance(values, dict) else values), None)
    return len(first) if isinstance(first, Sized) and not isinstance(first, str | bytes) else 1


def _frame(value: Any) -> int:
    """Weigh a frame or a column; texts that pandas keeps as Arrow data are arrays."""
    dtypes: Any = getattr(value, "dtypes", None)
    columns = list(dtypes) if hasattr(dtypes, "__iter__") else [dtypes]
    objects = sum(bool(dtype == "object") for dtype in columns)
    usage: Any = value.memory_usage(deep=False)
    size = int(usage if isinstance(usage, int) else usage.sum())
    return size + objects * len(value) * _OBJECT
