"""Public fakes: a place to run that does what a test says."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from flyte_jupyter.backends.invoke import invoke
from flyte_jupyter.runs.events import AttemptStarted, Emit
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literals

__all__ = ["FakeBackend"]

Handler = Callable[[ActionSpec, dict[str, Any]], Any]


class FakeBackend:
    """A place to run for tests and for trying hybrid runs without a cluster.

    It remembers the specs that it was given. Without a handler it runs the task's function in this process;
    with one, ``handler(spec, inputs)`` makes the result, and what it raises is the failure.

    Args:
        handler: makes the result of an action.
        name: the place's name, shown in runs.
        ready: attempts begin when this is set; until then they are in the queue.
    """

    def __init__(
        self, handler: Handler | None = None, name: str = "fake", ready: asyncio.Event | None = None
    ) -> None:
        self.name = name
        self.specs: list[ActionSpec] = []
        self.closed = False
        self._handler = handler
        self._ready = ready

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action."""
        self.specs.append(spec)
        if self._ready is not None:
            await self._ready.wait()
        run, action = spec.run.name, spec.id.name
        emit(AttemptStarted(run=run, action=action, time=time.time(), attempt=spec.attempt, place=self.name))
        if self._handler is None:
            return await invoke(spec)
        interface = spec.task.interface
        result = self._handler(spec, interface.from_literals(spec.inputs))
        return interface.outputs_to_literals(await result if asyncio.iscoroutine(result) else result)

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
