"""Records what happens here as events of the run store, so that every screen shows it."""

import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyteidl2.core import execution_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import common_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint import contract
from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.values import (
    CONDITION,
    ROOT,
    TRACE,
    ActionRow,
    AttemptRow,
    Outcome,
    Phase,
    RunRow,
)
from flyte_jupyter.endpoint.workers.base import Ending
from flyte_jupyter.engine.scoped import environment, process
from flyte_jupyter.errors import RunNotFoundError, StoreError, TypeTransformerFailedError
from flyte_jupyter.runs.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    AttemptUsed,
    CacheChecked,
    Event,
    Failure,
    ReportWritten,
    RunStarted,
)
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.types import flyte_idl
from flyte_jupyter.types.packed import pack

_LARGEST = 1 << 20
"""Inputs and outputs of more bytes are not copied into the record."""

_KINDS = {execution_pb2.ExecutionError.USER: "user", execution_pb2.ExecutionError.SYSTEM: "system"}


class Recorder:
    """Writes events; not of runs that their submitters record themselves.

    Args:
        store: where they go.
        state: what the endpoint knows.
    """

    def __init__(self, store: RunStore, state: State) -> None:
        self._store = store
        self._state = state
        self._recorded: dict[str, bool] = {}

    def has(self, run: str) -> bool:
        """Tell whether the store has a run of this name, whoever recorded it."""
        try:
            self._store.run(run)
        except RunNotFoundError:
            return False
        return True

    def resumed(self) -> None:
        """Say that what had not ended goes on: to the store, its runs were interrupted.

        What had ended and did not come to be recorded is said as well.
        """
        alive = self._state.alive()
        cut = [action for action in alive if self._is_interrupted(action)]  # asked before anything is said
        for row in self._store.runs(phase="INTERRUPTED"):
            for action in self._state.actions("run = ? AND ended IS NOT NULL", (row.name,)):
                if self._is_interrupted(action, ended=True):
                    self._queue(action, action.created)
                    self.ended(action)
        for name in {action.run for action in alive}:
            self._begin(self._state.run(name), self._state.action(name, ROOT))
        for action in cut:
            self._queue(action, time.time())
        self._recount({action.run for action in alive if self._is_recorded(action.run)})

    def run_started(self, run: RunRow, root: ActionRow) -> None:
        """A run was submitted."""
        self._recorded[run.name] = run.recorded
        self._begin(run, root)

    def queued(self, action: ActionRow) -> None:
        """An action exists and waits."""
        self._queue(action, action.created)
        if action.kind == TRACE:
            self._emit(action, AttemptStarted, attempt=1, place="trace", time=action.created)
        elif action.kind == CONDITION:
            self._emit(action, AttemptStarted, attempt=1, place="condition")

    def cached(self, action: ActionRow, status: str) -> None:
        """The cache was asked."""
        self._emit(action, CacheChecked, status=status, key=action.key)

    def started(self, action: ActionRow, attempt: AttemptRow, place: str) -> None:
        """An attempt runs."""
        self._emit(action, AttemptStarted, attempt=attempt.number, place=place)

    def printed(self, action: ActionRow, attempt: int, stream: str, text: str) -> None:
        """An attempt printed something."""
        if self._is_recorded(action.run):
            self._store.log(action.run, action.name, attempt, stream, text)

    def used(self, action: ActionRow, attempt: int, ending: Ending) -> None:
        """A worker ended; if it wrote a report, that is kept."""
        self._emit(action, AttemptUsed, attempt=attempt, cpu=ending.cpu, peak=ending.peak)
        report = Path(contract.outputs(action, attempt)) / "report.html"
        if self._is_recorded(action.run) and report.is_file():
            with suppress(OSError):
                self._emit(action, ReportWritten, blob=self._store.blobs.put_file(report))

    def failed(self, action: ActionRow, attempt: int, outcome: Outcome, retry_in: float | None) -> None:
        """An attempt failed."""
        failure = _failure(outcome.error, outcome.phase)
        self._emit(action, AttemptFailed, attempt=attempt, failure=failure, retry_in=retry_in)

    def ended(self, action: ActionRow) -> None:
        """An action ended."""
        when = action.ended or time.time()
        if action.phase is Phase.RECOVERED:
            self._emit(action, CacheChecked, status="replayed")
        if action.phase in (Phase.SUCCEEDED, Phase.RECOVERED):
            self._emit(action, ActionSucceeded, outputs=self._outputs(action), time=when)
        elif action.phase is Phase.ABORTED:
            self._emit(action, ActionAborted, reason=action.reason, time=when)
        else:
            self._emit(action, ActionFailed, failure=_failure(action.error, action.phase), time=when)

    # Inside

    def _recount(self, runs: set[str]) -> None:
        """Have the store list how many actions runs have: those that were queued again were counted again."""
        counts = [(len(self._state.actions("run = ?", (run,))), run) for run in runs]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("UPDATE runs SET actions = ? WHERE name = ?", counts)

        with suppress(StoreError):  # it lists a wrong number, no more
            self._store.transact(write)

    def _is_recorded(self, run: str) -> bool:
        if run not in self._recorded:
            self._recorded[run] = self._state.run(run).recorded
        return self._recorded[run]

    def _is_interrupted(self, action: ActionRow, *, ended: bool = False) -> bool:
        """Tell whether the store has another end of it than the endpoint, or does not know it."""
        if not self._is_recorded(action.run):
            return False
        try:
            known = self._store.state(action.run).actions.get(action.name)
        except RunNotFoundError:
            known = None
        return known is None or (known.phase.value == "INTERRUPTED" if ended else known.ended is not None)

    def _begin(self, run: RunRow, root: ActionRow) -> None:
        place = run.place
        self._emit(
            root, RunStarted, task=root.task, mode="remote", time=run.created, environment=environment(),
            source={**process(), "served": f"{place.org}/{place.project}/{place.domain}"},
            labels=dict(run.labels),
        )  # fmt: skip

    def _queue(self, action: ActionRow, when: float) -> None:
        self._emit(
            action, ActionQueued, task=action.task, name=action.short, parent=action.parent or None,
            group=action.group or None, what="trace" if action.kind == TRACE else "task",
            inputs=_packed(Path(action.inputs), common_pb2.Inputs), time=when,
        )  # fmt: skip

    def _emit(self, action: ActionRow, kind: type[Event], **content: Any) -> None:
        if self._is_recorded(action.run):
            content.setdefault("time", time.time())
            self._store.append(kind(run=action.run, action=action.name, **content))

    def _outputs(self, action: ActionRow) -> bytes | None:
        if action.value:
            message: Any = common_pb2.Outputs()
            message.literals.add(name="o0").value.ParseFromString(action.value)
            return _literals(message)
        return _packed(Path(action.outputs_file), common_pb2.Outputs) if action.outputs else None


def _packed(path: Path, kind: Any) -> bytes | None:
    """Read a file of literals as the record keeps them; None where they cannot be had or are too many."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        message = flyte_idl.decoded(path.read_bytes(), kind)
    except (OSError, TypeTransformerFailedError):
        return None
    return _literals(message)


def _literals(message: Any) -> bytes | None:
    with suppress(TypeTransformerFailedError):
        return pack(flyte_idl.of_named(message))
    return None


def _failure(data: bytes, phase: Phase) -> Failure:
    error: Any = execution_pb2.ExecutionError.FromString(data)
    kind = "timeout" if phase is Phase.TIMED_OUT else _KINDS.get(error.kind, "unknown")
    return Failure(code=error.code or "Unknown", message=error.message, kind=kind)
