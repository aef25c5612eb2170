"""Handles of runs and their actions: what happened, and the means to wait and to stop."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flyte_jupyter import redaction
from flyte_jupyter.errors import (
    ActionAbortedError,
    ActionNotFoundError,
    BaseRuntimeError,
    ResultNotKeptError,
    RunNotFoundError,
    RuntimeUserError,
    TaskTimeoutError,
)
from flyte_jupyter.loading import load
from flyte_jupyter.runs.asking import KERNEL, ask_to_stop
from flyte_jupyter.runs.both import ActionInputs, ActionOutputs, Ready, both
from flyte_jupyter.runs.events import ROOT, Failure
from flyte_jupyter.runs.state import ActionState, AttemptState, Phase, RunState
from flyte_jupyter.runs.store import LogRow, RunStore
from flyte_jupyter.runs.values import read
from flyte_jupyter.tasks.environment import find_task

if TYPE_CHECKING:
    from flyte_jupyter.runs.parity import Difference

_POLL = 0.1


class Control(Protocol):
    """The live side of a run that this process drives."""

    def wait(self, timeout: float | None) -> bool:
        """Wait for its end; False if the time is up before."""

    def stop(self, reason: str) -> None:
        """Abort it."""

    def result(self) -> Any:
        """Give what the root returned, or raise what it raised."""


class Action(Ready):
    """One execution step of a run, usually one call of a task.

    Args:
        run: the run that it belongs to.
        name: its name in the run.
    """

    def __init__(self, run: "Run", name: str) -> None:
        self.run = run
        self.name = name

    @property
    def state(self) -> ActionState:
        """Everything that is known of it now.

        Raises:
            ActionNotFoundError: the run has no such action.
        """
        found = self.run.state.actions.get(self.name)
        if found is None:
            raise ActionNotFoundError(f"run {self.run.name} has no action {self.name!r}")
        return found

    @property
    def run_name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def task_name(self) -> str:
        """The task's qualified name."""
        return self.state.task

    @property
    def parent_name(self) -> str | None:
        """The action that called it; None for the root."""
        return self.state.parent

    @property
    def group(self) -> str | None:
        """The group that it was called in."""
        return self.state.group

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        return self.state.phase

    @property
    def start_time(self) -> float | None:
        """When it began, in seconds since 1970-01-01 UTC."""
        return self.state.started

    @property
    def runtime(self) -> float:
        """Seconds from its beginning to its end, or to now."""
        state = self.state
        if state.started is None:
            return 0.0
        return (state.ended or time.time()) - state.started

    @property
    def attempts(self) -> tuple[AttemptState, ...]:
        """Its attempts, first to last."""
        return self.state.attempts

    @property
    def error_info(self) -> Failure | None:
        """Why it failed, if it did."""
        return self.state.failure

    @property
    def children(self) -> "tuple[Action, ...]":
        """The actions that it called."""
        return tuple(Action(self.run, child.name) for child in self.run.state.children(self.name))

    def done(self) -> bool:
        """Whether it has ended."""
        return self.phase.terminal

    def inputs(self) -> ActionInputs:
        """Give what it was called with.

        Raises:
            ResultNotKeptError: a value went by reference and was not kept.
        """
        state = self.state
        task = find_task(state.task)
        types = {p.name: p.type for p in task.interface.inputs} if task else {}
        return ActionInputs(read(state.inputs, types, self.run.store.blobs, f"inputs of {self}"))

    def outputs(self) -> ActionOutputs:
        """Give what it returned.

        Raises:
            BaseRuntimeError: it failed; the message says why.
            ResultNotKeptError: it has not ended, or a value went by reference and was not kept.
        """
        state = self.state
        if not state.phase.terminal:
            raise ResultNotKeptError(f"{self} is {state.phase.value}; wait for it: run.wait()")
        self.raise_for_status()
        task = find_task(state.task)
        types = {p.name: p.type for p in task.interface.outputs} if task else {}
        return ActionOutputs(read(state.outputs, types, self.run.store.blobs, f"outputs of {self}"))

    def raise_for_status(self) -> None:
        """Raise if it did not succeed.

        Raises:
            RuntimeUserError, RuntimeSystemError, TaskTimeoutError, ActionAbortedError: as it ended.
        """
        error = _error(self.state)
        if error is not None:
            raise error

    def logs(self, attempt: int | None = None, tail: int | None = None) -> list[LogRow]:
        """Give what it printed."""
        return self.run.store.logs(self.run.name, self.name, attempt, tail)

    def show_logs(self, attempt: int | None = None, max_lines: int = 30, show_ts: bool = False) -> None:
        """Print its last log lines."""
        _show(self.logs(attempt, max_lines), show_ts)

    def report(self) -> str | None:
        """Give its report's HTML; None if it has none."""
        blob = self.state.report
        return self.run.store.blobs.get(blob).decode() if blob else None

    def __repr__(self) -> str:
        try:
            state = self.state
        except Exception:  # noqa: BLE001 - a repr never raises
            return f"<action {self.name} of run {self.run.name}>"
        return f"<action {self.name} of run {self.run.name}: {state.task} {state.phase.value}>"


