"""This process as a place to run."""

import time

from flyte_jupyter.backends.invoke import invoke
from flyte_jupyter.runs.events import AttemptStarted, Emit
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals


class LocalBackend:
    """Bodies run here: asynchronous ones on the running loop, synchronous ones on threads of their own."""

    name = "thread"
    on_this_machine = True

    @staticmethod
    def blocks(_task: TaskSpec) -> bool:
        """Say that a thread without an event loop can run any synchronous body."""
        return True

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action."""
        emit(
            AttemptStarted(
                run=spec.run.name,
                action=spec.id.name,
                time=time.time(),
                attempt=spec.attempt,
                place=self.name,
            )
        )
        return await invoke(spec)

    async def close(self) -> None:
        """Hold nothing, so there is nothing to give back."""
