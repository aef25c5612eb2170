"""One action's state, and what each kind of event changes in it.

Rules work on drafts: ``begun`` or ``reopened`` makes one, ``apply`` changes it, ``closed`` ends it. What is
handed out is frozen and never changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flyte_jupyter.drafts import draft
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
    RunInterrupted,
)


class Phase(StrEnum):
    """Where an action is in its life."""

    QUEUED = "QUEUED"
    WAITING_FOR_RESOURCES = "WAITING_FOR_RESOURCES"
    INITIALIZING = "INITIALIZING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    TIMED_OUT = "TIMED_OUT"
    PAUSED = "PAUSED"
    RECOVERED = "RECOVERED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT, Phase.RECOVERED, Phase.INTERRUPTED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptState:
    """One attempt of an action.

    Args:
        number: its number, from 1.
        place: where it ran; empty if it never began.
        started: when it began.
        ended: when it ended.
        failure: why it failed, if it did.
        retry_in: seconds until the next attempt; None if there was none.
        cpu: seconds of CPU time that it used, where that was measured.
        peak: the most memory that it used, in bytes, where that was measured.
        limits: what was limited, and by which means.
        read: bytes read from storage, where that was measured.
        written: bytes written to storage, where that was measured.
        gpu: seconds that its GPUs were busy, where that was measured.
        gpu_memory: the most memory of its GPUs, in bytes, where that was measured.
    """

    number: int
    place: str = ""
    started: float | None = None
    ended: float | None = None
    failure: Failure | None = None
    retry_in: float | None = None
    cpu: float | None = None
    peak: int | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    read: int | None = None
    written: int | None = None
    gpu: float | None = None
    gpu_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionState:
    """One action of a run.

    Args:
        name: its name, unique in the run.
        task: qualified name of its task.
        short: its short name, for people.
        parent: the action that called it; None for the root.
        group: the group that it was called in.
        what: "task" or "trace".
        version: the task's cache version, empty where it is not cached.
        phase: where it is in its life.
        queued: when it was queued.
        started: when its first attempt began.
        ended: when it ended.
        attempts: its attempts, in order.
        cache: hit, miss, refresh or disabled; empty if the cache was not asked.
        cache_key: the key that was asked for.
        cache_reason: why the answer was what it was.
        failure: why it failed or was aborted or interrupted.
        inputs: its inputs, packed; None where they are not kept.
        outputs: its outputs, packed; None where they are not kept.
        report: the digest of its report's HTML.
        tabs: the report's tabs.
        asked: what it asks of a machine: {"cpu": "2", "memory": "4Gi"}.
    """

    name: str
    task: str = ""
    short: str = ""
    parent: str | None = None
    group: str | None = None
    what: str = "task"
    version: str = ""
    phase: Phase = Phase.QUEUED
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    attempts: tuple[AttemptState, ...] = ()
    cache: str = ""
    cache_key: str = ""
    cache_reason: str = ""
    failure: Failure | None = None
    inputs: bytes | None = None
    outputs: bytes | None = None
    report: str = ""
    tabs: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where the last attempt ran; empty if none began."""
        return self.attempts[-1].place if self.attempts else ""


_Draft = draft(ActionState)
_AttemptDraft = draft(AttemptState)
_new = object.__new__


def begun(name: str, time: float) -> Any:
    """Draft a new action."""
    new = _new(_Draft)
    new.name = name
    new.attempts = ()
    _reset(new, time)
    return new


def reopened(action: ActionState) -> Any:
    """Draft a copy of an action."""
    new = _new(_Draft)
    for name in ActionState.__slots__:
        setattr(new, name, getattr(action, name))
    new.attempts = tuple(map(_reopened_attempt, action.attempts))
    return new


def closed(action: Any) -> ActionState:
    """End a draft: the same object, frozen."""
    for attempt in action.attempts:
        attempt.__class__ = AttemptState
    action.__class__ = ActionState
    frozen: ActionState = action
    return frozen


def apply(action: Any, event: Event) -> None:
    """Change a draft by an event; one that says nothing about an action changes nothing.

    The first end counts: what comes after it changes nothing, but for a report and for being queued again,
    which starts the action over.
    """
    kind = type(event)
    rule = _RULES.get(kind)
    if rule is not None and (action.ended is None or kind in _ALWAYS):
        rule(action, event)


