"""What happens in a run, as frozen values with one MessagePack and JSON form.

A run is a tree of actions; its root is named ``a0``. Everything that a screen shows of a run is the
fold of these events (``runs/state.py``). Log lines are not events; the store keeps them as rows of their own.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeAlias

from flyte_jupyter.drafts import drafted

VERSION = 1
"""The form's version; readers accept it and older ones."""

ROOT = "a0"
"""The name of a run's root action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an action of a run.

    Args:
        run: the run's name.
        action: the action's name, unique in the run.
        time: when, in seconds since 1970-01-01 UTC.
    """

    kind: ClassVar[str] = "event"
    run: str
    action: str
    time: float


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins; always the first event, with ``action == "a0"``.

    Args:
        task: the root task's qualified name.
        mode: local, hybrid or remote.
        source: where it was started from: {"notebook": path, "cell": cell id, "host": ..., "pid": ...}.
        labels: the user's labels.
        environment: what it ran with: {"python": "3.11.7", ...}.
        rerun_of: the run that it continues, if it does.
    """

    kind: ClassVar[str] = "run"
    task: str
    mode: str = "local"
    source: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    rerun_of: str | None = None


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionQueued(Event):
    """An action exists and waits.

    Args:
        task: qualified name of the task.
        name: its short name, for people.
        parent: the action that called it; None for the root.
        group: the group that it was called in.
        what: "task" or "trace".
        inputs: its inputs, packed (``types.packed``); None where they are not kept.
        version: the task's cache version, empty where it is not cached.
        asked: what it asks of a machine: {"cpu": "2", "memory": "4Gi", "gpu": "T4:1"}.
    """

    kind: ClassVar[str] = "queued"
    task: str
    name: str
    parent: str | None = None
    group: str | None = None
    what: str = "task"
    inputs: bytes | None = None
    version: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """A place to run begins attempt number ``attempt`` (from 1)."""

    kind: ClassVar[str] = "started"
    attempt: int
    place: str = "thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptUsed(Event):
    """What an attempt used, said by places that measure it, before the attempt ends.

    Args:
        attempt: its number.
        cpu: seconds of CPU time.
        peak: the most memory, in bytes; 0 where that is not measured, as everywhere below.
        limits: what was limited, and by which means: {"memory": "128Mi, cgroup v1"}.
        read: bytes read from storage; what is in memory already is not counted.
        written: bytes written to storage.
        gpu: seconds that its GPUs were busy, added up.
        gpu_memory: the most memory of its GPUs, in bytes.
    """

    kind: ClassVar[str] = "used"
    attempt: int
    cpu: float = 0.0
    peak: int = 0
    limits: Mapping[str, str] = field(default_factory=dict)
    read: int = 0
    written: int = 0
    gpu: float = 0.0
    gpu_memory: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt or action failed, as text that is safe to keep.

    Args:
        code: the exception's class name.
        message: its message, secrets redacted.
        traceback: the user's frames as text, secrets redacted.
        kind: whose fault: user, system, unknown, timeout, abort.
    """

    code: str
    message: str
    traceback: str = ""
    kind: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(Event):
    """One attempt failed.

    Args:
        attempt: its number.
        failure: why.
        retry_in: seconds until the next attempt; None if there will be none.
    """

    kind: ClassVar[str] = "attempt_failed"
    attempt: int
    failure: Failure
    retry_in: float | None = None


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class CacheChecked(Event):
    """The cache was asked.

    ``status`` is hit, miss, refresh (not asked, will store) or disabled; in a run that continues another one,
    replayed: the outputs are those of the same action there.
    """

    kind: ClassVar[str] = "cache"
    status: str
    key: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWritten(Event):
    """The action's report was flushed; ``blob`` is the digest of its HTML."""

    kind: ClassVar[str] = "report"
    blob: str
    tabs: tuple[str, ...] = ()


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSucceeded(Event):
    """The end. ``outputs`` are packed; None where they are not kept."""

    kind: ClassVar[str] = "succeeded"
    outputs: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFailed(Event):
    """The end: no attempt is left. ``failure.kind == "timeout"`` makes the phase TIMED_OUT.

    ``inputs`` are packed and whole, where those of ``ActionQueued`` only name what went by reference.
    """

    kind: ClassVar[str] = "failed"
    failure: Failure
    inputs: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAborted(Event):
    """The end: somebody stopped it."""

    kind: ClassVar[str] = "aborted"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    """The process that drove the run is gone; every action that had not ended is interrupted."""

    kind: ClassVar[str] = "interrupted"
    reason: str = ""


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSeen(Event):
    """A run met a task for the first time; or its code changed while the run went on, and it has no version.

    Args:
        task: qualified name of the task.
        version: the version of its code; empty if it is not known or not the same all along.
        parts: what the version is made of (``runs/code.py``).
    """

    kind: ClassVar[str] = "task"
    task: str
    version: str = ""
    parts: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep(Event):
    """Something happened to an image that an action needs: a step of its build, or the image as a whole.

    A step is said to be running, and then how it ended; once more with its size when the image is there.

    Args:
        image: its name.
        status: of a step running, ran, cached or failed; of the image building, built, pulling, pulled,
            pushing, pushed or failed.
        step: the step's place, from 1; 0 for the image as a whole.
        steps: how many there are.
        layer: what the step is for: "pip", "apt", ...; empty for the base.
        command: what it does, secrets redacted.
        seconds: how long it took.
        size: what it added, in bytes; of an image that is built, its size.
    """

    kind: ClassVar[str] = "image"
    image: str
    status: str
    step: int = 0
    steps: int = 0
    layer: str = ""
    command: str = ""
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCompared(Event):
    """A place was compared with the process that drives the run, once for each task that runs there.

    What differs is told by name: python, platform, "package numpy", "variable HOME"; of variables only that
    they are set. What one of the two has not is in the other mapping only.

    Args:
        task: qualified name of the task; the packages are those that it uses.
        place: where it runs: process, container, ...
        image: the image there; empty for none.
        here: what differs, as it is in the process that drives the run.
        there: the same, as it is in that place.
    """

    kind: ClassVar[str] = "place"
    task: str
    place: str
    image: str = ""
    here: Mapping[str, str] = field(default_factory=dict)
    there: Mapping[str, str] = field(default_factory=dict)


