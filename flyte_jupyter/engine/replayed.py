"""Outputs of an earlier run instead of running again: what a run that continues another one does."""

import time
from dataclasses import dataclass

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.engine.keeping import Kept
from flyte_jupyter.engine.seen import slice_now
from flyte_jupyter.errors import StoreError, TypeTransformerFailedError
from flyte_jupyter.runs.code import parts_of
from flyte_jupyter.runs.events import CacheChecked, Emit, ReportWritten
from flyte_jupyter.runs.state import ActionState, Phase, RunState
from flyte_jupyter.runs.values import is_kept, is_known
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals
from flyte_jupyter.types.packed import unpack

REPLAYED = "replayed"
"""The status of an action whose outputs are those of an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """The run that a run continues.

    Args:
        name: its name.
        state: what it did; None if nothing of that is to be taken.
        origin: the first of the runs that continue each other; empty if nothing is to be taken.
    """

    name: str
    state: RunState | None = None
    origin: str = ""


class Replayed:
    """A backend that gives an action the outputs that the same action of an earlier run has returned.

    The same action has the same name (so the same place among the calls of its parent), task, code and
    inputs. Code that changed while that run went on, and values that were not kept, are never the same.

    Args:
        place: where actions run.
        earlier: the earlier run.
        blobs: where kept values are.
    """

    def __init__(self, place: Backend, earlier: RunState, blobs: BlobStore) -> None:
        self._place = place
        self._earlier = earlier
        self._blobs = blobs

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Give the outputs of the same action of the earlier run; else run it."""
        then = self._earlier.actions.get(spec.id.name)
        if then is None or then.phase is not Phase.SUCCEEDED:
            return await self._place.run(spec, emit)
        found = self._found(spec, then)
        if isinstance(found, str):
            emit(_checked(spec, "miss", f"not taken from run {self._earlier.name}: {found}"))
            return await self._place.run(spec, emit)
        emit(_checked(spec, REPLAYED, f"from run {self._earlier.name}"))
        if then.report:
            emit(_report(spec, then))
        return found

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()

    def _found(self, spec: ActionSpec, then: ActionState) -> Literals | str:
        """Give the outputs, or why there are none."""
        try:
            differs = self._code(spec.task, then) or _inputs(spec, then)
            return differs or _outputs(spec.task, then)
        except (StoreError, TypeTransformerFailedError, KeyError) as error:
            return f"its outputs there cannot be read: {error}"

    def _code(self, task: TaskSpec, then: ActionState) -> str:
        if then.task != task.name:
            return f"it was {then.task} there"
        seen, now = self._earlier.seen.get(task.name), slice_now(task.func)
        if seen is None or not seen.version or now is None:
            return "its code there is not known, or changed while that run went on"
        if seen.version == now.version:
            return ""
        changes = now.diff(parts_of(seen, self._blobs) or {}) if seen.parts else []
        return "; ".join(map(str, changes)) or "its code changed"


def _inputs(spec: ActionSpec, then: ActionState) -> str:
    """Say how the inputs differ; empty if they are the same."""
    if spec.packed is None or then.inputs is None:
        return "its inputs there were not kept"
    now, before = unpack(spec.packed), unpack(then.inputs)
    for name in {**now, **before}:
        if now.get(name) != before.get(name):
            return f"input {name} changed"
    unknown = [name for name, literal in now.items() if not is_known(literal)]
    if unknown:
        return f"input {unknown[0]} went by reference and is too large to be compared"
    return "" if bytes(spec.packed) == bytes(then.inputs) else "its inputs changed"


def _outputs(task: TaskSpec, then: ActionState) -> Literals | str:
    if then.outputs is None:
        return "its outputs there were not kept"
    outputs = unpack(then.outputs)
    lost = [name for name, literal in outputs.items() if not is_kept(literal)]
    if lost:
        return f"its output {lost[0]} went by reference there and was not kept"
    if b"blob://" in then.outputs:
        # Read what is in blobs now: a damaged or missing one makes it run again instead of fail.
        outputs = task.interface.outputs_to_literals(task.interface.outputs_from_literals(outputs))
    return Kept(outputs, then.outputs)


def _checked(spec: ActionSpec, status: str, reason: str) -> CacheChecked:
    return CacheChecked(
        run=spec.run.name, action=spec.id.name, time=time.time(), status=status, reason=reason
    )


def _report(spec: ActionSpec, then: ActionState) -> ReportWritten:
    return ReportWritten(
        run=spec.run.name, action=spec.id.name, time=time.time(), blob=then.report, tabs=then.tabs
    )
