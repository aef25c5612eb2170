"""Limits of time: in the queue, for one attempt, for the whole action."""

import asyncio
from datetime import timedelta

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.engine.loop import GRACE
from flyte_jupyter.errors import (
    DeadlineExceededError,
    MaxQueuedTimeExceededError,
    MaxRuntimeExceededError,
)
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
        loop = asyncio.get_running_loop()
        started = False

        def begin(at: float) -> None:
            nonlocal started
            if not started and not clock.expired():
                started = True
                runtime = _seconds(limits.max_runtime)
                clock.reschedule(None if runtime is None else at + runtime)

        def noticing(event: Event) -> None:
            if over:
                return  # of an attempt that nobody waits for any more
            emit(event)
            if isinstance(event, AttemptStarted):
                # The place may say so from a thread of its own.
                loop.call_soon_threadsafe(begin, loop.time())

        over = False
        attempt = asyncio.create_task(_run(self._place, spec, noticing))
        try:
            async with asyncio.timeout(_seconds(limits.max_queued_time)) as clock:
                return await asyncio.shield(attempt)
        except TimeoutError:
            if not clock.expired():
                raise
        finally:
            over = True
            await _ended(attempt)
        if started:
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
        over = False

        def noticing(event: Event) -> None:
            if not over:
                emit(event)

        action = asyncio.create_task(_run(self._place, spec, noticing))
        try:
            async with asyncio.timeout(_seconds(deadline)) as clock:
                return await asyncio.shield(action)
        except TimeoutError:
            if not clock.expired():
                raise
        finally:
            over = True
            await _ended(action)
        raise DeadlineExceededError(f"{spec.task.name} took longer than deadline={deadline} in all")

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()


async def _run(place: Backend, spec: ActionSpec, emit: Emit) -> Literals:
    return await place.run(spec, emit)


async def _ended(work: "asyncio.Task[Literals]") -> None:
    """Cancel what still runs and give it a moment to end."""
    if work.done():
        return
    work.cancel()
    await asyncio.wait([work], timeout=GRACE)
    if work.done() and not work.cancelled():
        work.exception()  # known, and too late to matter
    else:
        work.add_done_callback(_ignored)


def _ignored(work: "asyncio.Task[Literals]") -> None:
    if not work.cancelled():
        work.exception()


def _seconds(limit: Duration | None) -> float | None:
    return limit.total_seconds() if isinstance(limit, timedelta) else limit
