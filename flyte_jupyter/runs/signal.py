"""Signals between threads that an interrupt cannot break.

``threading.Event`` takes its lock in Python code: the exception of an interrupt in the middle of that leaves
the lock taken, and whoever sets the event waits for ever. Here each step is one call into the interpreter.
"""

from contextlib import suppress
from threading import Lock


class Signal:
    """Something that any thread sets and one thread waits for; being waited for unsets it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the one who waits, or will wait, go on."""
        with suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, timeout: float = -1) -> bool:
        """Wait until it is set, ``timeout`` seconds at most; tell whether it was."""
        return self._lock.acquire(timeout=timeout)


class Latch:
    """Something that is set once, and that any number of threads wait for; cheaper than an ``Event``."""

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock = Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let all who wait, or will wait, go on."""
        if not self._is_set:
            self._is_set = True
            self._open()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, ``timeout`` seconds at most; tell whether it is."""
        if self._is_set:
            return True
        if self._lock.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            self._open()  # for the next one who waits
        return self._is_set

    def _open(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # two at once, and another one was first
            return
