"""Waiting for something that another thread brings: awaited on an event loop, or by blocking without one."""

import threading
from typing import Any

from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.backends.threads import running

LOOK = 0.1
"""Seconds between looks whether a thread that waits was stopped."""


class Turn:
    """What one waits for, who is on the event loop or thread that made it."""

    __slots__ = ("_event", "_future", "_loop")

    def __init__(self) -> None:
        loop = self._loop = running()
        self._future: Any = None if loop is None else loop.create_future()
        self._event = threading.Event() if loop is None else None

    def come(self) -> bool:
        """Say that it is there, from any thread; False if nobody can wait any more."""
        if self._event is not None:
            self._event.set()
        elif self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(_settle, self._future)
            except RuntimeError:
                return False  # its loop is closed
        return True

    async def wait(self) -> None:
        """Wait until it is there.

        Raises:
            Stopped: the body of this thread was stopped (without a loop; with one, the task is cancelled).
        """
        if self._event is None:
            await self._future
            return
        while not self._event.wait(LOOK):
            bodies.check()


def _settle(future: Any) -> None:
    if not future.done():
        future.set_result(None)
