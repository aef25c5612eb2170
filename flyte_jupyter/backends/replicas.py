"""How many workers there are, which attempt gets which, and when idle ones go."""

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.threads import running
from flyte_jupyter.backends.turns import LOOK, Turn
from flyte_jupyter.tasks.policies import ReusePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many workers.

    Args:
        fewest: as many stay while any is in use.
        most: no more than these run attempts at once.
        together: attempts in one worker at once.
        idle: seconds after which all go if none is used.
        surplus: seconds after which an idle one above the fewest goes.
    """

    fewest: int
    most: int
    together: int
    idle: float
    surplus: float

    @classmethod
    def of(cls, policy: ReusePolicy) -> "Size":
        """Read a policy."""
        idle = policy.idle_ttl
        return cls(
            fewest=policy.min_replicas,
            most=policy.max_replicas,
            together=policy.concurrency,
            idle=float(getattr(idle, "total_seconds", lambda: idle)()),  # type: ignore[arg-type] # seconds or a timedelta
            surplus=policy.get_scaledown_ttl().total_seconds(),
        )


@dataclass(slots=True, eq=False)
class Seat:
    """A worker, or one that is about to start, with the attempts that have a place there.

    Its attempts are on one event loop, or it has one attempt, whose thread waits without a loop.
    """

    loop: asyncio.AbstractEventLoop | None
    taken: int = 0
    process: Process | None = None
    ready: "asyncio.Future[None] | None" = None


Start = Callable[[], concurrent.futures.Future[Process]]
"""Begins to start a worker, and gives it to come."""


class Replicas:
    """Workers of one kind.

    Args:
        size: how many.
        start: begins to start one.
        bury: is given those that are dead.
    """

    def __init__(self, size: Size, start: Start, bury: Callable[[Process], None]) -> None:
        self.size = size
        self._start = start
        self._bury = bury
        self._lock = threading.Lock()
        self._active = 0
        self._idle: list[Process] = []
        self._seats: list[Seat] = []
        self._waiting: deque[Turn] = deque()
        self._touched = time.monotonic()

    async def take(self) -> Seat:
        """Get a place in a worker; waits until there is one.

        Raises:
            RuntimeSystemError: no process can be started.
        """
        seat = self._at_once()
        if seat is not None:
            return seat
        await self._permission()
        try:
            return await self._seat()
        except BaseException:
            with self._lock:
                self._permit()
            raise

    def give_back(self, seat: Seat) -> None:
        """Return a place."""
        with self._lock:
            seat.taken -= 1
            self._touched = time.monotonic()
            if not seat.taken:
                self._seats.remove(seat)
                if seat.process is not None and seat.process.alive:
                    seat.process.since = self._touched
                    self._idle.append(seat.process)
            self._permit()

    def pause(self) -> None:
        """An attempt waits for what it called: another one may run meanwhile."""
        with self._lock:
            self._permit()

    def resume(self) -> None:
        """It goes on, at once: who waits for a place must not hold up who has one."""
        with self._lock:
            self._active += 1

    @property
    def has_idle(self) -> bool:
        """Whether a worker has nothing to do."""
        return bool(self._idle)

    def due(self, now: float) -> tuple[list[Process], float | None]:
        """Take out the idle workers whose time is over; also give when the next one's will be."""
        size = self.size
        with self._lock:
            if not self._idle:
                return [], None
            unused = not self._seats and now - self._touched >= size.idle
            surplus = len(self._idle) + len(self._seats) - size.fewest
            gone: list[Process] = []
            for process in sorted(self._idle, key=lambda one: one.since):
                if (
                    unused
                    or (len(gone) < surplus and now - process.since >= size.surplus)
                    or not process.is_ready()
                ):
                    gone.append(process)
            self._idle = [one for one in self._idle if one not in gone]
            if not self._idle:
                return gone, None
            return gone, max(0.01, min(size.idle, size.surplus, 5.0))

    def empty(self) -> list[Process]:
        """Take out all workers."""
        with self._lock:
            found = [*self._idle, *(seat.process for seat in self._seats if seat.process is not None)]
            self._idle.clear()
            return found

    # Inside

    def _at_once(self) -> Seat | None:
        """Give a worker that rests and serves one attempt at a time, if there is one: the usual case."""
        if self.size.together > 1:
            return None
        loop = running()
        with self._lock:
            process = self._rested(loop) if self._active < self.size.most else None
            if process is None:
                return None
            self._active += 1
            seat = Seat(loop, 1, process)
            self._seats.append(seat)
            return seat

    async def _permission(self) -> None:
        with self._lock:
            if self._active < self.size.most * self.size.together:
                self._active += 1
                return
            turn = Turn()
            self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            with self._lock:
                gone = turn in self._waiting
                if gone:
                    self._waiting.remove(turn)
                if not gone:
                    self._permit()  # it was given in the same moment
            raise

    def _permit(self) -> None:
        """Let the next one come who waits; the lock is held."""
        self._active -= 1
        while self._waiting and self._active < self.size.most * self.size.together:
            if self._waiting.popleft().come():
                self._active += 1

    async def _seat(self) -> Seat:
        loop, together = running(), self.size.together > 1
        with self._lock:
            seat = self._shared(loop) if together else None
            if seat is None:
                seat = Seat(loop, ready=loop.create_future() if together and loop is not None else None)
                self._seats.append(seat)
                seat.process = self._rested(loop)
                starting = seat.process is None
            else:
                starting = False
            seat.taken += 1
        if starting and loop is None:
            seat.process = self._freed()
            starting = seat.process is None
        try:
            if starting:
                await self._fill(seat)
            elif seat.process is None and seat.ready is not None:
                await asyncio.shield(seat.ready)
        except BaseException:
            self._leave(seat)
            raise
        return seat

    async def _fill(self, seat: Seat) -> None:
        try:
            seat.process = await self._started()
        except BaseException as error:
            if seat.ready is not None and not seat.ready.done():
                seat.ready.set_exception(RuntimeError(str(error)))
                seat.ready.exception()
            raise
        if seat.ready is not None:
            seat.ready.set_result(None)

    async def _started(self) -> Process:
        starting, turn = self._start(), Turn()
        starting.add_done_callback(lambda _: turn.come())
        try:
            await turn.wait()
        except BaseException:
            if not starting.cancel():
                starting.add_done_callback(self._drop)  # who is stopped meanwhile has no use for it
            raise
        return starting.result()

    def _drop(self, starting: "concurrent.futures.Future[Process]") -> None:
        if not starting.cancelled() and starting.exception() is None:
            process = starting.result()
            process.kill()
            self._bury(process)

    def _leave(self, seat: Seat) -> None:
        with self._lock:
            seat.taken -= 1
            if not seat.taken and seat in self._seats:
                self._seats.remove(seat)

    def _shared(self, loop: asyncio.AbstractEventLoop | None) -> Seat | None:
        """Find a worker of this loop that has room, the emptiest first."""
        fit = [
            seat
            for seat in self._seats
            if seat.loop is loop
            and seat.taken < self.size.together
            and (seat.process is None or seat.process.alive)
        ]
        if len(self._seats) < self.size.most and all(seat.taken for seat in fit):
            return None
        return min(fit, key=lambda seat: seat.taken, default=None)

    def _freed(self) -> Process | None:
        """Get a worker that an event loop still has, for a thread, which can wait for that."""
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is None or (process.is_freed(LOOK) and process.is_ready()):
            return process
        if process.alive and process.loop is not None:
            with self._lock:
                self._idle.append(process)
        else:
            self._bury(process)
        return None

    def _rested(self, loop: asyncio.AbstractEventLoop | None) -> Process | None:
        for process in reversed(self._idle):
            if not process.is_free_for(loop):
                continue
            self._idle.remove(process)
            if process.is_ready():
                return process
            self._bury(process)
            return self._rested(loop)
        return None