class Run(Ready):
    """One execution of a task with all that it called. It is in the store and survives the process.

    Args:
        store: where it is written.
        name: its name.
        control: the live side, where this process drives it.
    """

    def __init__(self, store: RunStore, name: str, control: Control | None = None) -> None:
        self.store = store
        self.name = name
        self._control = control or _driven.get((os.getpid(), store.folder, name))

    @property
    def state(self) -> RunState:
        """Everything that is known of it now.

        Raises:
            RunNotFoundError: the store has no such run.
        """
        return self.store.state(self.name)

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        return self.state.phase

    @property
    def url(self) -> str:
        """An address of the run."""
        return f"{self.store.folder.resolve().as_uri()}#{self.name}"

    @property
    def root(self) -> Action:
        """The action of the task that was run."""
        return Action(self, ROOT)

    @property
    def actions(self) -> tuple[Action, ...]:
        """All its actions, in the order in which they were called."""
        return tuple(Action(self, name) for name in self.state.actions)

    def action(self, name: str) -> Action:
        """Give one action by its name or, if only one has it, its task's short name.

        Raises:
            ActionNotFoundError: there is none, or several tasks' actions have that short name.
        """
        actions = self.state.actions
        if name in actions:
            return Action(self, name)
        found = [a.name for a in actions.values() if name in (a.short, a.task)]
        if len(found) != 1:
            raise ActionNotFoundError(f"run {self.name} has {len(found)} actions named {name!r}")
        return Action(self, found[0])

    def done(self) -> bool:
        """Whether it has ended."""
        return self.phase.terminal

    @both
    def wait(self, timeout: float | None = None) -> "Run":
        """Wait for its end; with a time in seconds, at most that long."""
        if self._control is not None:
            self._control.wait(timeout)
            return self
        end = None if timeout is None else time.monotonic() + timeout
        while not self.done() and (end is None or time.monotonic() < end):
            time.sleep(_POLL)
        return self

    @both
    def outputs(self) -> ActionOutputs:
        """Wait for its end and give what the task returned, as a tuple."""
        self.wait()
        return self._outputs()

    def inputs(self) -> ActionInputs:
        """Give what the task was called with."""
        return self.root.inputs()

    @both
    def details(self) -> Mapping[str, Any]:
        """Give its state as plain data: phase, times, attempts, actions."""
        state = self.state
        return {
            "name": state.name,
            "task": state.task,
            "mode": state.mode,
            "phase": state.phase.value,
            "started": state.started,
            "ended": state.ended,
            "labels": dict(state.labels),
            "actions": [
                {"name": a.name, "task": a.task, "phase": a.phase.value, "attempts": len(a.attempts)}
                for a in state.actions.values()
            ],
            "parity": [asdict(one) for one in self.parity()],
        }

    def parity(self) -> "tuple[Difference, ...]":
        """Give what differed from the kernel in the places where its bodies ran.

        That is the version of Python, the platform, versions of the packages that the tasks use, and names
        of environment variables.
        """
        differences = load("flyte_jupyter.runs.parity:differences")
        return tuple(differences(self.state.compared.values()))

    def raise_for_status(self) -> None:
        """Raise if it did not succeed."""
        self.root.raise_for_status()

    @both
    def abort(self, reason: str = "aborted") -> None:
        """Stop everything that it started.

        Raises:
            RuntimeUserError: another kernel drives it, so it has to be stopped there.
        """
        if self._control is None:
            state = self.state
            if state.phase.terminal:
                return
            if KERNEL in state.source:
                ask_to_stop(self.store, self.name)
                return
            raise RuntimeUserError(
                "NotDrivenHere",
                f"run {self.name} is driven by another process ({_driver(state)}); stop it there",
            )
        self._control.stop(reason)

    def logs(
        self, action: str | None = None, attempt: int | None = None, tail: int | None = None
    ) -> list[LogRow]:
        """Give what its actions printed, in order."""
        return self.store.logs(self.name, action, attempt, tail)

    @both
    def show_logs(self, attempt: int | None = None, max_lines: int = 100, show_ts: bool = False) -> None:
        """Print the last log lines of all its actions."""
        _show(self.logs(None, attempt, max_lines), show_ts)

    def report(self) -> str | None:
        """Give the HTML of the root's report; None if it has none."""
        return self.root.report()

    @classmethod
    def get(cls, name: str, store: RunStore | None = None) -> "Run":
        """Find a run by its name, or by the beginning of it where that is unique.

        One that goes on at an endpoint, and whose process is gone, is followed on from here.

        Raises:
            RunNotFoundError: there is none, or several begin like that.
        """
        where = store or _connected()
        if is_known(where, name):
            return cls._picked_up(where, name)
        found = [row.name for row in where.runs(text=name) if row.name.startswith(name)]
        if len(found) != 1:
            what = "no run" if not found else f"{len(found)} runs"
            raise RunNotFoundError(f"{what} named {name!r} in {where.folder}; list them: flyte-jupyter runs")
        return cls._picked_up(where, found[0])

    @classmethod
    def listall(cls, limit: int = 100, store: RunStore | None = None, **filters: Any) -> "Iterator[Run]":
        """Give the newest runs first; filters are phase, task, notebook and text."""
        where = store or _connected()
        return (cls(where, row.name) for row in where.runs(limit=limit, **filters))

    @classmethod
    def _picked_up(cls, store: RunStore, name: str) -> "Run":
        row = store.run(name)
        if row.mode == "remote" and row.phase in (Phase.INTERRUPTED, Phase.FAILED):
            load("flyte_jupyter.engine.attached:attach")(store, name)
        return cls(store, name)

    def _outputs(self) -> ActionOutputs:
        if self._control is None:
            return self.root.outputs()
        found = self._control.result()
        return found if isinstance(found, ActionOutputs) else self.root.outputs()

    def __repr__(self) -> str:
        try:
            state = self.state
        except Exception:  # noqa: BLE001 - a repr never raises
            return f"<run {self.name}>"
        seconds = (state.ended or time.time()) - state.started
        return f"<run {self.name}: {state.task} {state.phase.value} in {seconds:.2f} s>"


