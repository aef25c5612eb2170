"""Environments: what tasks have in common, and the decorator that makes tasks."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast, overload

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.checks import flag
from flyte_jupyter.tasks.documentation import Documentation, shortened
from flyte_jupyter.tasks.given import NOT_GIVEN, given
from flyte_jupyter.tasks.plugins import TaskPluginRegistry
from flyte_jupyter.tasks.pod import PodTemplate
from flyte_jupyter.tasks.policies import RetryStrategy, ReusePolicy
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import SecretRequest, secrets_of
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate
from flyte_jupyter.tasks.values import env_vars_of, image_of, plain_state, restore, type_checked

if TYPE_CHECKING:
    from flyte_jupyter.tasks.image import Image

P = ParamSpec("P")
R = TypeVar("R")
_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_registry: dict[str, "Environment"] = {}


@dataclass(frozen=True, eq=False)
class Environment:
    """A named, shared execution context. Defining one of the same name again replaces it.

    Args:
        name: lower-case letters and digits, with single ``-`` or ``_`` between them.
        image: the container image: an ``Image``, its URI, or "auto" for the default one.
        resources: what a task needs unless it says otherwise.
        env_vars: environment variables of its tasks.
        secrets: secrets to inject into its tasks.
        depends_on: environments that must be deployed before this one.
        pod_template: Kubernetes details, for places that have pods.
        description: for people, at most 255 characters.
        interruptible: whether its tasks may run on machines that can be taken away.
        include: files to ship with its tasks' code.
        service_account: the account on a cluster.
    """

    name: str
    image: "Image | str" = "auto"
    resources: Resources | None = None
    env_vars: Mapping[str, str] | None = None
    secrets: SecretRequest | None = None
    depends_on: "Sequence[Environment]" = ()
    pod_template: PodTemplate | str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)
    interruptible: bool = field(default=False, repr=False)
    include: Sequence[str] = field(default=(), repr=False)
    service_account: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check every field and register under the name.

        Raises:
            DefinitionError, TypeError: naming the field, its value and what is accepted.
        """
        put = functools.partial(object.__setattr__, self)
        _check_name(self.name)
        put("image", image_of(self.image))
        type_checked("resources", self.resources, Resources)
        put("env_vars", env_vars_of(self.env_vars))
        put("secrets", secrets_of(self.secrets))
        if not isinstance(self.pod_template, str):
            type_checked("pod_template", self.pod_template, PodTemplate)
        flag("interruptible", self.interruptible)
        if isinstance(self.include, str):
            raise TypeError(f"include={self.include!r}: give a list of paths")
        put("include", tuple(self.include))
        put("description", shortened(self.description) if self.description else None)
        dependencies = self.depends_on
        put("depends_on", ())
        if isinstance(dependencies, Environment | str) or not isinstance(dependencies, Sequence):
            raise TypeError(f"depends_on={dependencies!r}: give a list of environments")
        self.add_dependency(*dependencies)
        _registry[self.name] = self

    def add_dependency(self, *envs: "Environment") -> None:
        """Deploy these environments before this one; those that are there already stay once.

        Raises:
            TypeError: something is not an environment.
            DefinitionError: an environment would depend on itself, directly or through others.
        """
        for env in envs:
            if not isinstance(env, Environment):
                raise TypeError(f"{self.name} cannot depend on {env!r}: it is a {type(env).__name__}")
            path = _path(env, self.name)
            if path:
                raise DefinitionError(f"environments depend in a circle: {' -> '.join((self.name, *path))}")
        kept = [d for d in self.depends_on if d.name not in {e.name for e in envs}]
        unique = {e.name: e for e in envs}
        object.__setattr__(self, "depends_on", (*kept, *unique.values()))

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        restore(self, state)

    def clone_with(self, name: str, **changes: Any) -> Self:
        """Make an environment that differs in its name and the given parameters; it starts without tasks.

        Raises:
            TypeError: there is no such parameter.
        """
        known = [f.name for f in fields(self) if f.init]
        for change in changes:
            if change not in known:
                raise TypeError(f"clone_with has no parameter {change!r}; it has {', '.join(known)}")
        kept = {n: v for n, v in changes.items() if v is not None or n in _CLEARABLE}
        return replace(self, name=name, **kept)


