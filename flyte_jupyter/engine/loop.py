"""Event loops on threads of their own, for cells, scripts and threads; and a way to do without one."""

import concurrent.futures
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from flyte_jupyter.backends.bodies import Stopped, bodies
from flyte_jupyter.backends.interrupting import Interruption, keep_trying
from flyte_jupyter.backends.threads import running
from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.signal import Latch

T = TypeVar("T")

GRACE = 1.7
"""Seconds that an interrupted run has to end before its caller goes on; with the looks around, two."""

PATIENCE = 0.1
"""Seconds between looks at whether a wait has become pointless."""

_NOTHING = nullcontext()

_level: ContextVar[int] = ContextVar("flyte_jupyter_loop", default=0)


class Loops:
    """Event loops in the background, each from its first use to the end of the process.

    There is one for everybody. Only where a body on it calls something that blocks, it can serve nobody, so
    what is called there uses the next one.
    """

    def __init__(self) -> None:
        self._reset()

    def get(self) -> "asyncio.AbstractEventLoop":
        """Give the loop for this context, started if need be."""
        if self._pid != os.getpid():
            self._reset()  # a forked child has no threads for its parent's loops
        level = _level.get()
        with self._lock:
            while len(self._loops) <= level:
                self._loops.append(_started())
            return self._loops[level]

    def submit(self, coro: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Start a coroutine on the loop for this context, in a copy of this thread's context."""
        return asyncio.run_coroutine_threadsafe(coro, self.get())

    def has(self, loop: "asyncio.AbstractEventLoop") -> bool:
        """Whether a loop is one of these."""
        return loop in self._loops

    def avoid_this(self) -> None:
        """Let this context use the next loop if its own runs in this thread and would wait for itself."""
        if running() is not None and running() is self.get():
            _level.set(_level.get() + 1)

    def beside(self) -> AbstractContextManager[None]:
        """Let the code inside block, wherever this thread is."""
        here = running()
        return _NOTHING if here is None or here is not self.get() else self._next()

    @contextmanager
    def _next(self) -> Iterator[None]:
        token = _level.set(_level.get() + 1)
        try:
            yield
        finally:
            _level.reset(token)

    def unblock(self, is_ours: Callable[["asyncio.Task[Any]"], bool]) -> bool:
        """Stop synchronous code that keeps a loop from running, if it belongs to one of our tasks."""
        for loop in list(self._loops):
            task = asyncio.current_task(loop)
            if task is not None and is_ours(task) and not _answers(loop):
                return keep_trying(
                    partial(_cut, loop, task, Interruption(_threads[loop], Stopped)), GRACE / 2
                )
        return False

    def replace_stuck(self) -> None:
        """Give up loops that still do not run: what needs one from now on gets a new one."""
        for level, loop in enumerate(list(self._loops)):
            if not _answers(loop):
                with self._lock:
                    if self._loops[level] is loop:
                        self._loops[level] = _started()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loops: list[asyncio.AbstractEventLoop] = []
        self._pid = os.getpid()


_threads: "dict[asyncio.AbstractEventLoop, int]" = {}


def _started() -> "asyncio.AbstractEventLoop":
    loop = asyncio.new_event_loop()

    def work() -> None:
        _threads[loop] = threading.get_ident()
        while True:
            try:
                loop.run_forever()
            except Stopped:
                continue  # it came a moment too late for the code that it was meant for

    threading.Thread(target=work, name="flyte-loop", daemon=True).start()
    return loop


def _cut(loop: "asyncio.AbstractEventLoop", task: "asyncio.Task[Any]", interruption: Interruption) -> bool:
    """Stop the step that a task is in; True if it is, or has gone on meanwhile."""
    if asyncio.current_task(loop) is not task:
        return True
    return interruption.attempt()


def _answers(loop: "asyncio.AbstractEventLoop") -> bool:
    flag = threading.Event()
    loop.call_soon_threadsafe(flag.set)
    return flag.wait(2 * PATIENCE)


def engine_task(run: str) -> str:
    """Name the tasks that the engine itself makes on a loop for a run."""
    return f"flyte {run}"


def settled(future: "concurrent.futures.Future[T]") -> T:
    """Wait for a result; in small steps, so that stopping the body that waits here is noticed.

    Raises:
        Stopped: that body was stopped.
        BaseException: what the future was given.
    """
    while True:
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if future.done():
                return future.result()  # the time was not ours
        bodies.check()


def waited(future: "concurrent.futures.Future[T]") -> T:
    """Wait for a result; an interrupt cancels what is waited for and gives it a moment to end."""
    try:
        return settled(future)
    except (KeyboardInterrupt, Stopped):
        future.cancel()
        concurrent.futures.wait([future], timeout=GRACE)
        raise


def drive(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, on this thread and without a loop.

    While it runs, this thread has no running loop: code inside may start one of its own, and the parts of
    the engine that can either suspend or block see that they have to block.
    """
    outer = running()
    if outer is not None:
        asyncio._set_running_loop(None)  # noqa: SLF001 - documented for implementers of loops
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # the coroutine's own return value
    finally:
        if outer is not None:
            asyncio._set_running_loop(outer)  # noqa: SLF001
    coro.close()
    raise RuntimeError("a coroutine that was to run without a loop waited for something")


async def pause(seconds: float, stopped: Latch) -> None:
    """Wait; without a running loop, by blocking. A stopped run ends the wait.

    Raises:
        Stopped: the run was stopped in the meantime (without a loop; with one, the task is cancelled).
    """
    if running() is not None:
        await asyncio.sleep(seconds)
        return
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if stopped.wait(min(left, PATIENCE)):
            raise Stopped
        bodies.check()


loop = Loops()