def _reset(action: Any, time: float) -> None:
    """Set every field but the name and the attempts."""
    action.queued = time
    action.task = action.short = action.version = action.report = ""
    action.cache = action.cache_key = action.cache_reason = ""
    action.parent = action.group = action.started = action.ended = None
    action.failure = action.inputs = action.outputs = None
    action.what = "task"
    action.phase = Phase.QUEUED
    action.tabs = ()
    action.asked = {}


def _reopened_attempt(attempt: AttemptState) -> Any:
    new = _attempt(attempt.number, attempt.place, attempt.started)
    new.ended, new.failure, new.retry_in = attempt.ended, attempt.failure, attempt.retry_in
    for name in _USED:
        setattr(new, name, getattr(attempt, name))
    return new


def _attempt(number: int, place: str, started: float | None) -> Any:
    new = _new(_AttemptDraft)
    new.number = number
    new.place = place
    new.started = started
    new.ended = new.failure = new.retry_in = new.cpu = new.peak = None
    new.read = new.written = new.gpu = new.gpu_memory = None
    new.limits = {}
    return new


def _queued(action: Any, event: ActionQueued) -> None:
    if action.ended is not None:
        action.attempts = ()
        _reset(action, event.time)
    action.queued = event.time
    action.task = event.task
    action.short = event.name
    action.parent = event.parent
    action.group = event.group
    action.what = event.what
    action.version = event.version
    action.inputs = event.inputs
    action.asked = event.asked


def _started(action: Any, event: AttemptStarted) -> None:
    action.attempts += (_attempt(event.attempt, event.place, event.time),)
    action.phase = Phase.RUNNING
    if action.started is None:
        action.started = event.time


def _used(action: Any, event: AttemptUsed) -> None:
    if action.attempts and action.attempts[-1].number == event.attempt:
        last = action.attempts[-1]
        last.cpu, last.peak, last.limits = event.cpu, event.peak or None, event.limits
        last.read, last.written = event.read or None, event.written or None
        last.gpu, last.gpu_memory = event.gpu or None, event.gpu_memory or None


def _attempt_failed(action: Any, event: AttemptFailed) -> None:
    """The attempt ends; the action waits for the next one, if there will be one."""
    if not action.attempts or action.attempts[-1].number != event.attempt:
        action.attempts += (_attempt(event.attempt, "", None),)  # its place never said that it began
    last = action.attempts[-1]
    last.ended, last.failure, last.retry_in = event.time, event.failure, event.retry_in
    if event.retry_in is not None:
        action.phase = Phase.QUEUED


def _cache(action: Any, event: CacheChecked) -> None:
    action.cache, action.cache_key, action.cache_reason = event.status, event.key, event.reason


def _report(action: Any, event: ReportWritten) -> None:
    action.report, action.tabs = event.blob, event.tabs


def _succeeded(action: Any, event: ActionSucceeded) -> None:
    action.outputs = event.outputs
    _end(action, event.time, Phase.SUCCEEDED)


def _failed(action: Any, event: ActionFailed) -> None:
    timeout = event.failure.kind == "timeout"
    if event.inputs is not None:
        action.inputs = event.inputs
    _end(action, event.time, Phase.TIMED_OUT if timeout else Phase.FAILED, event.failure)


def _aborted(action: Any, event: ActionAborted) -> None:
    failure = Failure(code="ActionAbortedError", message=event.reason, kind="abort")
    _end(action, event.time, Phase.ABORTED, failure)


def _interrupted(action: Any, event: RunInterrupted) -> None:
    failure = Failure(code="TaskInterruptedError", message=event.reason, kind="system")
    _end(action, event.time, Phase.INTERRUPTED, failure)


def _end(action: Any, time: float, phase: Phase, failure: Failure | None = None) -> None:
    action.phase, action.ended, action.failure = phase, time, failure
    if action.attempts and action.attempts[-1].ended is None:
        last = action.attempts[-1]
        last.ended, last.failure = time, failure


_USED = ("cpu", "peak", "limits", "read", "written", "gpu", "gpu_memory")
_ALWAYS = frozenset({ActionQueued, ReportWritten})
_RULES: dict[type[Event], Callable[[Any, Any], None]] = {
    ActionQueued: _queued,
    AttemptStarted: _started,
    AttemptUsed: _used,
    AttemptFailed: _attempt_failed,
    CacheChecked: _cache,
    ReportWritten: _report,
    ActionSucceeded: _succeeded,
    ActionFailed: _failed,
    ActionAborted: _aborted,
    RunInterrupted: _interrupted,
}