_CLEARABLE = frozenset({"reusable", "plugin_config", "pod_template", "queue", "service_account"})


@dataclass(frozen=True, eq=False)
class TaskEnvironment(Environment):
    """An environment for tasks; ``@env.task`` makes them.

    Args:
        cache: the tasks' caching: "auto", "override", "disable", or a ``Cache``.
        reusable: warm workers for its tasks, or None.
        plugin_config: configuration of a task plugin.
        queue: the queue of a cluster.
    """

    cache: "Cache | str" = "disable"
    reusable: ReusePolicy | None = None
    plugin_config: Any = field(default=None, repr=False)
    queue: str | None = field(default=None, repr=False)
    _tasks: dict[str, AsyncFunctionTaskTemplate[..., Any]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        put = functools.partial(object.__setattr__, self)
        put("cache", Cache.of(self.cache))
        type_checked("reusable", self.reusable, ReusePolicy)
        TaskPluginRegistry.find(self.plugin_config)

    @property
    def tasks(self) -> Mapping[str, AsyncFunctionTaskTemplate[..., Any]]:
        """The tasks by qualified name; of several of one name, the last one defined."""
        return MappingProxyType(self._tasks)

    def panel(self) -> Any:
        """Show it as a form that changes it; ``flyte_jupyter.panels.environment`` is the same.

        Returns:
            A widget.
        """
        return load("flyte_jupyter.panels:environment")(self)

    @overload
    def task(self, _func: Callable[P, R]) -> AsyncFunctionTaskTemplate[P, R]: ...
    @overload
    def task(
        self,
        *,
        short_name: str = ...,
        image: "Image | str | None" = ...,
        resources: Resources | None = ...,
        cache: "Cache | str | None" = ...,
        retries: "RetryStrategy | int" = ...,
        timeout: Any = ...,
        reusable: "ReusePolicy | str | None" = ...,
        docs: Documentation | None = ...,
        env_vars: Mapping[str, str] | None = ...,
        secrets: SecretRequest | None = ...,
        pod_template: "PodTemplate | str | None" = ...,
        report: bool = ...,
        interruptible: bool | None = ...,
        max_inline_io_bytes: int = ...,
        queue: str | None = ...,
        service_account: str | None = ...,
        triggers: Sequence[Any] = ...,
        links: Sequence[Any] = ...,
        plugin_config: Any = ...,
    ) -> Callable[[Callable[P, R]], AsyncFunctionTaskTemplate[P, R]]: ...
    def task(self, _func: Any = None, **options: Any) -> Any:
        """Make a task of a function; bare, or with parameters that go before the environment's.

        Environment variables and secrets of the task come on top of the environment's.

        Args:
            _func: the function, when used bare.
            **options: the parameters of ``TaskTemplate``; None inherits from the environment.

        Raises:
            TypeError: there is no such parameter, or it is of the wrong type.
            DefinitionError: a value is wrong.
        """
        unknown = sorted(set(options) - _TASK_OPTIONS)
        if unknown:
            names = ", ".join(sorted(_TASK_OPTIONS))
            raise TypeError(f"@{self.name}.task has no parameter {unknown[0]!r}; it has {names}")
        if _func is None:
            return functools.partial(self._make, options)
        return self._make(options, _func)

    @classmethod
    def from_task(
        cls,
        name: str,
        *tasks: AsyncFunctionTaskTemplate[..., Any],
        depends_on: Sequence[Environment] = (),
    ) -> "TaskEnvironment":
        """Put stand-alone tasks into an environment of their own.

        Raises:
            DefinitionError: a task has an environment already, or the tasks' images differ.
        """
        for task in tasks:
            if task.parent_env is not None:
                raise DefinitionError(
                    f"{task.name} belongs to the environment {task.parent_env.name!r} already"
                )
        images = {getattr(t.image, "identifier", "") for t in tasks}
        if len(images) > 1:
            raise DefinitionError(f"the tasks of {name!r} have {len(images)} images; they need one")
        env = cls(name, image=tasks[0].image if tasks else "auto", depends_on=depends_on)
        for task in tasks:
            env._tasks[task.name] = replace(task, parent_env=env)
        return env

    def _make(self, options: Mapping[str, Any], func: Callable[P, R]) -> AsyncFunctionTaskTemplate[P, R]:
        if isinstance(func, AsyncFunctionTaskTemplate):
            raise TypeError(f"{func.name} is a task already; decorate the function once")
        if isinstance(cast("object", func), classmethod):
            func = cast("Any", func).__func__
        if not callable(func):
            raise TypeError(f"@{self.name}.task decorates a function, not {func!r}")
        name = getattr(func, "__name__", None) or getattr(getattr(func, "func", None), "__name__", None)
        if not name:
            raise DefinitionError(f"{func!r} has no name; define a function with def")
        merged = self._merged({k: v for k, v in options.items() if v is not None})
        cls: Any = TaskPluginRegistry.find(merged.get("plugin_config"))
        task: AsyncFunctionTaskTemplate[P, R] = cls(
            name=f"{self.name}.{name}", func=func, parent_env=self, **merged
        )
        self._tasks[task.name] = task
        return task

    def _merged(self, options: dict[str, Any]) -> dict[str, Any]:
        """Complete a task's options with the environment's."""
        if options.get("reusable", NOT_GIVEN) == "off":
            options["reusable"] = None
        inherited = given(
            image=self.image,
            resources=self.resources,
            cache=self.cache,
            reusable=self.reusable,
            pod_template=self.pod_template,
            interruptible=self.interruptible,
            queue=self.queue,
            service_account=self.service_account,
            plugin_config=self.plugin_config,
        )
        variables = {**(self.env_vars or {}), **env_vars_of(options.pop("env_vars", None))}
        secrets = (*secrets_of(self.secrets), *secrets_of(options.pop("secrets", None)))
        return {**inherited, "env_vars": variables, "secrets": secrets, **options}


_TASK_OPTIONS = frozenset(
    f.name
    for f in fields(AsyncFunctionTaskTemplate)
    if f.name not in {"name", "func", "parent_env", "task_type"}
)


def environments() -> Mapping[str, Environment]:
    """Give every environment by name; of several of one name, the last one defined."""
    return MappingProxyType(_registry)


def find_task(name: str) -> AsyncFunctionTaskTemplate[..., Any] | None:
    """Find a task by its qualified name among the environments of this process."""
    env = _registry.get(name.partition(".")[0])
    return env.tasks.get(name) if isinstance(env, TaskEnvironment) else None


def deployment_order(*envs: Environment) -> tuple[Environment, ...]:
    """Order environments and all that they depend on, dependencies first."""
    done: dict[str, Environment] = {}

    def visit(env: Environment) -> None:
        latest = _registry.get(env.name, env)
        if latest.name in done:
            return
        for dependency in latest.depends_on:
            visit(dependency)
        done.setdefault(latest.name, latest)

    for env in envs:
        visit(env)
    return tuple(done.values())


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"name={name!r} is a {type(name).__name__}; an environment's name is text")
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"name={name!r} cannot name an environment; use lower-case letters and digits with single '-' or "
            "'_' between them, such as 'my-env'"
        )


def _path(start: Environment, goal: str) -> tuple[str, ...]:
    """Find the names along the dependencies from an environment to one of the given name."""
    if start.name == goal:
        return (goal,)
    for dependency in start.depends_on:
        rest = _path(dependency, goal)
        if rest:
            return (start.name, *rest)
    return ()
