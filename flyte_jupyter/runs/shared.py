"""The stores that this process has open: one for a folder, closed at its end, let go of in a forked child."""

import atexit
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from flyte_jupyter import guards
from flyte_jupyter.runs.forks import gate


class Shareable(Protocol):
    """A store, as far as it is shared."""

    folder: Path
    users: int

    @property
    def gone(self) -> bool:
        """Whether its files are no longer what they were."""

    def end(self) -> None:
        """Write the rest and close."""

    def rest(self) -> None:
        """Close the connections to the database, which nobody uses now; the next use opens others."""

    def forked(self) -> None:
        """Let go of what is the parent's, in a forked child."""


S = TypeVar("S", bound=Shareable)


def shared(folder: Path, make: Callable[[Path], S]) -> S:
    """Give the store of a folder; each call is one more user of it."""
    with _open.lock:
        found: S | None = _open.stores.get(folder)
        if found is None or found.gone:
            found = _open.stores[folder] = make(folder)
        found.users += 1
        return found


def left(store: Shareable) -> bool:
    """Count one user less; True if that was the last one."""
    with _open.lock:
        store.users -= 1
        if store.users > 0:
            return False
        if _open.stores.get(store.folder) is store:
            del _open.stores[store.folder]
        return True


def watch(store: Shareable) -> None:
    """Care for a store at the interpreter's end and in forked children."""
    if not _open.hooked:
        _open.hooked = True
        atexit.register(_end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_forking, after_in_parent=gate.open, after_in_child=_forked)
    _open.watched.add(store)


class _Open:
    """What is open."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.stores: dict[Path, Any] = {}
        self.watched: WeakSet[Shareable] = WeakSet()
        self.hooked = False


def _end() -> None:
    for store in list(_open.watched):
        store.end()


def _forking() -> None:
    if gate.shut():
        for store in list(_open.watched):
            store.rest()


def _forked() -> None:
    gate.renew()
    guards.free()
    _open.lock = Lock()  # another thread of the parent may have held it
    for store in list(_open.watched):
        store.forked()


_open = _Open()
