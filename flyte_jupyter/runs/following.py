"""Waiting for a run's next events, written by this process or another."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Protocol

from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.events import Event
from flyte_jupyter.runs.signal import Signal

_POLL = 0.1  # seconds until what another process wrote is seen

Listen = Callable[[Callable[[], None]], Callable[[], None]]
"""Has a callback called after each batch of this process; returns what ends that."""


class Log(Protocol):
    """A place with events to follow."""

    def events(self, run: str, after: int = 0) -> list[tuple[int, Event]]:
        """Read events behind ``after``."""

    def last(self, run: str) -> int:
        """Tell the number of the last event."""

    def over(self, run: str) -> bool:
        """Tell whether the run has ended."""


def wait(log: Log, listen: Listen, run: str, after: int, timeout: float | None) -> bool:
    """Block until the run has an event behind ``after``; False if ``timeout`` seconds passed before."""
    limit = None if timeout is None else monotonic() + timeout
    flag = Signal()
    end = listen(flag.set)
    try:
        while log.last(run) <= after:
            left = _POLL if limit is None else min(_POLL, limit - monotonic())
            if left <= 0:
                return False
            flag.wait(left)
    finally:
        end()
    return True


async def follow(log: Log, listen: Listen, run: str, after: int) -> AsyncIterator[tuple[int, Event]]:
    """Give a run's events behind ``after`` with their numbers, as they come, up to its end."""
    with woken(listen) as flag:
        while True:
            flag.clear()
            done = log.over(run)
            for number, event in log.events(run, after):
                yield number, event
                after = number
            if done:
                return
            await _either(flag)


@contextmanager
def woken(listen: Listen) -> "Iterator[asyncio.Event]":
    """Give a flag that each batch of this process sets."""
    loop, flag = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(flag.set)

    end = listen(tell)
    try:
        yield flag
    finally:
        end()


async def _either(flag: "asyncio.Event") -> None:
    """Wait for the flag, but no longer than another process's events may take to be seen."""
    try:
        async with asyncio.timeout(_POLL):
            await flag.wait()
    except TimeoutError:
        return
