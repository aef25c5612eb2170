"""Threads for synchronous bodies: as many as are running, reused when idle, and interruptible.

A bounded pool would deadlock when synchronous tasks call synchronous tasks, so there is no bound here.
"""

import asyncio
import contextvars
import ctypes
import os
import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_IDLE_SECONDS = 10.0


class Stopped(BaseException):
    """Raised in a synchronous body when its run is stopped. No ``except Exception`` catches it."""


class Threads:
    """Start work at once, on an idle thread or a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._pid = os.getpid()

    def start(self, work: Callable[[], None]) -> None:
        """Run ``work`` soon on a thread of its own."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child has none of its parent's threads
                self._idle, self._pid = [], os.getpid()
            worker = self._idle.pop() if self._idle else None
        (worker or _Worker(self)).tasks.put(work)

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
            with suppress(Stopped):  # it may arrive after the body has ended
                work()
            del work
            self._owner.rest(self)


threads = Threads()


class Bodies:
    """Which threads run synchronous bodies of which run, so that a run can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, list[int]] = defaultdict(list)
        self._hit: set[int] = set()

    def enter(self, run: str) -> None:
        """Mark this thread as running a body of a run; ``leave`` must follow."""
        with self._lock:
            self._running[run].append(threading.get_ident())

    def leave(self, run: str) -> None:
        """Undo ``enter``."""
        ident = threading.get_ident()
        with self._lock:
            idents = self._running[run]
            idents.remove(ident)
            if not idents:
                del self._running[run]
            # Raised but not yet delivered: it may hit an outer body of this thread, but nothing after that.
            if ident in self._hit and not any(ident in others for others in self._running.values()):
                self._hit.discard(ident)
                _set_async_exception(ident, None)

    def stop(self, run: str) -> None:
        """Raise ``Stopped`` in every body of the run; a body inside of a C call sees it when that returns."""
        with self._lock:
            for ident in set(self._running.get(run, ())):
                self._raise(ident)

    def stop_thread(self, ident: int) -> None:
        """Raise ``Stopped`` in one thread, if it still runs a body."""
        with self._lock:
            if any(ident in idents for idents in self._running.values()):
                self._raise(ident)

    def _raise(self, ident: int) -> None:
        if ident != threading.get_ident():
            self._hit.add(ident)
            _set_async_exception(ident, Stopped)


bodies = Bodies()


async def in_thread(func: Callable[[], Any], run: str) -> Any:
    """Call a function on a thread of its own, in a copy of this context; cancelling stops it.

    After a cancel nobody waits for the thread: its late result is thrown away.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    ident: list[int] = []
    context = contextvars.copy_context()

    def work() -> None:
        ident.append(threading.get_ident())
        result, error = _outcome(context, func, run)
        if not done.cancelled():
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, result, error)

    threads.start(work)
    try:
        return await done
    except asyncio.CancelledError:
        if ident:
            bodies.stop_thread(ident[0])
        raise


def _outcome(
    context: contextvars.Context, func: Callable[[], Any], run: str
) -> tuple[Any, BaseException | None]:
    bodies.enter(run)
    try:
        return context.run(func), None
    except BaseException as error:  # noqa: BLE001 - it is handed to the waiting coroutine
        return None, error
    finally:
        bodies.leave(run)


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError(f"the task raised StopIteration({error.value!r})"))
    else:
        future.set_exception(error)


def _set_async_exception(ident: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(ident), ctypes.py_object(kind) if kind is not None else None
    )
