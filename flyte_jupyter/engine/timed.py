"""Limits of time: in the queue, for one attempt, for the whole action."""

import threading
from datetime import timedelta

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.bodies import Stopped
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.engine.loop import GRACE, PATIENCE, engine_task, loop
from flyte_jupyter.errors import (
    DeadlineExceededError,
    MaxQueuedTimeExceededError,
    MaxRuntimeExceededError,
)
from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.events import AttemptStarted, Emit, Event
from flyte_jupyter.tasks.policies import Duration
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literals


class Timed:
    """A backend that bounds each attempt of another one: time in the queue, then run time.

    An attempt that is out of time is cancelled, and has a moment to clean up. If it goes on nevertheless,
    nobody waits for it: what it still returns is thrown away.

    Args:
        place: where attempts run.
    """

    def __init__(self, place: Backend) -> None:
        self._place = place

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt within its limits.

        Raises:
            MaxQueuedTimeExceededError: it did not start in time.
            MaxRuntimeExceededError: it started and did not end in time.
        """
        limits = spec.task.timeout
        attempt = _Attempt(self._place, spec, emit, _seconds(limits.max_runtime))
        outputs = await attempt.within(_seconds(limits.max_queued_time))
        if outputs is not None:
            return outputs
        if attempt.started:
            raise MaxRuntimeExceededError(
                f"{spec.task.name} ran longer than max_runtime={limits.max_runtime} (attempt {spec.attempt})"
            )
        raise MaxQueuedTimeExceededError(
            f"{spec.task.name} waited longer than max_queued_time={limits.max_queued_time}"
        )

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()


class Bounded:
    """A backend that bounds the whole action, retries included.

    Args:
        place: where the action runs.
    """

    def __init__(self, place: Backend) -> None:
        self._place = place

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run the action before its deadline.

        Raises:
            DeadlineExceededError: it did not end in time.
        """
        deadline = spec.task.timeout.deadline
        action = _Work(self._place, spec, emit)
        action.watch(_seconds(deadline))
        outputs = await action.within(_seconds(deadline))
        if outputs is None:
            raise DeadlineExceededError(f"{spec.task.name} took longer than deadline={deadline} in all")
        return outputs

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()


class _Work:
    """What a place does for one spec, given up when its time is up.

    Args:
        place: the place.
        spec: the spec.
        emit: told what happens, as long as anybody waits for it.
    """

    def __init__(self, place: Backend, spec: ActionSpec, emit: Emit) -> None:
        self._emit = emit
        self._clock = asyncio.timeout(None)
        self._over = threading.Event()
        self._blocked = False
        run = _run(place, spec, self._noticing)
        self._task = asyncio.create_task(run, name=engine_task(spec.run.name))

    async def within(self, seconds: float | None) -> Literals | None:
        """Wait for its end; None if its time is up before."""
        self._clock = asyncio.timeout(seconds)
        try:
            async with self._clock:
                return await asyncio.shield(self._task)
        except (TimeoutError, Stopped):
            if not self._clock.expired() and not self._blocked:
                raise
            return None
        finally:
            self._over.set()
            await _ended(self._task)

    def watch(self, seconds: float | None) -> None:
        """See to the limit also where the work blocks the event loop, which then cannot do so itself."""
        if seconds is not None:
            limit = seconds + PATIENCE
            threads.start(lambda: self._unblock(limit))

    def _unblock(self, limit: float) -> None:
        if not self._over.wait(limit):
            name = self._task.get_name()
            self._blocked = True  # before it can be noticed
            loop.unblock(lambda task: task.get_name() == name)

    def _noticing(self, event: Event) -> None:
        if not self._over.is_set():  # otherwise nobody waits for it any more
            self._emit(event)


class _Attempt(_Work):
    """One attempt: its time runs out in the queue at first, and anew from its start.

    Args:
        place: the place.
        spec: the spec.
        emit: told what happens.
        runtime: seconds from its start.
    """

    def __init__(self, place: Backend, spec: ActionSpec, emit: Emit, runtime: float | None) -> None:
        super().__init__(place, spec, emit)
        self.started = False
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()

    def _noticing(self, event: Event) -> None:
        super()._noticing(event)
        if isinstance(event, AttemptStarted):
            # The place may say so from a thread of its own.
            self._loop.call_soon_threadsafe(self._begin, self._loop.time())
            self.watch(self._runtime)

    def _begin(self, at: float) -> None:
        if not self.started and not self._clock.expired() and not self._over.is_set():
            self.started = True
            self._clock.reschedule(None if self._runtime is None else at + self._runtime)


async def _run(place: Backend, spec: ActionSpec, emit: Emit) -> Literals:
    return await place.run(spec, emit)


async def _ended(work: "asyncio.Task[Literals]") -> None:
    """Cancel what still runs and give it a moment to end."""
    if not work.done():
        work.cancel()
        await asyncio.wait([work], timeout=GRACE)
    # Known, and too late to matter; whenever it comes.
    work.add_done_callback(lambda work: work.cancelled() or work.exception())


def _seconds(limit: Duration | None) -> float | None:
    return limit.total_seconds() if isinstance(limit, timedelta) else limit
