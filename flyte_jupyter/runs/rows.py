"""What the store lists: a run in one row, a chunk of log lines, a result in the cache."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyte_jupyter.runs.action import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run, as a listing shows it.

    Args:
        name: the run's name.
        task: the root task's qualified name.
        mode: local, hybrid or remote.
        phase: the root's phase.
        started: when it began, in seconds since 1970-01-01 UTC.
        ended: when it ended; None while it goes on.
        updated: when something last happened.
        notebook: the notebook that it was started from; empty if from none.
        source: where it was started from.
        labels: the user's labels.
        rerun_of: the run that it continues, if it does.
        actions: how many actions it has.
        done: how many of them ended.
        failed: how many of them failed.
        cached: how many of them came from the cache.
    """

    name: str
    task: str
    mode: str
    phase: Phase
    started: float
    ended: float | None
    updated: float
    notebook: str
    source: Mapping[str, str]
    labels: Mapping[str, str]
    rerun_of: str | None
    actions: int
    done: int
    failed: int
    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """Consecutive text of one stream of one attempt, usually many lines.

    Args:
        seq: its number; later text has a higher one.
        action: the action that wrote it.
        attempt: the number of the attempt.
        time: when its first line was written.
        stream: stdout, stderr or another.
        text: the text as it was written, line ends included.
    """

    seq: int
    action: str
    attempt: int
    time: float
    stream: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A result in the cache.

    Args:
        key: what it is found by.
        task: the task's qualified name.
        version: the task's cache version.
        outputs: the outputs, packed.
        created: when it was stored.
        used: when it was last taken from the cache.
        hits: how often it was taken.
        size: how many bytes it takes, blobs included, as its writer says; its outputs' length by default.
        parts: what the version is made of, for ``explain``.
        run: the run that made it.
        action: the action that made it.
        blobs: digests of the blobs that the outputs refer to.
    """

    key: str
    task: str
    outputs: bytes
    version: str = ""
    inputs_digest: str = ""
    created: float = 0.0
    used: float = 0.0
    hits: int = 0
    size: int = 0
    parts: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    action: str = ""
    blobs: tuple[str, ...] = ()
