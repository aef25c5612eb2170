"""RunService: submit, watch, list and end runs and their actions."""

import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.task import task_definition_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow import run_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow.run_service_connect import RunService  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.identifiers import place_of
from flyte_jupyter.endpoint.listing import page
from flyte_jupyter.endpoint.messages import KINDS, literal_of
from flyte_jupyter.endpoint.recovering import source_of
from flyte_jupyter.endpoint.results import inputs_hash, root_key
from flyte_jupyter.endpoint.services.data import data_of, written_inputs
from flyte_jupyter.endpoint.services.tasks import deployed
from flyte_jupyter.endpoint.values import ROOT, ActionRow, Phase, RunRow
from flyte_jupyter.errors import DefinitionError, RunNotFoundError
from flyte_jupyter.ids import random_name

MIRROR = "flyte-jupyter/mirror"
"""The label of runs that their submitter records itself."""

_ACTIONS: Mapping[str, str] = {
    "phase": "phase", "parent_name": "parent", "created_at": "created", "updated_at": "updated",
    "ended_at": "ended", "task_name": "task", "name": "name", "group": '"group"',
    "action_type": f"CASE kind {' '.join(f'WHEN {k!r} THEN {n}' for k, n in KINDS.items())} END",
}  # fmt: skip
_RUNS: Mapping[str, str] = {
    **_ACTIONS,
    "task_version": "a.version", "created_by": "'owner'", "run_name": "run", "created_at": "a.created",
    "name": "a.name", "trigger_name": "NULL", "trigger_task_name": "NULL",
}  # fmt: skip


