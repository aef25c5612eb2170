"""The endpoint's own values: runs, actions, attempts, launches, and how they end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class Phase(IntEnum):
    """Where an action is in its life; the numbers are the protocol's."""

    QUEUED = 1
    WAITING_FOR_RESOURCES = 2
    INITIALIZING = 3
    RUNNING = 4
    SUCCEEDED = 5
    FAILED = 6
    ABORTED = 7
    TIMED_OUT = 8
    PAUSED = 9
    RECOVERED = 10

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self in _TERMINAL


_TERMINAL = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT, Phase.RECOVERED})

ROOT = "a0"
"""The name of a run's root action."""

TASK, TRACE, CONDITION = "task", "trace", "condition"
"""The kinds of actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose something is: organisation, project and domain."""

    org: str
    project: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run.

    Args:
        name: its name, unique in the endpoint.
        place: whose it is.
        labels: its labels.
        spec: the ``task.RunSpec`` message.
        created: when it was submitted.
        base: the folder of its inputs and outputs.
        recorded: whether it is in the run store, too.
        start: when it began, as its tasks are told; a run that recovers another one has that one's, as the
            names of actions depend on it.
    """

    name: str
    place: Place
    labels: Mapping[str, str]
    spec: bytes
    created: float
    base: str
    recorded: bool = True
    start: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One action of a run.

    Args:
        run: its run.
        name: its name, unique in the run.
        parent: the action that called it; empty for the root.
        group: the group that it was called in.
        kind: task, trace or condition.
        task: the qualified name of its task.
        version: the version of its task.
        short: its short name.
        spec: the digest of its ``task.TaskSpec``, trace or condition message.
        inputs: the file of its inputs.
        base: the folder below which its attempts write.
        key: the key of its result in the cache; empty where it is not cached.
        phase: where it is in its life.
        attempts: how many attempts began.
        created: when it was enqueued.
        started: when its first attempt began.
        ended: when it ended.
        updated: when it changed.
        stamp: grows with every change of any action.
        error: the ``core.ExecutionError`` message; empty without one.
        outputs: the folder of its outputs.
        value: the ``core.Literal`` that a condition was signalled with.
        cache: the cache's answer, as the protocol numbers it.
        reason: why it was aborted.
        stale: whether it belongs to an earlier attempt of its parent.
        before: how many of its attempts belong to earlier attempts of its parent.
        number: its place among all actions.
    """

    run: str
    name: str
    parent: str = ""
    group: str = ""
    kind: str = TASK
    task: str = ""
    version: str = ""
    short: str = ""
    spec: str = ""
    inputs: str = ""
    base: str = ""
    key: str = ""
    phase: Phase = Phase.QUEUED
    attempts: int = 0
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    updated: float = 0.0
    stamp: int = 0
    error: bytes = b""
    outputs: str = ""
    value: bytes = b""
    cache: int = 0
    reason: str = ""
    stale: bool = False
    before: int = 0
    number: int = 0

    @property
    def outputs_file(self) -> str:
        """The file of its outputs; empty without any. Traces say the file itself, tasks its folder."""
        return (
            self.outputs if self.outputs.endswith(".pb") or not self.outputs else f"{self.outputs}/outputs.pb"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt of an action.

    Args:
        number: its number, from 1.
        started: when it began.
        ended: when it ended.
        phase: where it is.
        running: when its body's process ran.
        error: the ``core.ExecutionError`` message; empty without one.
        outputs: the folder that it writes to.
        pid: its process; 0 where none is known.
    """

    number: int
    started: float
    ended: float | None = None
    phase: Phase = Phase.INITIALIZING
    running: float | None = None
    error: bytes = b""
    outputs: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """What an attempt may use at most; 0 for what is not said.

    Args:
        memory: bytes.
        cpu: thousandths of a core.
        gpus: how many.
    """

    memory: int = 0
    cpu: int = 0
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a worker is started with.

    Args:
        argv: the arguments of the official runtime, from ``a0`` on.
        env: variables beside those of the endpoint.
        folder: the folder of this attempt: its working folder and the note of how it ended.
        data: the folder that inputs and outputs are below.
        image: the task's image; only containers have it.
        most: what it may use at most; only containers see to it.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path
    data: Path
    image: str = ""
    most: Most = Most()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Args:
        phase: succeeded, failed, aborted or timed out.
        error: the ``core.ExecutionError`` message; empty without one.
        again: whether another attempt may help.
    """

    phase: Phase
    error: bytes = b""
    again: bool = False
