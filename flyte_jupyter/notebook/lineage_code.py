"""The content of code that a notebook's values are or hold: digests of slices, and what differs in words."""

import sys
from collections.abc import Callable, Mapping
from inspect import getattr_static
from types import FunctionType
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.notebook.lineage_weight import is_heavy
from flyte_jupyter.tasks.slicing import changes
from flyte_jupyter.tasks.slicing.guards import Place
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_function
from flyte_jupyter.tasks.slicing.values import OpaqueError
from flyte_jupyter.tasks.slicing.walk import Walk
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.template import TaskTemplate

_TOLD = 2_048
"""So many digests can be explained, the latest ones."""


class _Light(Walk):
    """A walk at the end of a cell: it takes large values for new ones instead of digesting them."""

    def __init__(self) -> None:
        super().__init__(vars(sys.modules["__main__"]))

    def bind(self, value: object, name: str, place: Place, *, soft: bool = False) -> str:
        """Name what was found at a place; a large value by the object that it is."""
        if not is_heavy(value):
            return super().bind(value, name, place, soft=soft)
        self.guards.same(place, value)
        return self._opaque(value, name, OpaqueError("it is large"))

    def content(self, value: object, place: Place) -> str:
        """Hash what was found at a place; nothing of a large value."""
        if not is_heavy(value):
            return super().content(value, place)
        self.guards.same(place, value)
        return ""


_walked = Held(256)
_parts: dict[str, Mapping[str, str]] = {}


def function_of(value: Any) -> Any:
    """Give the function that a value is or, for a task, runs; None for any other value."""
    if isinstance(value, FunctionType):
        return value
    return getattr(value, "func", None) if isinstance(value, TaskTemplate) else None


def code_content(value: Any) -> str:
    """Digest the slice of a function, task or class of the user's, or what wraps one; empty for any other."""
    func = function_of(value)
    if func is not None and not (isinstance(func, FunctionType) and of_function(func) is not Origin.LOCAL):
        found = slice_of(func)
        return _explained(found.version, found.mapping)
    if not _holds_code(value):
        return ""
    known = _walked.get(value)
    if known is None or not known[1].holds():
        known = _walked.put(value, walk_over(lambda walk: walk.refer(value)))
    return str(known[0])


def contents() -> Callable[[Any], str]:
    """Give ``code_content`` for one moment: it looks at the class of many objects once."""
    found: dict[int, str] = {}

    def content(value: Any) -> str:
        if isinstance(value, type):
            known = found.get(id(value))
            return known if known is not None else found.setdefault(id(value), code_content(value))
        return code_content(value) if callable(value) or isinstance(value, TaskTemplate) else ""

    return content


def _holds_code(value: Any) -> bool:
    """Whether it is a class of the user's, or something of a library that may hold code of the user's."""
    if isinstance(value, type):
        return of_class(value) is Origin.LOCAL
    if isinstance(value, FunctionType):
        return bool(value.__closure__)
    return callable(value) and callable(getattr_static(value, "__wrapped__", None))


def walk_over(begin: Callable[[Walk], object]) -> tuple[str, Walk]:
    """Digest what a walk finds; also give the walk, which tells whether that is still so."""
    walk = _Light()
    start = str(begin(walk))
    parts = tuple(walk.parts.values())
    lines = sorted(f"{part.name} {part.kind} {part.digest}" for part in parts)
    return _explained(digest("code", start, *lines), lambda: changes.mapping(parts)), walk


def differences(old: str, new: str) -> list[str]:
    """Say in sentences what differs between the code of two digests; nothing where one is not known."""
    before, after = _parts.get(old), _parts.get(new)
    return [] if before is None or after is None else [str(c) for c in changes.between(before, after)]


def _explained(content: str, mapping: Callable[[], Mapping[str, str]]) -> str:
    """Keep what a digest was made of."""
    if content not in _parts:
        _parts[content] = mapping()
        while len(_parts) > _TOLD:
            del _parts[next(iter(_parts))]
    return content
