"""Locks that are free in a forked child, whichever of its parent's threads held them when it was forked."""

import threading
from typing import Any
from weakref import WeakSet

_made: "WeakSet[Any]" = WeakSet()


def guard() -> threading.Lock:
    """Make a lock for short steps in memory, which are harmless where a fork cuts them off."""
    lock = threading.Lock()
    _made.add(lock)
    return lock


def free() -> None:
    """Free all of them, in a forked child: the threads that held them are not there."""
    for lock in list(_made):
        if lock.locked():
            lock.release()
