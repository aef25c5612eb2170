"""ActionsService: what a running task calls, to have its own tasks, traces and conditions run."""

from collections.abc import AsyncIterator
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.actions import actions_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.actions.actions_service_connect import ActionsService  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow import state_service_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.values import CONDITION, TASK, TRACE, ActionRow, Phase


class Actions(ActionsService):  # type: ignore[misc]  # no stubs
    """The service."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def enqueue(self, request: Any, ctx: Any) -> Any:
        """Take an action."""
        action = self._row(request.action)
        parent = self._hub.state.action(action.run, action.parent)
        if parent.phase.terminal:
            raise ConnectError(Code.ABORTED, f"action {parent.name!r}, which called it, has ended")
        if not self._hub.engine.enqueue(action):
            raise ConnectError(Code.ALREADY_EXISTS, f"action {action.name!r} is there already")
        return actions_service_pb2.EnqueueResponse()

    async def watch_for_updates(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Tell what the actions that an action called come to: all of them first, then every change."""
        run, parent = request.parent_action_id.run.name, request.parent_action_id.name
        row, state = self._hub.state.run(run), self._hub.state
        after, sentinel = 0, False
        with self._hub.bells.heard(("children", run, parent)) as rung:
            while True:
                rung.clear()
                for child in state.children(run, parent, after):
                    after = child.stamp
                    yield self._hub.messages.update(row, child)
                if not sentinel:
                    control = state_service_pb2.ControlMessage(sentinel=True)
                    yield actions_service_pb2.WatchForUpdatesResponse(control_message=control)
                    sentinel = True
                await rung.wait()

    async def abort(self, request: Any, ctx: Any) -> Any:
        """End an action."""
        action = self._hub.state.action(request.action_id.run.name, request.action_id.name)
        self._hub.engine.abort(action, request.reason or "its parent gave it up")
        return actions_service_pb2.AbortResponse()

    async def signal(self, request: Any, ctx: Any) -> Any:
        """Give a condition its value."""
        action = self._hub.state.action(request.action_id.run.name, request.action_id.name)
        if not self._hub.engine.signal(action, request.value.SerializeToString()):
            raise ConnectError(Code.FAILED_PRECONDITION, f"condition {action.short!r} waits no more")
        return actions_service_pb2.SignalResponse()

    def _row(self, action: Any) -> ActionRow:
        folders, kind = self._hub.folders, action.WhichOneof("spec")
        name = folders.named("action", action.action_id.name)
        inputs, base = folders.inside(action.input_uri), folders.inside(action.run_output_base)
        if kind == "task":
            inputs = folders.keep_inputs(inputs, base / name)
        common = {
            "run": action.action_id.run.name, "name": name,
            "parent": action.parent_action_name, "group": action.group,
            "inputs": str(inputs), "base": str(base),
        }  # fmt: skip
        return _READERS[kind](action, common, self._hub.state.put_spec)


def _task(action: Any, common: dict[str, Any], keep: Any) -> ActionRow:
    task = action.task
    return ActionRow(
        **common, kind=TASK, task=task.id.name or task.spec.task_template.id.name, version=task.id.version,
        short=task.spec.short_name or task.id.name.rpartition(".")[2], key=task.cache_key.value,
        spec=keep(task.spec.SerializeToString(deterministic=True)),
    )  # fmt: skip


def _trace(action: Any, common: dict[str, Any], keep: Any) -> ActionRow:
    trace = action.trace
    start, end = (stamp.seconds + stamp.nanos / 1e9 for stamp in (trace.start_time, trace.end_time))
    return ActionRow(
        **common, kind=TRACE, task=trace.name, short=trace.name, phase=Phase(trace.phase),
        outputs=trace.outputs.output_uri, created=start, started=start, ended=end,
        spec=keep(trace.SerializeToString(deterministic=True)),
    )  # fmt: skip


def _condition(action: Any, common: dict[str, Any], keep: Any) -> ActionRow:
    condition = action.condition
    return ActionRow(
        **common, kind=CONDITION, task=condition.name, short=condition.name, phase=Phase.PAUSED,
        spec=keep(condition.SerializeToString(deterministic=True)),
    )  # fmt: skip


_READERS = {"task": _task, "trace": _trace, "condition": _condition}
