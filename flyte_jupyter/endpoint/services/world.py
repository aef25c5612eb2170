"""What there is around runs: one cluster, the projects, and who asks."""

from typing import Any

from flyteidl2.auth import identity_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.auth.identity_connect import IdentityService  # type: ignore[import-untyped]  # no stubs
from flyteidl2.cluster import payload_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.cluster.service_connect import ClusterService  # type: ignore[import-untyped]  # no stubs
from flyteidl2.project import project_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.project.project_service_connect import ProjectService  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.identifiers import DOMAIN, ORG, PROJECT
from flyte_jupyter.errors import RemoteTaskNotFoundError


class Clusters(ClusterService):  # type: ignore[misc]  # no stubs
    """There is one cluster: this endpoint."""

    async def select_cluster(self, request: Any, ctx: Any) -> Any:
        """Say that it is the endpoint that was asked."""
        return payload_pb2.SelectClusterResponse(cluster_endpoint="")


class Projects(ProjectService):  # type: ignore[misc]  # no stubs
    """A project is there as soon as something is in it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def list_projects(self, request: Any, ctx: Any) -> Any:
        """List them."""
        return project_service_pb2.ListProjectsResponse(projects={"projects": self._all()})

    async def get_project(self, request: Any, ctx: Any) -> Any:
        """Give one."""
        for project in self._all():
            if project.id == request.id:
                return project_service_pb2.GetProjectResponse(project=project)
        raise RemoteTaskNotFoundError(f"this endpoint has no project {request.id!r}")

    def _all(self) -> list[Any]:
        sql = "SELECT DISTINCT project, domain FROM runs UNION SELECT DISTINCT project, domain FROM tasks"
        known: dict[str, set[str]] = {PROJECT: {DOMAIN}}
        for project, domain in self._hub.state.query(sql):
            known.setdefault(project, set()).add(domain)
        return [
            project_service_pb2.Project(
                id=name, name=name, org=ORG, domains=[{"id": d, "name": d} for d in sorted(domains)],
                state=project_service_pb2.PROJECT_STATE_ACTIVE,
            )
            for name, domains in sorted(known.items())
        ]  # fmt: skip


class Identity(IdentityService):  # type: ignore[misc]  # no stubs
    """Whoever has the endpoint's URL is the owner of its store."""

    async def user_info(self, request: Any, ctx: Any) -> Any:
        """Say who asks."""
        return identity_pb2.UserInfoResponse(subject="owner", name="Owner of the store")
