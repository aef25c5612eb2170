"""The fold of a run's events: everything that a screen shows of a run.

``fold`` builds a state from a whole log; ``advance`` takes it one event further. Both apply the rules of
``runs/action.py`` and neither ever copies the mapping of actions.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from flyte_jupyter.runs.action import ActionState, AttemptState, Phase, apply, begun, closed, reopened
from flyte_jupyter.runs.events import (
    ROOT,
    ActionQueued,
    Event,
    Failure,
    PlaceCompared,
    RunInterrupted,
    RunStarted,
    TaskSeen,
)

__all__ = ["ActionState", "AttemptState", "Phase", "RunState", "advance", "fold", "to_plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One run.

    Args:
        name: the run's name.
        started: when it began.
        task: the root task's qualified name.
        mode: local, hybrid or remote.
        source: where it was started from.
        labels: the user's labels.
        environment: what it ran with.
        rerun_of: the run that it continues, if it does.
        actions: its actions by name, in the order of their first events. Not to be changed.
        called: the names of the actions that an action called, in order. Not to be changed.
        seen: the code of the tasks that it met, by qualified name. Not to be changed.
        compared: how places differ from the driving process, by place, image and task. Not to be changed.
    """

    name: str
    started: float
    task: str = ""
    mode: str = "local"
    source: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    rerun_of: str | None = None
    actions: dict[str, ActionState] = field(default_factory=dict)
    called: dict[str, dict[str, None]] = field(default_factory=dict, repr=False)
    seen: dict[str, TaskSeen] = field(default_factory=dict, repr=False)
    compared: dict[tuple[str, str, str], PlaceCompared] = field(default_factory=dict, repr=False)

    @property
    def root(self) -> ActionState:
        """The root action; every state has one."""
        return self.actions[ROOT]

    @property
    def phase(self) -> Phase:
        """The root's phase."""
        return self.root.phase

    @property
    def ended(self) -> float | None:
        """When the root ended; None while it goes on."""
        return self.root.ended

    def children(self, parent: str = ROOT) -> tuple[ActionState, ...]:
        """The actions that ``parent`` called, in order."""
        return tuple(self.actions[name] for name in self.called.get(parent, ()))

    def snapshot(self) -> "RunState":
        """Copy it, so that advancing the original leaves the copy as it is."""
        called = {parent: dict(names) for parent, names in self.called.items()}
        seen, compared = dict(self.seen), dict(self.compared)
        return replace(self, actions=dict(self.actions), called=called, seen=seen, compared=compared)


def fold(events: Iterable[Event]) -> RunState | None:
    """Fold a run's events, first to last; None if there are none."""
    state: RunState | None = None
    drafts: dict[str, Any] = {}
    for event in events:
        kind = type(event)
        if state is None:
            state = _begun(event)
            drafts = {ROOT: reopened(state.root)}
        if kind is RunInterrupted:
            for action in drafts.values():
                apply(action, event)
        elif isinstance(event, TaskSeen | PlaceCompared):
            _note(state, event)
        elif kind is not RunStarted:
            name = event.action
            action = drafts.get(name)
            if action is None:
                action = drafts[name] = begun(name, event.time)
            apply(action, event)
            if kind is ActionQueued:
                _place(state, name, action.parent)
    if state is not None:
        state.actions.update(zip(drafts, map(closed, drafts.values()), strict=True))
    return state


def advance(state: RunState | None, event: Event) -> RunState:
    """Apply one event and return the state after it.

    The state that is passed in is used up: its mapping of actions moves on with the returned one (take a
    ``snapshot`` to keep it). Action states never change; the one that the event is about is replaced.
    """
    if state is None:
        state = _begun(event)
    if isinstance(event, RunInterrupted):
        for action in [action for action in state.actions.values() if action.ended is None]:
            state.actions[action.name] = _applied(reopened(action), event)
    elif isinstance(event, TaskSeen | PlaceCompared):
        _note(state, event)
    elif not isinstance(event, RunStarted):
        old = state.actions.get(event.action)
        action = _applied(reopened(old) if old else begun(event.action, event.time), event)
        state.actions[event.action] = action
        if isinstance(event, ActionQueued):
            _place(state, event.action, event.parent)
    return state


def _applied(draft: Any, event: Event) -> ActionState:
    apply(draft, event)
    return closed(draft)


def _begun(event: Event) -> RunState:
    """Start from the first event; a log that lost its beginning still has a root."""
    task = event.task if isinstance(event, RunStarted | ActionQueued) else ""
    root = ActionState(name=ROOT, task=task, queued=event.time)
    state = RunState(name=event.run, started=event.time, task=task, actions={ROOT: root})
    if not isinstance(event, RunStarted):
        return state
    return replace(
        state, mode=event.mode, source=event.source, labels=event.labels,
        environment=event.environment, rerun_of=event.rerun_of,
    )  # fmt: skip


def _place(state: RunState, name: str, parent: str | None) -> None:
    if parent is not None:
        state.called.setdefault(parent, {})[name] = None


def _note(state: RunState, event: TaskSeen | PlaceCompared) -> None:
    if isinstance(event, TaskSeen):
        _see(state, event)
    else:
        state.compared[event.place, event.image, event.task] = event


def _see(state: RunState, event: TaskSeen) -> None:
    """Keep the code of a task; several versions in one run are none that holds for all of its actions."""
    before = state.seen.get(event.task)
    if before is not None and before.version != event.version:
        event = replace(event, version="")
    state.seen[event.task] = event


def to_plain(state: RunState) -> dict[str, Any]:
    """Write a state as JSON data: what has its default is left out, bytes become base64.

    ``{"name", "started", "task", "mode", "phase", ..., "actions": [{"name", "phase", ...}, ...]}``
    """
    out: dict[str, Any] = _slim(state) | {"phase": state.phase.value, "ended": state.ended}
    return out | {"actions": [_slim(action) for action in state.actions.values()]}


_ASIDE = frozenset({"actions", "called", "seen", "compared"})


def _slim(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple):
        return [_slim(part) for part in value]
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, RunState | ActionState | AttemptState | Failure):
        return value
    pairs = ((f, getattr(value, f.name)) for f in fields(value) if f.name not in _ASIDE)
    return {f.name: _slim(v) for f, v in pairs if f.name == "phase" or v not in (f.default, {})}
