"""Again after a failure, as the task's retry strategy says."""

import time
from dataclasses import replace

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.engine.loop import pause
from flyte_jupyter.errors import (
    InlineIOMaxBytesBreached,
    InsufficientResourcesError,
    NonRecoverableError,
    RuntimeDataValidationError,
    SecretNotFoundError,
    TraceDoesNotAllowNestedTasksError,
)
from flyte_jupyter.runs.events import AttemptFailed, Emit
from flyte_jupyter.runs.failures import failure_of
from flyte_jupyter.runs.signal import Latch
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literals

_HOPELESS = (
    InsufficientResourcesError,
    InlineIOMaxBytesBreached,
    NonRecoverableError,
    RuntimeDataValidationError,
    SecretNotFoundError,
    TraceDoesNotAllowNestedTasksError,
)
"""Failures that the same inputs and code would meet again."""


class Retried:
    """A backend that runs each action of another one up to ``1 + retries.count`` times.

    The last attempt's exception is raised as it is; those before it are its context.

    Args:
        place: where attempts run.
        stopped: set when the run is stopped; ends a wait between attempts.
    """

    def __init__(self, place: Backend, stopped: Latch) -> None:
        self._place = place
        self._stopped = stopped

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run attempts until one succeeds or none is left."""
        previous: Exception | None = None
        while True:
            try:
                return await self._place.run(spec, emit)
            except Exception as error:
                delay = self._delay(spec, error)
                emit(_failed(spec, error, delay))
                _chain(error, previous)
                if delay is None:
                    raise
                previous = error
            await pause(delay, self._stopped)
            spec = replace(spec, attempt=spec.attempt + 1)

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()

    @staticmethod
    def _delay(spec: ActionSpec, error: Exception) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        strategy = spec.task.retries
        if isinstance(error, _HOPELESS) or spec.attempt > strategy.count:
            return None
        return strategy.delay(spec.attempt)


def _failed(spec: ActionSpec, error: Exception, delay: float | None) -> AttemptFailed:
    return AttemptFailed(
        run=spec.run.name,
        action=spec.id.name,
        time=time.time(),
        attempt=spec.attempt,
        failure=failure_of(error),
        retry_in=delay,
    )


def _chain(error: BaseException, previous: BaseException | None) -> None:
    """Let an exception follow from the one of the attempt before, without making a circle."""
    if previous is None or previous is error:
        return
    last: BaseException = error
    while last.__context__ is not None and last.__context__ is not previous:
        last = last.__context__
        if last is error:
            return
    last.__context__ = previous