Emit: TypeAlias = Callable[[Event], None]
"""What a backend is given to say what happens. Cheap, never raises, from any thread."""

KINDS: Mapping[str, type[Event]] = {
    c.kind: c
    for c in (
        RunStarted, ActionQueued, AttemptStarted, AttemptUsed, AttemptFailed, CacheChecked, ReportWritten,
        ActionSucceeded, ActionFailed, ActionAborted, RunInterrupted, TaskSeen, ImageStep,
        PlaceCompared,
    )
}  # fmt: skip


def to_plain(event: Event) -> dict[str, Any]:
    """Write an event as data, bytes as they are and defaults left out: ``{"v": 1, "kind": ..., ...}``."""
    out: dict[str, Any] = {"v": VERSION, "kind": event.kind}
    for name, default in _fields(type(event)):
        value = getattr(event, name)
        if value == default and default is not _REQUIRED:
            continue
        out[name] = _failure_to_plain(value) if isinstance(value, Failure) else value
    return out


def from_plain(data: Mapping[str, Any]) -> Event:
    """Read what ``to_plain`` wrote; unknown fields are ignored, so newer writers can be read.

    Raises:
        ValueError: no such kind of event, or a field that it needs is missing.
    """
    kind = data.get("kind")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"unknown event kind {kind!r}; known are {', '.join(KINDS)}")
    known = {name: data[name] for name, _ in _fields(cls) if name in data}
    try:
        if "failure" in known:
            known["failure"] = Failure(**known["failure"])
        if "tabs" in known:
            known["tabs"] = tuple(known["tabs"])
        return cls(**known)
    except TypeError as error:
        raise ValueError(f"event {kind!r}: {error}") from None


def to_json(event: Event) -> str:
    """Write an event as one line of JSON; inputs, outputs and parts are base64."""
    data = to_plain(event)
    for name in _BYTES & data.keys():
        data[name] = base64.b64encode(data[name]).decode()
    return json.dumps(data, default=dict)


def from_json(line: str) -> Event:
    """Read what ``to_json`` wrote.

    Raises:
        ValueError: it is no event.
    """
    data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError(f"not an event: {line[:80]!r}")  # noqa: TRY004 - of JSON, not of Python
    for name in _BYTES & data.keys():
        data[name] = base64.b64decode(str(data[name]), validate=True)
    return from_plain(data)


_BYTES = frozenset({"inputs", "outputs", "parts"})
_REQUIRED = object()


def _failure_to_plain(failure: Failure) -> dict[str, str]:
    return {f.name: getattr(failure, f.name) for f in fields(Failure)}


def _fields(cls: type[Event]) -> tuple[tuple[str, Any], ...]:
    found = _FIELDS.get(cls)
    if found is None:
        found = tuple((f.name, _default(f)) for f in fields(cls))
        _FIELDS[cls] = found
    return found


def _default(f: Any) -> Any:
    if f.default is not _MISSING:
        return f.default
    return {} if f.default_factory is dict else _REQUIRED


_FIELDS: dict[type[Event], tuple[tuple[str, Any], ...]] = {}
_MISSING: Any = fields(Failure)[0].default
