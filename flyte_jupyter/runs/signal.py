"""A signal from one thread to another that an interrupt cannot break.

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
