"""TaskService: deployed tasks and their versions."""

from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.task import task_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task.task_service_connect import TaskService  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.identifiers import place_of, task_id
from flyte_jupyter.endpoint.listing import page
from flyte_jupyter.endpoint.messages import moment, spec_of, who
from flyte_jupyter.endpoint.values import Place
from flyte_jupyter.errors import RemoteTaskNotFoundError

_COLUMNS = {
    "name": "name", "task_name": "name", "version": "version", "created_at": "created",
    "deployed_at": "created",
}  # fmt: skip
_ROW = "org, project, domain, name, version, spec, created"


class Tasks(TaskService):  # type: ignore[misc]  # no stubs
    """The service."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def deploy_task(self, request: Any, ctx: Any) -> Any:
        """Keep a task."""
        if request.triggers:
            raise ConnectError(Code.UNIMPLEMENTED, "this endpoint has no triggers; deploy the task without")
        wanted = request.task_id
        spec = self._hub.state.put_spec(request.spec.SerializeToString(deterministic=True))
        if not self._hub.state.deploy(place_of(wanted), wanted.name, wanted.version, spec):
            raise ConnectError(
                Code.ALREADY_EXISTS, f"task {wanted.name!r} is deployed in version {wanted.version!r} already"
            )
        return task_service_pb2.DeployTaskResponse()

    async def get_task_details(self, request: Any, ctx: Any) -> Any:
        """Give all of a deployed task."""
        row = _row(self._hub, request.task_id)
        place, name, version, created = (
            Place(org=row[0], project=row[1], domain=row[2]),
            row[3],
            row[4],
            row[6],
        )
        spec = spec_of(self._hub.state.spec(row[5]))
        meta = _metadata(spec, name, created)
        details = {"task_id": task_id(place, name, version), "metadata": meta, "spec": spec}
        return task_service_pb2.GetTaskDetailsResponse(details=details)

    async def list_tasks(self, request: Any, ctx: Any) -> Any:
        """List deployed tasks."""
        part = page(request.request, _COLUMNS)
        where, values = _scope(request)
        known = [
            k.is_entrypoint for k in request.known_filters if k.WhichOneof("filter_by") == "is_entrypoint"
        ]
        sql = f"SELECT {_ROW} FROM tasks WHERE {where} AND {part.where} ORDER BY {part.order}"  # noqa: S608
        rows = [
            (row, spec_of(self._hub.state.spec(row[5])))
            for row in self._hub.state.query(sql, (*values, *part.values))
        ]
        rows = [(r, s) for r, s in rows if all(s.task_template.metadata.is_entrypoint == k for k in known)]
        shown = rows[part.start : part.start + part.limit]
        return task_service_pb2.ListTasksResponse(
            tasks=[_task(row, spec) for row, spec in shown],
            token=part.next if len(rows) > part.start + part.limit else "",
            metadata={"total": len(rows), "filtered_total": len(rows)},
        )

    async def list_versions(self, request: Any, ctx: Any) -> Any:
        """List the versions of a deployed task."""
        part = page(request.request, _COLUMNS)
        place, name = place_of(request.task_name), request.task_name.name
        sql = (
            f"SELECT version, created FROM tasks WHERE project = ? AND domain = ? AND name = ? "  # noqa: S608
            f"AND {part.where} ORDER BY {part.order} LIMIT ? OFFSET ?"
        )
        values = (place.project, place.domain, name, *part.values, part.limit + 1, part.start)
        rows = self._hub.state.query(sql, values)
        return task_service_pb2.ListVersionsResponse(
            versions=[
                {"version": v, "deployed_at": moment(t), "deployed_by": who()} for v, t in rows[: part.limit]
            ],
            token=part.next if len(rows) > part.limit else "",
        )


def deployed(hub: Hub, wanted: Any) -> Any:
    """Give the spec of a deployed task.

    Raises:
        RemoteTaskNotFoundError: there is none of this name and version.
    """
    return spec_of(hub.state.spec(_row(hub, wanted)[5]))


def _row(hub: Hub, wanted: Any) -> tuple[Any, ...]:
    place = place_of(wanted)
    rows = hub.state.query(
        f"SELECT {_ROW} FROM tasks WHERE project = ? AND domain = ? AND name = ? AND version = ?",  # noqa: S608
        (place.project, place.domain, wanted.name, wanted.version),
    )
    if not rows:
        raise RemoteTaskNotFoundError(
            f"{place.project}/{place.domain} has no task {wanted.name!r} in version {wanted.version!r}"
        )
    return rows[0]


def _scope(request: Any) -> tuple[str, tuple[Any, ...]]:
    if request.WhichOneof("scope_by") != "project_id":
        return "1", ()
    place = place_of(request.project_id)
    return "project = ? AND domain = ?", (place.project, place.domain)


def _task(row: tuple[Any, ...], spec: Any) -> Any:
    place = Place(org=row[0], project=row[1], domain=row[2])
    return {"task_id": task_id(place, row[3], row[4]), "metadata": _metadata(spec, row[3], row[6])}


def _metadata(spec: Any, name: str, created: float) -> dict[str, Any]:
    return {
        "deployed_by": who(), "deployed_at": moment(created), "environment_name": name.rpartition(".")[0],
        "short_name": spec.short_name or name.rpartition(".")[2],
        "short_description": spec.documentation.short_description,
    }  # fmt: skip
