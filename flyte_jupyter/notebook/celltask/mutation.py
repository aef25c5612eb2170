"""What a cell changes in place: the objects that its inputs are made of, before and after."""

import gc
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

from flyte_jupyter.notebook.celltask.kinds import ATOMS, Kind, kind_of
from flyte_jupyter.tasks.slicing.origins import OUR_NAME

_CODE = (FunctionType, BuiltinFunctionType, ModuleType, type, FrameType, TracebackType)
"""Where a walk over data ends: a frame leads to all names of the notebook."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An object whose content is another one now.

    Args:
        at: its place among the objects of the heap.
        value: the object.
        kind: how its content is taken and put back.
        name: the name from which it was reached.
        fits: whether its new content has room in it as it was.
    """

    at: int
    value: Any
    kind: Kind
    name: str
    fits: bool = True


class Heap:
    """The objects that can be reached from names, numbered in an order that depends on their content alone.

    Equal inputs give equal numbers in every process, so a number says which object is meant.

    Args:
        values: the values, by name.
        known: objects that are looked at elsewhere, by identity: the walk ends there.
    """

    def __init__(self, values: Mapping[str, Any], known: Container[int] = ()) -> None:
        self._known = known
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.nameless: dict[int, tuple[Any, str]] = {}
        self._kinds: list[Kind] = []
        self._names: list[str] = []
        self._before: list[Any] = []
        self._held: dict[int, Any] = {}
        for name, value in values.items():
            self._walk(name, value)

    def name_of(self, value: Any) -> str:
        """Give the name from which an object was reached; empty if it was not."""
        at = self.numbers.get(id(value))
        if at is not None:
            return self._names[at]
        return self.nameless.get(id(value), (None, ""))[1]

    def watch(self) -> None:
        """Take note of the content of all objects as it is now."""
        self._before = [kind.look(value) for kind, value in zip(self._kinds, self.objects, strict=True)]

    def changed(self) -> list[Changed]:
        """Find the objects whose content is not what it was when ``watch`` was called."""
        found = []
        for at, (value, kind, before) in enumerate(zip(self.objects, self._kinds, self._before, strict=True)):
            now = kind.look(value)
            if not kind.same(before, now):
                found.append(Changed(at, value, kind, self._names[at], kind.fits(before, now)))
        return found

    def kind(self, at: int) -> Kind:
        """Tell how the content of an object is taken and put back."""
        return self._kinds[at]

    def _walk(self, name: str, value: Any) -> None:
        todo = [value]
        while todo:
            one = todo.pop()
            cls = type(one)
            if self._ends(one):
                continue
            self._held[id(one)] = one
            if cls is tuple or isinstance(one, tuple):
                todo += reversed(one)
            elif isinstance(one, frozenset):
                self._unnamed(name, one)
            elif isinstance(one, MethodType):
                todo.append(one.__self__)
            elif cls is partial:
                todo += (one.keywords, one.args)
            else:
                todo += reversed(self._number(name, one))

    def _ends(self, value: Any) -> bool:
        if type(value) in ATOMS or isinstance(value, _CODE):
            return True
        return id(value) in self._held or id(value) in self._known

    def _number(self, name: str, value: Any) -> list[Any]:
        """Give an object its number; returns what it is made of."""
        kind = kind_of(value)
        self.numbers[id(value)] = len(self.objects)
        self.objects.append(value)
        self._kinds.append(kind)
        self._names.append(name)
        if _is_ours(value):
            return []
        if kind.parts is not None:
            parts = list(kind.parts(value))
            return [] if ATOMS.issuperset(map(type, parts)) else parts
        self._unnamed(name, *_inside(value))
        return []

    def _unnamed(self, name: str, *values: Any) -> None:
        """Take note of objects that have no order of their own, such as those in a set."""
        todo = list(values)
        while todo:
            one = todo.pop()
            if self._ends(one):
                continue
            self._held[id(one)] = one
            if not isinstance(one, tuple | frozenset):
                self.nameless[id(one)] = (one, name)
            todo += _inside(one)


def _is_ours(value: Any) -> bool:
    """Whether it is a handle: behind it is the engine, and the notebook's shell with all that there is."""
    return type(value).__module__.partition(".")[0] == OUR_NAME


def _inside(value: Any) -> Iterable[Any]:
    """Give what an object of any type refers to, as far as it may be data."""
    if _is_ours(value):
        return ()
    if isinstance(value, set | frozenset | tuple | list):
        return list(value)
    # Asked of the class: a configuration makes up any attribute that it is asked for.
    if hasattr(type(value), "dtype") and getattr(value.dtype, "hasobject", False):
        return list(value.ravel()) if hasattr(value, "ravel") else ()
    if type(value).__module__.partition(".")[0] in {"numpy", "pandas", "polars", "pyarrow"}:
        return ()
    return [one for one in gc.get_referents(value) if not isinstance(one, _CODE)]