class Runs(RunService):  # type: ignore[misc]  # no stubs
    """The service."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def create_run(self, request: Any, ctx: Any) -> Any:
        """Take a run."""
        run, spec = self._run(request), self._spec(request)
        if run.recorded and self._hub.recorder.has(run.name):
            raise ConnectError(Code.ALREADY_EXISTS, f"the run store has a run {run.name!r} already")
        uri, hashed = self._inputs(request, spec)
        template = spec.task_template
        root = ActionRow(
            run=run.name, name=ROOT, task=template.id.name, version=template.id.version,
            short=spec.short_name or template.id.name.rpartition(".")[2], inputs=str(uri), base=run.base,
            spec=self._hub.state.put_spec(spec.SerializeToString(deterministic=True)),
            key=root_key(template, hashed), created=run.created,
        )  # fmt: skip
        row = self._hub.engine.begin(run, root)
        return run_service_pb2.CreateRunResponse(run=self._hub.messages.run(run, row))

    async def abort_run(self, request: Any, ctx: Any) -> Any:
        """End a run."""
        _, root = self._found(request.run_id, ROOT)
        self._hub.engine.abort(root, request.reason or "aborted")
        return run_service_pb2.AbortRunResponse()

    async def abort_action(self, request: Any, ctx: Any) -> Any:
        """End an action."""
        _, action = self._found(request.action_id.run, request.action_id.name)
        self._hub.engine.abort(action, request.reason or "aborted")
        return run_service_pb2.AbortActionResponse()

    async def get_run_details(self, request: Any, ctx: Any) -> Any:
        """Give all of a run's root."""
        details = self._hub.messages.run_details(*self._found(request.run_id, ROOT))
        return run_service_pb2.GetRunDetailsResponse(details=details)

    async def watch_run_details(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Give all of a run's root, at each change."""
        async for run, root in self._watched(request.run_id, ROOT):
            details = self._hub.messages.run_details(run, root)
            yield run_service_pb2.WatchRunDetailsResponse(details=details)

    async def get_action_details(self, request: Any, ctx: Any) -> Any:
        """Give all of an action."""
        details = self._hub.messages.details(*self._found(request.action_id.run, request.action_id.name))
        return run_service_pb2.GetActionDetailsResponse(details=details)

    async def watch_action_details(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Give all of an action, at each change, up to its end."""
        async for run, action in self._watched(request.action_id.run, request.action_id.name):
            details = self._hub.messages.details(run, action)
            yield run_service_pb2.WatchActionDetailsResponse(details=details)

    async def get_action_data(self, request: Any, ctx: Any) -> Any:
        """Give an action's inputs and outputs."""
        _, action = self._found(request.action_id.run, request.action_id.name)
        found: Any = data_of(self._hub, action)
        return run_service_pb2.GetActionDataResponse(inputs=found.inputs, outputs=found.outputs)

    async def get_action_data_u_r_is(self, request: Any, ctx: Any) -> Any:
        """Tell where an action's inputs and outputs are."""
        _, action = self._found(request.action_id.run, request.action_id.name)
        return run_service_pb2.GetActionDataURIsResponse(
            inputs_uri=action.inputs, outputs_uri=action.outputs_file
        )

    async def list_runs(self, request: Any, ctx: Any) -> Any:
        """List runs."""
        part = page(request.request, _RUNS, labels="r.labels", unique="a.number")
        where, values = self._scope(request)
        sql = (
            f"SELECT a.run FROM actions a JOIN runs r ON r.name = a.run "  # noqa: S608 - terms of ours
            f"WHERE a.name = ? AND {where} AND {part.where} ORDER BY {part.order} LIMIT ? OFFSET ?"
        )
        rows = self._hub.state.query(sql, (ROOT, *values, *part.values, part.limit + 1, part.start))
        runs = [self._message(name) for (name,) in rows[: part.limit]]
        return run_service_pb2.ListRunsResponse(runs=runs, token=part.next if len(rows) > part.limit else "")

    async def watch_runs(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Give the newest runs, and then those that change."""
        where, values = self._scope(request)
        after = -1
        with self._hub.bells.heard("runs") as rung:
            while True:
                rung.clear()
                sql = (
                    f"SELECT a.run, a.stamp FROM actions a JOIN runs r ON r.name = a.run "  # noqa: S608
                    f"WHERE a.name = ? AND {where} AND a.stamp > ? ORDER BY a.stamp DESC LIMIT 100"
                )
                rows = self._hub.state.query(sql, (ROOT, *values, after))
                if rows or after < 0:
                    after = max((stamp for _, stamp in rows), default=0)
                    yield run_service_pb2.WatchRunsResponse(runs=[self._message(name) for name, _ in rows])
                await rung.wait()

    async def list_actions(self, request: Any, ctx: Any) -> Any:
        """List the actions of a run."""
        run, _ = self._found(request.run_id, ROOT)
        part = page(request.request, _ACTIONS)
        order, rest = f"{part.order}", part.limit + part.start + 1
        rows = self._hub.state.actions(f"run = ? AND {part.where}", (run.name, *part.values), order, rest)
        actions = [self._hub.messages.action(run, row) for row in rows[part.start : part.start + part.limit]]
        token = part.next if len(rows) == rest else ""
        return run_service_pb2.ListActionsResponse(actions=actions, token=token)

    async def watch_actions(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Give the actions of a run, and then those that change, up to its end."""
        run, _ = self._found(request.run_id, ROOT)
        after = 0
        with self._hub.bells.heard(("run", run.name)) as rung:
            while True:
                rung.clear()
                rows = self._hub.state.actions("run = ? AND stamp > ?", (run.name, after), "stamp")
                if rows or not after:
                    after = rows[-1].stamp if rows else after
                    yield run_service_pb2.WatchActionsResponse(
                        enriched_actions=[
                            {"action": self._hub.messages.action(run, row), "meets_filter": True}
                            for row in rows
                        ]
                    )
                if self._hub.state.action(run.name, ROOT).phase.terminal:
                    return
                await rung.wait()

    async def signal_event(self, request: Any, ctx: Any) -> Any:
        """Give a condition its value."""
        _, action = self._found(request.action_id.run, request.action_id.name)
        kind = request.payload.WhichOneof("value")
        if kind is None:
            raise DefinitionError(f"no value for condition {action.short!r}")
        literal = literal_of(getattr(request.payload, kind))
        if not self._hub.engine.signal(action, literal.SerializeToString()):
            raise ConnectError(Code.FAILED_PRECONDITION, f"condition {action.short!r} waits no more")
        return run_service_pb2.SignalEventResponse()

    # Inside

    def _run(self, request: Any) -> RunRow:
        which = request.WhichOneof("id")
        given = getattr(request, which)
        name = given.name if which == "run_id" else random_name()
        if not name.replace("-", "").replace("_", "").isalnum():
            raise DefinitionError(f"run name {name!r}; letters, digits, - and _ are accepted")
        spec = request.run_spec
        base = self._hub.folders.run(name)
        if spec.run_base_dir:
            base = self._hub.folders.inside(spec.run_base_dir) / name
        labels, place, now = dict(spec.labels.values), place_of(given), time.time()
        source = source_of(spec)
        return RunRow(
            name=name, place=place, labels=labels, created=now, base=str(base),
            start=self._hub.state.run(source).start if source else now,
            spec=spec.SerializeToString(), recorded=MIRROR not in labels,
        )  # fmt: skip

    def _spec(self, request: Any) -> Any:
        if request.WhichOneof("task") == "task_id":
            return deployed(self._hub, request.task_id)
        if request.WhichOneof("task") == "trigger_name":
            raise ConnectError(Code.UNIMPLEMENTED, "this endpoint has no triggers")
        spec: Any = task_definition_pb2.TaskSpec()
        spec.CopyFrom(request.task_spec)
        return spec

    def _inputs(self, request: Any, spec: Any) -> tuple[Path, str]:
        if request.WhichOneof("input_wrapper") != "offloaded_input_data":
            ignored = tuple(spec.task_template.metadata.cache_ignore_input_vars)
            return written_inputs(self._hub, request.inputs), inputs_hash(request.inputs, ignored)
        offloaded = request.offloaded_input_data
        path = self._hub.folders.inside(offloaded.uri)
        path = path if path.name == "inputs.pb" else path / "inputs.pb"
        if not path.is_file():
            raise DefinitionError(f"there are no inputs at {offloaded.uri}")
        return path, offloaded.inputs_hash

    def _found(self, run: Any, name: str) -> tuple[RunRow, ActionRow]:
        row = self._hub.state.run(run.name)
        place = place_of(run)
        if (place.project, place.domain) != (row.place.project, row.place.domain):
            raise RunNotFoundError(f"{place.project}/{place.domain} of this endpoint has no run {run.name!r}")
        return row, self._hub.state.action(run.name, name)

    async def _watched(self, run_id: Any, name: str) -> AsyncIterator[tuple[RunRow, ActionRow]]:
        run, action = self._found(run_id, name)
        with self._hub.bells.heard(("action", run.name, name)) as rung:
            while True:
                rung.clear()
                action = self._hub.state.action(run.name, name)
                yield run, action
                if action.phase.terminal:
                    return
                await rung.wait()

    def _message(self, name: str) -> Any:
        return self._hub.messages.run(self._hub.state.run(name), self._hub.state.action(name, ROOT))

    def _scope(self, request: Any) -> tuple[str, list[Any]]:
        terms, values = ["1"], list[Any]()
        for scope in ("project_id", "task_id", "task_name"):
            if scope in request.DESCRIPTOR.fields_by_name and request.HasField(scope):
                place = place_of(getattr(request, scope))
                terms.append("r.project = ? AND r.domain = ?")
                values += [place.project, place.domain]
        for scope in ("task_id", "task_name"):
            if scope in request.DESCRIPTOR.fields_by_name and request.HasField(scope):
                terms.append("a.task = ?")
                values.append(getattr(request, scope).name)
                if scope == "task_id":
                    terms.append("a.version = ?")
                    values.append(request.task_id.version)
        if getattr(request, "paused_actions_only", False):
            terms.append("EXISTS (SELECT 1 FROM actions p WHERE p.run = a.run AND p.phase = ?)")
            values.append(int(Phase.PAUSED))
        return " AND ".join(terms), values
