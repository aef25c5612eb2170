"""A worker's side of the wire: whoever waits for something reads, and hands on what is for others.

There is no thread for reading, so a body that calls a task wakes up itself when the answer is there. Threads
that wait at the same time take turns: one reads, and when it has its own answer it lets another one read.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flyte_jupyter.backends.wire import Frame, Received, Wire, close_files

REPLY = "reply"
Order = Received


class _Waiting:
    """Somebody who waits for an answer."""

    __slots__ = ("answer", "event", "future", "loop")

    def __init__(self) -> None:
        self.answer: Received | None = None
        self.event: threading.Event | None = None
        self.future: asyncio.Future[Received] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None


class Desk:
    """Sends questions to the kernel and gives each answer to who asked.

    Args:
        wire: the connection.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reading = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._orders: deque[Received] = deque()
        self._next = 0
        self._called = threading.Event()  # whoever waits for orders
        self._at_desk = False  # who waits for orders reads
        self._loops: dict[asyncio.AbstractEventLoop, int] = {}
        self.ordered: Callable[[], object] | None = None
        self.flush: Callable[[], object] = _nothing
        """Tells what was printed so far: it comes before what is called prints anything."""

    def tell(self, frame: Frame, files: Sequence[int] = ()) -> None:
        """Send something that needs no answer; without a kernel this process has no reason to live."""
        try:
            self._wire.send(frame, files)
        except OSError:
            os._exit(0)

    def ask(self, make: Callable[[int], Frame], files: Sequence[int] = ()) -> Received:
        """Ask and wait for the answer, on this thread."""
        waiting = _Waiting()
        waiting.event = threading.Event()
        self.flush()
        number = self._enter(waiting)
        try:
            self.tell(make(number), files)
            self._wait(waiting.event, lambda: waiting.answer is not None)
        finally:
            self._waiting.pop(number, None)
        assert waiting.answer is not None  # noqa: S101 - for the type checker
        return waiting.answer

    async def aask(self, make: Callable[[int], Frame], files: Sequence[int] = ()) -> Received:
        """Ask and await the answer on the loop that is running."""
        waiting = _Waiting()
        waiting.loop = asyncio.get_running_loop()
        waiting.future = waiting.loop.create_future()
        self.flush()
        number = self._enter(waiting)
        self.watch(waiting.loop)
        try:
            self.tell(make(number), files)
            return await waiting.future
        finally:
            self._waiting.pop(number, None)
            self.unwatch(waiting.loop)

    def order(self) -> Received:
        """Wait for the next order of the kernel."""
        while not self._orders:
            if self._reading.acquire(blocking=False):
                self._at_desk = True
                try:
                    while not self._orders:
                        self._read(wait=True)
                finally:
                    self._at_desk = False
                    self._reading.release()
                    if self._waiting:
                        self._hand_on()
            else:
                self._called.wait()
                self._called.clear()
        return self._orders.popleft()

    def next_order(self, fits: Callable[[Received], bool]) -> Received | None:
        """Give the next order, if it has come already and fits."""
        return self._orders.popleft() if self._orders and fits(self._orders[0]) else None

    def has_order(self) -> bool:
        """Whether an order has come."""
        return bool(self._orders)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a loop read while something on it waits."""
        count = self._loops.get(loop, 0)
        self._loops[loop] = count + 1
        if not count:
            loop.add_reader(self._wire.fileno(), self._readable)

    def unwatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Undo one ``watch``."""
        self._loops[loop] -= 1
        if not self._loops[loop]:
            del self._loops[loop]
            with suppress(RuntimeError):  # the loop was closed
                loop.remove_reader(self._wire.fileno())

    # Inside

    def _enter(self, waiting: _Waiting) -> int:
        with self._guard:
            self._next += 1
            self._waiting[self._next] = waiting
            return self._next

    def _wait(self, event: threading.Event, ready: Callable[[], bool]) -> None:
        while not ready():
            if self._reading.acquire(blocking=False):
                try:
                    while not ready():
                        self._read(wait=True)
                finally:
                    self._reading.release()
                    self._hand_on()
            else:
                event.wait()
                event.clear()

    def _hand_on(self) -> None:
        """Wake somebody who waits, to read from here on."""
        for waiting in list(self._waiting.values()):
            if waiting.event is not None and waiting.answer is None:
                waiting.event.set()
                return
        self._called.set()

    def _readable(self) -> None:
        if self._reading.acquire(blocking=False):
            try:
                self._read(wait=False)
            finally:
                self._reading.release()
                if len(self._waiting) > 1:
                    self._hand_on()

    def _read(self, *, wait: bool) -> None:
        received = self._wire.receive(wait=wait)
        if received is None:
            os._exit(0)  # the kernel is gone, or needs this worker no more
        for one in received:
            if one.frame[0] == REPLY:
                self._answer(self._waiting.get(one.frame[1]), one)
            else:
                self._orders.append(one)
                self._wake_main()

    def _wake_main(self) -> None:
        if self.ordered is not None:
            self.ordered()
        elif not self._at_desk:
            self._called.set()

    @staticmethod
    def _answer(waiting: _Waiting | None, one: Received) -> None:
        if waiting is None:
            close_files(one.files)
            return
        waiting.answer = one
        if waiting.event is not None:
            waiting.event.set()
        elif waiting.loop is asyncio._get_running_loop():  # noqa: SLF001 - documented for implementers of loops
            _settle(waiting.future, one)
        elif waiting.loop is not None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                waiting.loop.call_soon_threadsafe(_settle, waiting.future, one)


def _nothing() -> None:
    """Stand for what nobody has said."""


def _settle(future: Any, one: Received) -> None:
    if future.done():
        close_files(one.files)
    else:
        future.set_result(one)