def _connected() -> RunStore:
    """Open the store that this process is connected to."""
    found: RunStore = load("flyte_jupyter.engine.setup:process").setup.store()
    return found


_driven: dict[tuple[int, Path, str], Control] = {}


def driven(store: RunStore, name: str, control: Control) -> Callable[[], object]:
    """Let every handle of a run reach its live side, until what is given is called."""
    key = (os.getpid(), store.folder, name)
    _driven[key] = control
    return partial(_driven.pop, key, None)


def is_known(store: RunStore, name: str) -> bool:
    """Whether the store has a run of this name."""
    try:
        store.run(name)
    except RunNotFoundError:
        return False
    return True


_ERRORS: Mapping[Phase, Callable[[str], BaseRuntimeError]] = {
    Phase.TIMED_OUT: TaskTimeoutError,
    Phase.ABORTED: ActionAbortedError,
    Phase.INTERRUPTED: ActionAbortedError,
}


def _error(state: ActionState) -> BaseRuntimeError | None:
    if state.phase not in (Phase.FAILED, *_ERRORS):
        return None
    failure = state.failure
    text = f"{state.task} {state.phase.value.lower()}" + (
        f": {failure.code}: {failure.message}" if failure else ""
    )
    if state.phase in _ERRORS:
        return _ERRORS[state.phase](text)
    return RuntimeUserError(failure.code if failure else "Unknown", text)


def _driver(state: RunState) -> str:
    return f"pid {state.source.get('pid', '?')} on {state.source.get('host', '?')}"


def _show(rows: Iterable[LogRow], show_ts: bool) -> None:
    for row in rows:
        stamp = time.strftime("%H:%M:%S ", time.localtime(row.time)) if show_ts else ""
        for line in redaction.redact(row.text).splitlines():
            print(stamp + line)  # noqa: T201 - showing is its purpose
