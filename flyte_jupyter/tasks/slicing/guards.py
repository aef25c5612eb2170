"""What must still hold for an earlier answer to be true: looked at on each call, in microseconds."""

import os
from collections.abc import Callable
from pathlib import Path
from types import CellType
from typing import Any

from flyte_jupyter.tasks.slicing.values import OpaqueError, Refer, fingerprint

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "missing"})()
"""Stands for what is not there."""

Fetch = Callable[[Any, Any], object]
Place = tuple[Fetch, Any, Any]
"""Where a value is found, as a function and its two arguments, so that it can be looked up again."""


def entry(mapping: Any, key: str) -> object:
    """Look up a name in a namespace."""
    return mapping.get(key, MISSING)


def item(sequence: Any, at: int) -> object:
    """Look up a position."""
    return sequence[at] if sequence is not None and at < len(sequence) else MISSING


def attribute(value: Any, name: str) -> object:
    """Look up an attribute."""
    return getattr(value, name, MISSING)


def content(cell: CellType, _: None) -> object:
    """Look into a closure's cell."""
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return MISSING


def stamp(path: str, _: None) -> object:
    """Tell a file's version without reading it."""
    try:
        facts = Path(path).stat()
    except OSError:
        return None
    return (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size)


def variable(name: str, _: None) -> object:
    """Look up a variable of the environment: of this process, not of the body that runs here."""
    return os.environb.get(os.fsencode(name))


class Guards:
    """All that an answer rests on.

    Names bound to code or to simple values must be bound to the same objects still. Values that can change in
    place are hashed again; they are not held, so that a large frame can be freed.
    """

    __slots__ = ("_equal", "_hashed", "_same", "_sizes")

    def __init__(self) -> None:
        self._same: list[tuple[Fetch, Any, Any, object]] = []
        self._equal: list[tuple[Fetch, Any, Any, object]] = []
        self._hashed: list[tuple[Fetch, Any, Any, str]] = []
        self._sizes: list[tuple[Any, int]] = []

    def same(self, place: Place, value: object) -> None:
        """Require that the very same object is found there."""
        self._same.append((*place, value))

    def equal(self, place: Place, value: object) -> None:
        """Require that something equal is found there."""
        self._equal.append((*place, value))

    def hashed(self, place: Place, digest: str) -> None:
        """Require that a value with the same content is found there."""
        self._hashed.append((*place, digest))

    def sized(self, mapping: Any) -> None:
        """Require that no name is added."""
        self._sizes.append((mapping, len(mapping)))

    def hold(self, known: Refer) -> bool:
        """Tell whether nothing has changed; ``known`` raises LookupError for code that was not met before."""
        for fetch, a, b, value in self._same:  # loops: they are run by every call of a task
            if fetch(a, b) is not value:
                return False
        for mapping, size in self._sizes:
            if len(mapping) != size:
                return False
        for fetch, a, b, value in self._equal:
            if fetch(a, b) != value:
                return False
        return not self._hashed or self._hashes_hold(known)

    def _hashes_hold(self, known: Refer) -> bool:
        try:
            return all(fingerprint(fetch(a, b), known) == digest for fetch, a, b, digest in self._hashed)
        except (LookupError, OpaqueError):
            return False
