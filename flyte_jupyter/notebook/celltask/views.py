"""Arrays that look into the same memory: what one changes, the other shows."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any


def shared(made: Iterable[Any], there: Iterable[Any]) -> str:
    """Say which two arrays share memory although only one of them, or each by itself, would be brought back.

    Args:
        made: objects that are written by value.
        there: objects that stay what they are.

    Returns:
        What they are, in words; empty if none do.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return ""
    made = list(made)
    inside = {id(array) for value in made for array in _arrays_of(value)}
    own = [value for value in made if type(value) is numpy.ndarray and id(value) not in inside]
    others = [
        array for value in there for array in (value, *_arrays_of(value)) if isinstance(array, numpy.ndarray)
    ]
    frames = [array for value in made for array in _arrays_of(value)]
    owners: dict[int, list[Any]] = {}
    for array in (*others, *frames):
        owners.setdefault(id(_owner(array)), []).append(array)
    for array in own:
        near = owners.setdefault(id(_owner(array)), [])
        if any(array is not other and _overlap(numpy, array, other) for other in near):
            return "an array in it looks into the memory of another one"
        near.append(array)
    return ""


def _overlap(numpy: Any, a: Any, b: Any) -> bool:
    if not (a.flags.writeable or b.flags.writeable):
        return False
    if not a.flags.writeable and a.base is not None:  # pandas gives such views of a frame
        return False
    try:
        return bool(numpy.shares_memory(a, b, max_work=10_000))
    except numpy.exceptions.TooHardError:
        return True


def _owner(array: Any) -> Any:
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _arrays_of(value: Any) -> Iterator[Any]:
    """Give the arrays that a frame or series of pandas is made of."""
    pandas = sys.modules.get("pandas")
    manager = getattr(value, "_mgr", None)
    if pandas is None or manager is None or not isinstance(value, pandas.DataFrame | pandas.Series):
        return
    for held in getattr(manager, "arrays", ()):
        array = getattr(held, "_ndarray", held)
        if type(array).__module__.partition(".")[0] == "numpy":
            yield array
