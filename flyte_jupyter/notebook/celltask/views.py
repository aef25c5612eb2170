"""Arrays that look into the same memory: what one changes, the other shows."""

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from flyte_jupyter.notebook.celltask.kinds import ATOMS
from flyte_jupyter.tasks.slicing.origins import Origin, of_class


class SharedMemory(Exception):  # noqa: N818 - a reason, no error
    """An array shares memory in a way that cannot be brought back."""


def owners(
    made: Iterable[Any], inputs: Iterable[Any], others: Iterable[Any], numbers: Collection[int]
) -> set[int]:
    """Find the arrays whose memory others look into, by identity: they are written once, with their views.

    What a library's object is made of does not count: the library pickles it as it sees fit.

    Args:
        made: values that are written.
        inputs: the objects that the inputs are made of.
        others: values of other names.
        numbers: the objects of the inputs that are written as references, by identity.

    Raises:
        SharedMemory: an array shares memory with something that is not brought back with it.
    """
    if "numpy" not in sys.modules:
        return set()
    made, inputs, others = list(made), list(inputs), list(others)
    fixed = _by_owner(_arrays(inputs, ()))
    foreign = _by_owner(_arrays(others, ()))
    framed = _by_owner(inner for value in (*made, *inputs, *others) for inner in _arrays_of(value))
    new = _by_owner(_arrays(made, numbers))
    kept = set()
    for owner, arrays in new.items():
        if _overlap(arrays, (*foreign.get(owner, ()), *framed.get(owner, ()))):
            raise SharedMemory
        if _overlap(arrays, fixed.get(owner, ())):
            if owner not in numbers or arrays[0].dtype.hasobject:
                raise SharedMemory
            kept.add(owner)
        elif len(arrays) > 1:
            if not all(owner_of(array) is array or can_be_view(array) for array in arrays):
                raise SharedMemory
            kept.add(owner)
    return kept


def owner_of(array: Any) -> Any:
    """Give the object whose memory an array looks into; the array itself if it is its own."""
    while hasattr(array, "__array_interface__") and getattr(array, "base", None) is not None:
        array = array.base
    return array


def parts(array: Any) -> Any:
    """Take a view apart: the array that has the memory, and where in it the view looks."""
    owner = owner_of(array)
    offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return _view, (owner, offset, array.shape, array.strides, array.dtype, array.flags.writeable)


def can_be_view(array: Any) -> bool:
    """Whether a view can be taken apart and put together again."""
    numpy = sys.modules.get("numpy")
    owner = owner_of(array)
    if (
        numpy is None
        or owner is array
        or type(array) is not numpy.ndarray
        or type(owner) is not numpy.ndarray
    ):
        return False
    return not owner.dtype.hasobject and bool(owner.flags.c_contiguous or owner.flags.f_contiguous)


def _view(owner: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Any:
    numpy = sys.modules["numpy"]
    memory = owner.ravel(order="K").view(numpy.uint8)
    made = numpy.ndarray(shape, dtype, memory, offset, strides)
    if not writeable:
        made.flags.writeable = False
    return made


def _by_owner(arrays: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for array in arrays:
        found.setdefault(id(owner_of(array)), []).append(array)
    return found


def _overlap(arrays: Iterable[Any], others: Iterable[Any]) -> bool:
    others = list(others)
    return any(_touch(a, b) for a in arrays for b in others if a is not b)


def _touch(a: Any, b: Any) -> bool:
    if not a.flags.writeable and a.base is not None:  # pandas gives such views of a frame
        return False
    numpy = sys.modules["numpy"]
    try:
        return bool(numpy.shares_memory(a, b, max_work=10_000))
    except numpy.exceptions.TooHardError:
        return True


def _arrays(values: Iterable[Any], known: Collection[int]) -> Iterator[Any]:
    """Find the arrays in values, in containers and in objects of the user's classes."""
    todo, seen = list(values), dict[int, Any]()
    while todo:
        one = todo.pop()
        if type(one) in ATOMS or id(one) in seen or id(one) in known:
            continue
        seen[id(one)] = one
        if hasattr(one, "__array_interface__") and hasattr(one, "base"):
            yield one
        elif isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            todo += one
        elif of_class(type(one)) is Origin.LOCAL and not isinstance(one, type):
            todo += vars(one).values() if hasattr(one, "__dict__") else ()


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
