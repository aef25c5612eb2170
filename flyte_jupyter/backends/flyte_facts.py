"""Messages about actions at an endpoint as plain facts."""

from collections.abc import Mapping
from typing import Any

from flyteidl2.common import phase_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.backends.flyte_errors import exception
from flyte_jupyter.backends.mirror import AttemptFact, Fact
from flyte_jupyter.runs.events import ROOT, Failure
from flyte_jupyter.runs.failures import failure_of

_PREFIX = "ACTION_PHASE_"
_RUNNING = 4
_HIT = "hit"
_CACHE = {1: "miss", 2: _HIT, 3: "miss", 6: "refresh"}
"""The protocol's numbers of the cache's answers that say something; what was found has no attempts."""


def phase_of(number: int) -> str:
    """Give the protocol's word for a phase."""
    try:
        return str(phase_pb2.ActionPhase.Name(number)).removeprefix(_PREFIX)
    except ValueError:
        return "RUNNING"


def listed(action: Any) -> Fact:
    """Read an entry of a list of actions."""
    status = action.status
    common = _common(action)
    count = 0 if common["cache"] == _HIT else max(status.attempts, 1)
    begun = status.phase >= _RUNNING
    ended = _seconds(status, "end_time")
    attempts = tuple(
        AttemptFact(number=n, started=_seconds(status, "start_time") if begun else None, ended=ended)
        for n in range(1, count + 1)
    )
    return Fact(attempts=attempts, ended=ended, **common)


def detailed(details: Any, names: Mapping[str, Any], place: str) -> Fact:
    """Read the details of an action.

    Args:
        details: the ``ActionDetails`` message.
        names: what the module of its task's function holds, for the classes of exceptions.
        place: the name of the place.
    """
    common, status = _common(details), details.status
    phase, is_hit = common["phase"], common["cache"] == _HIT
    told = () if is_hit else details.attempts
    attempts = tuple(_attempt(one, n, names, place) for n, one in enumerate(told, 1))
    failure = None
    if phase in ("FAILED", "TIMED_OUT"):
        failure = failure_in(details, phase, names, place)
    elif phase == "ABORTED":
        failure = Failure(code="ActionAbortedError", message=details.abort_info.reason, kind="abort")
    if not (attempts or is_hit) and status.phase >= _RUNNING:
        attempts = (AttemptFact(number=1, started=_seconds(status, "start_time")),)
    return Fact(attempts=attempts, ended=_seconds(status, "end_time"), failure=failure, **common)


def failure_in(details: Any, phase: str, names: Mapping[str, Any], place: str) -> Failure:
    """Describe why an action failed."""
    info = details.error_info if details.HasField("error_info") else None
    return failure_of(exception(info, phase, names, place))


def _attempt(message: Any, number: int, names: Mapping[str, Any], place: str) -> AttemptFact:
    phase = phase_of(message.phase)
    failure = None
    if phase in ("FAILED", "TIMED_OUT") and message.HasField("error_info"):
        failure = failure_of(exception(message.error_info, phase, names, place))
    return AttemptFact(
        number=message.attempt or number,
        started=_body_began(message),
        ended=_seconds(message, "end_time"),
        failure=failure,
    )


def _body_began(message: Any) -> float | None:
    for transition in message.phase_transitions:
        if transition.phase == _RUNNING:
            return _seconds(transition, "start_time")
    return _seconds(message, "start_time") if message.phase >= _RUNNING else None


def _common(action: Any) -> dict[str, Any]:
    """Read what entries of lists and details have in common."""
    meta, status = action.metadata, action.status
    kind = meta.WhichOneof("spec")
    task, short, what = "", "", "task"
    if kind == "trace":
        task = short = meta.trace.name
        what = "trace"
    elif kind == "task":
        task, short = meta.task.id.name, meta.task.short_name
    elif kind == "condition":
        task = short = meta.condition.name
    return {
        "name": action.id.name,
        "parent": "" if action.id.name == ROOT else meta.parent,
        "task": task,
        "short": short or task.rpartition(".")[2],
        "group": meta.group,
        "what": what,
        "phase": phase_of(status.phase),
        "queued": _seconds(status, "start_time") or 0.0,
        "cache": _CACHE.get(status.cache_status, ""),
    }


def _seconds(message: Any, field: str) -> float | None:
    if not message.HasField(field):
        return None
    stamp = getattr(message, field)
    return float(stamp.seconds + stamp.nanos / 1e9)
