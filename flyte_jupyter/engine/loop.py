"""One event loop on a thread of its own, for cells, scripts and threads; and a way to do without it."""

import asyncio
import concurrent.futures
import contextvars
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from flyte_jupyter.backends.threads import Stopped

T = TypeVar("T")

GRACE = 2.0
"""Seconds that an interrupted run has to come to an end before its caller goes on."""


class Loop:
    """An event loop that runs in the background from its first use to the end of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def get(self) -> asyncio.AbstractEventLoop:
        """Give the loop, started if need be."""
        if self._loop is not None and self._pid == os.getpid():
            return self._loop
        with self._lock:
            if self._loop is None or self._pid != os.getpid():  # a forked child has no thread for it
                self._pid = os.getpid()
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="flyte-loop", daemon=True).start()
            return self._loop

    def submit(self, coro: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Start a coroutine on the loop, in a copy of this thread's context."""
        return asyncio.run_coroutine_threadsafe(coro, self.get())

    def is_here(self) -> bool:
        """Whether this thread runs the loop: waiting here would wait for itself."""
        return self._loop is not None and asyncio._get_running_loop() is self._loop  # noqa: SLF001


def waited(future: "concurrent.futures.Future[T]") -> T:
    """Wait for a result; an interrupt cancels what is waited for and gives it a moment to end."""
    try:
        return future.result()
    except (KeyboardInterrupt, Stopped):
        future.cancel()
        concurrent.futures.wait([future], timeout=GRACE)
        raise


def drive(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, on this thread and without a loop.

    While it runs, this thread has no running loop: code inside may start one of its own, and the parts of
    the engine that can either suspend or block see that they have to block.
    """
    outer = asyncio._get_running_loop()  # noqa: SLF001 - documented for implementers of loops
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # the coroutine's own return value
    finally:
        asyncio._set_running_loop(outer)  # noqa: SLF001
    coro.close()
    raise RuntimeError("a coroutine that was to run without a loop waited for something")


async def pause(seconds: float, stopped: threading.Event) -> None:
    """Wait; without a running loop, by blocking. A stopped run ends the wait.

    Raises:
        Stopped: the run was stopped in the meantime (without a loop; with one, the task is cancelled).
    """
    if asyncio._get_running_loop() is not None:  # noqa: SLF001
        await asyncio.sleep(seconds)
    elif stopped.wait(seconds):
        raise Stopped


def elsewhere(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new loop in a new thread and wait for it."""
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            future.set_result(context.run(asyncio.run, coro))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            future.set_exception(error)

    threading.Thread(target=work, name="flyte-elsewhere", daemon=True).start()
    return future.result()


loop = Loop()
