"""The contract of a place to run."""

from typing import Protocol, runtime_checkable

from flyte_jupyter.runs.events import Emit
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literals


@runtime_checkable
class Backend(Protocol):
    """A place that turns one spec into outputs and says on the way what happens."""

    @property
    def name(self) -> str:
        """A short name, shown as the place of an attempt."""

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action.

        Returning is success, raising is failure, and being cancelled is abort. Emits at least
        ``AttemptStarted`` when the body begins.
        """

    async def close(self) -> None:
        """Give back what it holds; a closed backend may be used again."""
