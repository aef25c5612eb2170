"""This process as a place to run."""

import time

from flyte_jupyter.backends.invoke import invoke
from flyte_jupyter.backends.usage import Usage
from flyte_jupyter.runs.events import AttemptStarted, AttemptUsed, Emit
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals

_NOTABLE_SECONDS = 0.01
_NOTABLE_BYTES = 1 << 20
"""What is worth an event; the record of a run is written by these threads, too."""


class LocalBackend:
    """Bodies run here: asynchronous ones on the running loop, synchronous ones on threads of their own."""

    name = "thread"
    on_this_machine = True

    @staticmethod
    def blocks(_task: TaskSpec) -> bool:
        """Say that a thread without an event loop can run any synchronous body."""
        return True

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action; what a synchronous body used is told if it is worth it."""
        run, action, attempt = spec.run.name, spec.id.name, spec.attempt
        emit(AttemptStarted(run=run, action=action, time=time.time(), attempt=attempt, place=self.name))

        def measured(used: Usage) -> None:
            if used.cpu >= _NOTABLE_SECONDS or used.read + used.written >= _NOTABLE_BYTES:
                emit(
                    AttemptUsed(
                        run=run, action=action, time=time.time(), attempt=attempt, cpu=round(used.cpu, 6),
                        read=used.read, written=used.written,
                    )
                )  # fmt: skip

        return await invoke(spec, None if spec.task.is_async else measured)

    async def close(self) -> None:
        """Hold nothing, so there is nothing to give back."""
