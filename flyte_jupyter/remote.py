"""Deployed tasks and recorded runs by name."""

from dataclasses import dataclass
from typing import Any

from flyte_jupyter.engine.deploying import fetched
from flyte_jupyter.errors import (
    DefinitionError,
    InitializationError,
    RemoteTaskNotFoundError,
    RemoteTaskUsageError,
)
from flyte_jupyter.runs.run import Action, Run
from flyte_jupyter.tasks.environment import environments, find_task
from flyte_jupyter.tasks.interface import Interface
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.tasks.template import TaskTemplate

__all__ = ["Action", "LazyEntity", "Run", "Task"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DeployedTask(TaskTemplate[..., Any]):
    """A task that is deployed at the connected endpoint: it runs there, wherever it is called from.

    Args:
        details: what a place to run knows of it.
    """

    details: TaskSpec

    @property
    def interface(self) -> Interface:
        """The inputs and outputs."""
        return self.details.interface

    @property
    def spec(self) -> TaskSpec:
        """What a place to run needs to know of it."""
        return self.details

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: there is no function here.

        Raises:
            RemoteTaskUsageError: always.
        """
        del args, kwargs
        raise RemoteTaskUsageError(
            f"{self.name} is deployed and runs at the endpoint only; run it with flyte.run, or call it "
            "in a task"
        )


class LazyEntity(TaskTemplate[..., Any]):
    """Stands for a task by its name; the task is looked up when it is first needed.

    It is looked for among the environments of this process, then at the connected endpoint. It can be called,
    run, overridden and asked for anything that a task has.
    """

    def __init__(self, name: str, version: str | None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_version", version)
        object.__setattr__(self, "_found", None)

    def fetch(self) -> TaskTemplate[..., Any]:
        """Look the task up now.

        Raises:
            RemoteTaskNotFoundError: there is none of that name.
        """
        found: TaskTemplate[..., Any] | None = self.__dict__["_found"]
        if found is None:
            version: str | None = self.__dict__["_version"]
            found = find_task(self.name) if version is None else None
            found = _deployed(self.name, version) if found is None else found
            object.__setattr__(self, "_found", found)
        return found

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN or name.startswith("__"):
            return object.__getattribute__(self, name)
        return getattr(self.fetch(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the task, by position or by keyword."""
        return self.fetch()(*args, **kwargs)

    def __repr__(self) -> str:
        found = self.__dict__["_found"]
        return f"<task {self.name}, not looked up yet>" if found is None else repr(found)


_OWN = frozenset({"name", "fetch", "_found", "_version"})


def _deployed(name: str, version: str | None) -> TaskTemplate[..., Any]:
    """Fetch a task from the connected endpoint.

    Raises:
        RemoteTaskNotFoundError: nothing is connected, or it has none.
    """
    try:
        spec = fetched(name, version)
    except InitializationError as error:
        spec, why = None, f" ({error})"
    else:
        why = ""
    if spec is None:
        known = [t for env in environments().values() for t in getattr(env, "tasks", {})]
        raise RemoteTaskNotFoundError(
            f"there is no task {name!r}{why}; known tasks are {', '.join(known) or 'none'}"
        )
    return DeployedTask(name=name, short_name=spec.short_name, details=spec)


class Task:
    """Finds tasks by name."""

    @staticmethod
    def get(
        name: str,
        project: str | None = None,  # noqa: ARG004 - for endpoints that have projects
        domain: str | None = None,  # noqa: ARG004 - likewise
        version: str | None = None,
        auto_version: str | None = None,
    ) -> LazyEntity:
        """Give a task by its qualified name, ``environment.function``, without looking it up yet.

        Args:
            name: the task's name.
            project: of the protocol's identity.
            domain: likewise.
            version: the deployed version.
            auto_version: "latest", or "current" for the version of the running task.

        Raises:
            DefinitionError: neither or both of version and auto_version, or an unknown auto_version.
        """
        if (version is None) == (auto_version is None):
            raise DefinitionError(f"Task.get({name!r}): give either version=... or auto_version='latest'")
        if auto_version not in (None, "latest", "current"):
            raise DefinitionError(f"auto_version={auto_version!r}; it is 'latest' or 'current'")
        return LazyEntity(name, version)
