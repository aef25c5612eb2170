"""Threads for synchronous bodies: as many as are running, reused when idle.

A bounded pool would deadlock when synchronous tasks call synchronous tasks, so there is no bound here.
"""

import concurrent.futures
import contextvars
import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from flyte_jupyter.backends.bodies import Body, Stopped, bodies
from flyte_jupyter.loading import asyncio

T = TypeVar("T")

_IDLE_SECONDS = 10.0

_known: "Callable[[], asyncio.AbstractEventLoop | None] | None" = None


def running() -> "asyncio.AbstractEventLoop | None":
    """Give the event loop that runs in this thread, ours or another."""
    global _known  # noqa: PLW0603 - there is one such function in a process
    if _known is None:
        events = sys.modules.get("asyncio.events")  # none runs where nobody has loaded it
        _known = getattr(events, "_get_running_loop", None)  # documented for implementers of loops
        if _known is None:
            return None
    return _known()


class Threads:
    """Start work at once, on an idle thread or a new one."""

    def __init__(self) -> None:
        self._reset()

    def start(self, work: Callable[[], None]) -> None:
        """Run ``work`` soon on a thread of its own; what it raises ends that thread."""
        if self._pid != os.getpid():
            self._reset()  # a forked child has none of its parent's threads
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        (worker or _Worker(self)).tasks.put(work)

    def begin(self, make: Callable[[], T]) -> "concurrent.futures.Future[T]":
        """Call a function on a thread of its own; gives its outcome to come."""
        made: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.start(lambda: settle(made, make))
        return made

    def rest(self, worker: "_Worker") -> None:
        """Take a thread back."""
        with self._lock:
            self._idle.append(worker)

    def dismiss(self, worker: "_Worker") -> bool:
        """Let an idle thread go; False if it was given work in the meantime."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            return True

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._pid = os.getpid()


class _Worker:
    def __init__(self, owner: Threads) -> None:
        self.tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._owner = owner
        threading.Thread(target=self._run, name="flyte-task", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                work = self.tasks.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                if self._owner.dismiss(self):
                    return
                continue
            work()
            del work
            self._owner.rest(self)


def settle(made: "concurrent.futures.Future[T]", make: Callable[[], T]) -> None:
    """Give a future what a function returns or raises, unless it was cancelled before."""
    if not made.set_running_or_notify_cancel():
        return
    try:
        made.set_result(make())
    except BaseException as error:  # noqa: BLE001 - handed to who waits
        made.set_exception(error)


threads = Threads()


async def in_thread(func: Callable[[], Any], body: Body) -> Any:
    """Call a function that runs ``body`` on a thread of its own, in a copy of this context.

    Cancelling stops it. After that nobody waits for the thread: its late result is thrown away.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        result, error = _outcome(context, func)
        if not done.cancelled():
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, result, error)

    threads.start(work)
    try:
        return await done
    except asyncio.CancelledError:
        if done.cancelled():  # otherwise the body itself raised it
            bodies.abandon(body)
        raise


def _outcome(context: contextvars.Context, func: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return context.run(func), None
    except BaseException as error:  # noqa: BLE001 - it is handed to the waiting coroutine
        return None, error


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError(f"the task raised StopIteration({error.value!r})"))
    else:
        future.set_exception(error)


__all__ = ["Stopped", "Threads", "in_thread", "running", "threads"]
