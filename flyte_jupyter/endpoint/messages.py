"""Runs, actions and attempts as the messages of the protocol."""

from datetime import UTC, datetime
from typing import Any

from flyteidl2.actions import actions_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.common import identifier_pb2, identity_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.core import execution_pb2, literals_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import run_pb2, task_definition_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow import run_definition_pb2, state_service_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.identifiers import action_id, task_id
from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.values import CONDITION, TASK, TRACE, ActionRow, AttemptRow, Phase, RunRow

KINDS = {TASK: 1, TRACE: 2, CONDITION: 3}
"""The protocol's numbers for kinds of actions."""

_USER, _SYSTEM = 1, 2


def moment(seconds: float | None) -> Any:
    """Write a time; None for none."""
    if seconds is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromtimestamp(seconds, UTC))
    return stamp


def who() -> Any:
    """Write who started it: the one who owns the store."""
    subject = identifier_pb2.UserIdentifier(subject="owner")
    return identity_pb2.EnrichedIdentity(
        user=identity_pb2.User(
            id=subject, spec=identity_pb2.UserSpec(first_name="Owner", last_name="of the store")
        )
    )


class Messages:
    """Writes messages.

    Args:
        state: where specs are read.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def run(self, run: RunRow, root: ActionRow) -> Any:
        """Write a ``workflow.Run``."""
        return run_definition_pb2.Run(action=self.action(run, root), labels=dict(run.labels))

    def run_details(self, run: RunRow, root: ActionRow) -> Any:
        """Write a ``workflow.RunDetails``."""
        spec = run_pb2.RunSpec.FromString(run.spec)
        return run_definition_pb2.RunDetails(run_spec=spec, action=self.details(run, root))

    def action(self, run: RunRow, action: ActionRow) -> Any:
        """Write a ``workflow.Action``."""
        return run_definition_pb2.Action(
            id=action_id(run, action), metadata=self._metadata(run, action), status=_status(action)
        )

    def details(self, run: RunRow, action: ActionRow) -> Any:
        """Write a ``workflow.ActionDetails``."""
        message: Any = run_definition_pb2.ActionDetails(
            id=action_id(run, action), metadata=self._metadata(run, action), status=_status(action)
        )
        attempts = self._state.attempts(action.run, action.name)
        message.attempts.extend(_attempt(one, action) for one in attempts)
        self._body(message, action)
        if action.phase is Phase.ABORTED:
            message.abort_info.reason = action.reason
            message.abort_info.aborted_by.CopyFrom(who())
        elif action.error:
            message.error_info.CopyFrom(_error_info(action.error))
        if action.value:
            message.signal_info.signalled_by.CopyFrom(who())
            message.signal_info.output.ParseFromString(action.value)
        return message

    def update(self, run: RunRow, action: ActionRow) -> Any:
        """Write what a parent is told of an action that it called."""
        update: Any = state_service_pb2.ActionUpdate(
            action_id=action_id(run, action), phase=int(action.phase), output_uri=action.outputs
        )
        if action.error:
            update.error.ParseFromString(action.error)
        if action.value:
            update.value.ParseFromString(action.value)
        return actions_service_pb2.WatchForUpdatesResponse(action_update=update)

    def spec(self, action: ActionRow) -> Any:
        """Read an action's ``task.TaskSpec``; empty where it is none of a task."""
        return spec_of(self._state.spec(action.spec) if action.kind == TASK else b"")

    def _body(self, message: Any, action: ActionRow) -> None:
        body = self._state.spec(action.spec)
        if action.kind == TASK:
            message.task.ParseFromString(body)
        elif action.kind == TRACE:
            trace: Any = run_definition_pb2.TraceAction.FromString(body)
            message.trace.CopyFrom(trace.spec)
        else:
            message.condition.ParseFromString(body)

    def _metadata(self, run: RunRow, action: ActionRow) -> Any:
        meta: Any = run_definition_pb2.ActionMetadata(
            parent=action.parent, group=action.group, executed_by=who(), action_type=KINDS[action.kind]
        )
        if action.kind == TASK:
            meta.task.id.CopyFrom(task_id(run.place, action.task, action.version))
            meta.task.short_name, meta.task.task_type = action.short, "python"
            meta.environment_name = action.task.rpartition(".")[0]
            meta.funtion_name = action.short  # spelled like this in the protocol
        elif action.kind == TRACE:
            meta.trace.name = action.short
        else:
            condition: Any = run_definition_pb2.ConditionAction.FromString(self._state.spec(action.spec))
            meta.condition.name = action.short
            meta.condition.type.CopyFrom(condition.type)
        spec: Any = run_pb2.RunSpec.FromString(run.spec)
        if not action.parent and spec.HasField("relation"):
            meta.relation.CopyFrom(spec.relation)
        return meta


def _status(action: ActionRow) -> Any:
    message: Any = run_definition_pb2.ActionStatus(
        phase=int(action.phase), start_time=moment(action.created), end_time=moment(action.ended),
        attempts=max(action.attempts, 1), cache_status=action.cache,
    )  # fmt: skip
    if action.ended is not None:
        message.duration_ms = max(0, int((action.ended - action.created) * 1000))
    return message


def _attempt(attempt: AttemptRow, action: ActionRow) -> Any:
    message: Any = run_definition_pb2.ActionAttempt(
        phase=int(attempt.phase), attempt=attempt.number, start_time=moment(attempt.started),
        end_time=moment(attempt.ended), logs_available=attempt.running is not None, cache_status=action.cache,
    )  # fmt: skip
    message.outputs.output_uri = attempt.outputs
    if attempt.error:
        message.error_info.CopyFrom(_error_info(attempt.error))
    message.phase_transitions.extend(_transitions(attempt, action))
    return message


def _transitions(attempt: AttemptRow, action: ActionRow) -> list[Any]:
    begun = action.created if attempt.number == 1 else attempt.started
    known = [(Phase.QUEUED, begun), (Phase.INITIALIZING, attempt.started)]
    if attempt.running is not None:
        known.append((Phase.RUNNING, attempt.running))
    if attempt.ended is not None:
        known.append((attempt.phase, attempt.ended))
    ends = [time for _, time in known[1:]] + [attempt.ended]
    return [
        run_definition_pb2.PhaseTransition(phase=int(phase), start_time=moment(start), end_time=moment(end))
        for (phase, start), end in zip(known, ends, strict=True)
    ]


def _error_info(data: bytes) -> Any:
    error: Any = execution_pb2.ExecutionError.FromString(data)
    kind = _SYSTEM if error.kind == execution_pb2.ExecutionError.SYSTEM else _USER
    info = run_definition_pb2.ErrorInfo(message=error.message, kind=kind)
    if hasattr(info, "code"):  # messages before 2.0.50 have none
        info.code = error.code
    return info


def spec_of(body: bytes) -> Any:
    """Read a ``task.TaskSpec``."""
    return task_definition_pb2.TaskSpec.FromString(body)


def literal_of(value: bool | float | str) -> Any:
    """Write a primitive as a ``core.Literal``."""
    field = {bool: "boolean", int: "integer", float: "float_value", str: "string_value"}[type(value)]
    primitive = literals_pb2.Primitive(**{field: value})
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))
