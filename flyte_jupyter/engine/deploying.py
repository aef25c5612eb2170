"""``flyte.deploy``: environments to the connected endpoint, dependencies first; deployed tasks by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.engine.loop import loop, settled
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import DeploymentError
from flyte_jupyter.tasks.environment import Environment, deployment_order
from flyte_jupyter.tasks.spec import TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was deployed.

    Args:
        version: the version of all its tasks.
        tasks: the qualified names of the tasks of each environment, in the order of deployment.
        endpoint: where.
    """

    version: str
    tasks: Mapping[str, tuple[str, ...]]
    endpoint: str


class Deploy:
    """Call it, or its ``aio``, with environments."""

    def __call__(self, *envs: Environment, version: str | None = None) -> Deployment:
        """Deploy environments and those that they depend on, dependencies first.

        Args:
            *envs: the environments.
            version: the version of all their tasks; made from their code and settings if not given.

        Raises:
            DeploymentError: nothing to deploy, or the place takes none.
            InitializationError: no endpoint answers.
            CodeBundleError, DefinitionError: something does not translate; the message names it.
        """
        with loop.beside():
            return settled(loop.submit(self.aio(*envs, version=version)))

    async def aio(self, *envs: Environment, version: str | None = None) -> Deployment:
        """Do the same without blocking the event loop."""
        for env in envs:
            if not isinstance(env, Environment):
                raise TypeError(f"deploy takes environments, not {env!r}")
        ordered = deployment_order(*envs)
        if not any(getattr(env, "tasks", None) for env in ordered):
            raise DeploymentError("there is no task to deploy; give environments that have tasks")
        place: Any = process.setup.place()
        if not hasattr(place, "deploy"):
            raise DeploymentError(
                f"{place.name} takes no deployments; connect an endpoint: flyte.init(endpoint=...)"
            )
        made = await place.deploy(ordered, version)
        return Deployment(version=made["version"], tasks=made["tasks"], endpoint=place.address.shown)


deploy = Deploy()


def fetched(name: str, version: str | None) -> TaskSpec | None:
    """Look a task up at the connected endpoint; None if nothing that has tasks is connected.

    Raises:
        RemoteTaskNotFoundError: the endpoint has none of that name and version.
    """
    place: Any = process.setup.place()
    if not hasattr(place, "fetch"):
        return None
    with loop.beside():
        found: TaskSpec = settled(loop.submit(place.fetch(name, version)))
    return found
