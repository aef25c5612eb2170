"""Tasks: a function with everything that its running needs, callable like the function."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from flyte_jupyter.errors import DefinitionError, TraceDoesNotAllowNestedTasksError
from flyte_jupyter.tasks import refusing
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.checks import integer
from flyte_jupyter.tasks.context import current
from flyte_jupyter.tasks.documentation import Documentation
from flyte_jupyter.tasks.given import NOT_GIVEN
from flyte_jupyter.tasks.interface import Interface
from flyte_jupyter.tasks.pod import PodTemplate
from flyte_jupyter.tasks.policies import RetryStrategy, ReusePolicy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import Secret, SecretRequest, secrets_of
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.tasks.values import env_vars_of, image_of, plain_state, restore, type_checked

if TYPE_CHECKING:
    from flyte_jupyter.tasks.image import Image

P = ParamSpec("P")
R = TypeVar("R")

INLINE_LIMIT = 10 * 1024 * 1024
"""Bytes of inputs, and of outputs, that may travel inline unless a task says otherwise."""

_FIXED = frozenset({"name", "func", "image", "docs", "interface", "parent_env"})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TaskTemplate(Generic[P, R]):
    """The base of all task definitions: immutable; ``override`` makes a changed copy.

    Args:
        name: unique, fully qualified name, ``environment.function``.
        short_name: the name for people; the last part of ``name`` if not given.
        task_type: the kind of task in the protocol's words.
        image: the container image, an ``Image``, its URI, or "auto".
        resources: what one attempt needs.
        cache: "auto", "override", "disable" or a ``Cache``.
        retries: further attempts after a failure, a count or a ``RetryStrategy``.
        timeout: limits of time; seconds or a timedelta limit one attempt's run time.
        reusable: a policy for warm workers, or None.
        docs: the documentation; taken from the function if not given.
        env_vars: environment variables of the body.
        secrets: secrets to inject.
        pod_template: Kubernetes details, for places that have pods.
        report: whether the report is flushed when the task ends.
        max_inline_io_bytes: the most bytes of inputs, and of outputs, that travel inline;
            files, folders and frames do not count.
        interruptible: whether it may run on machines that can be taken away.
        queue: the queue of a cluster.
        service_account: the account on a cluster.
        triggers: what starts it on a cluster.
        links: links to show beside its runs.
        plugin_config: configuration of a task plugin, chosen by its type.
        parent_env: the environment that it belongs to.
    """

    name: str
    short_name: str = ""
    task_type: str = "python"
    image: "Image | str" = "auto"
    resources: Resources | None = None
    cache: "Cache | str" = "disable"
    retries: "RetryStrategy | int" = 0
    timeout: Any = None
    reusable: ReusePolicy | None = None
    docs: Documentation | None = None
    env_vars: Mapping[str, str] | None = None
    secrets: SecretRequest | None = None
    pod_template: PodTemplate | str | None = None
    report: bool = False
    max_inline_io_bytes: int = INLINE_LIMIT
    interruptible: bool = False
    queue: str | None = None
    service_account: str | None = None
    triggers: Sequence[Any] = ()
    links: Sequence[Any] = ()
    plugin_config: Any = None
    parent_env: Any = None

    def __post_init__(self) -> None:
        """Turn short forms into the one type of each field.

        Raises:
            DefinitionError, TypeError: naming the field, its value and what is accepted.
        """
        put = functools.partial(object.__setattr__, self)
        put("short_name", self.short_name or self.name.rpartition(".")[2])
        put("image", image_of(self.image))
        put("resources", type_checked("resources", self.resources, Resources) or Resources())
        put("cache", Cache.of(self.cache))
        put("retries", RetryStrategy.of(self.retries))
        put("timeout", Timeout.of(self.timeout))
        put("reusable", type_checked("reusable", self.reusable, ReusePolicy))
        put("env_vars", env_vars_of(self.env_vars))
        put("secrets", secrets_of(self.secrets))
        integer("max_inline_io_bytes", self.max_inline_io_bytes, 0)
        if not isinstance(self.pod_template, str):
            type_checked("pod_template", self.pod_template, PodTemplate)

    @property
    def interface(self) -> Interface:
        """The inputs and outputs."""
        raise NotImplementedError(f"{type(self).__name__} has no interface")

    @property
    def spec(self) -> TaskSpec:
        """What a place to run needs to know of this task."""
        raise NotImplementedError(f"{type(self).__name__} cannot run")

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, with nothing around it."""
        raise NotImplementedError(f"{type(self).__name__} has no function")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it: an action of its own inside of a run, the plain function outside of one."""
        here = current.get()
        if here.submit is None:
            return self.forward(*args, **kwargs)
        self._check_untraced(here.traced)
        if self.spec.is_async:
            return cast("R", here.submit.acall(self, args, kwargs))
        return cast("R", here.submit.call(self, args, kwargs))

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it from asynchronous code without blocking the event loop; sync tasks too."""
        here = current.get()
        if here.submit is not None:
            self._check_untraced(here.traced)
            return await here.submit.acall(self, args, kwargs)
        result = self.forward(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    def override(self, **changes: Any) -> "TaskTemplate[P, R]":
        """Make a copy with some parameters changed; what is not given stays as it is.

        ``retries=0``, ``env_vars={}`` and ``cache=None`` are changes like any other: an empty value
        clears. ``reusable="off"`` clears the policy. ``secrets`` and ``env_vars`` replace.

        Raises:
            TypeError: there is no such parameter.
            DefinitionError: the parameter is fixed (name, image, docs, interface), or the value is wrong.
        """
        known = {f.name for f in fields(self)}
        for name in changes:
            if name in _FIXED:
                raise DefinitionError(
                    f"{self.name}.override({name}=...): it is fixed; define another task or environment"
                )
            if name not in known:
                names = ", ".join(sorted(known - _FIXED))
                raise TypeError(f"{self.name}.override has no parameter {name!r}; it has {names}")
        if changes.get("reusable", NOT_GIVEN) == "off":
            changes["reusable"] = None
        if "cache" in changes and changes["cache"] is None:
            changes["cache"] = "disable"
        return replace(self, **changes)

    def _check_untraced(self, traced: str | None) -> None:
        if traced is not None:
            raise TraceDoesNotAllowNestedTasksError(
                f"{traced} is traced and called the task {self.name}; call tasks from tasks, or remove @trace"
            )

    def __repr__(self) -> str:
        return f"<task {self.name}>"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AsyncFunctionTaskTemplate(TaskTemplate[P, R]):
    """A Python function, synchronous or asynchronous, as a task.

    It carries the function's name, documentation and signature, so ``help(task)`` shows them.

    Args:
        func: the function.
    """

    func: Callable[P, R]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.func):
            raise TypeError(f"{self.name}: func={self.func!r} cannot be called")
        refusing.check_class(self.func, self.name)
        put = functools.partial(object.__setattr__, self)
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(self.func, name):
                put(name, getattr(self.func, name))
        put("__wrapped__", self.func)
        if self.docs is None:
            put("docs", Documentation.of(self.func))
        signature = _signature(self.func)
        refusing.check(self.func, signature, self.name)
        put("__doc__", f"{self.short_name}{signature}\n\n{inspect.getdoc(self.func) or ''}".rstrip())
        self._check_parameters()

    @functools.cached_property
    def interface(self) -> Interface:
        """The inputs and outputs, read when first needed: annotations may name later cells' classes."""
        return Interface.of(self.func, self.name)

    @functools.cached_property
    def spec(self) -> TaskSpec:
        """What a place to run needs to know of this task."""
        hooked = self._has_hooks()
        return TaskSpec(
            name=self.name,
            short_name=self.short_name,
            func=self._hooked if hooked else self.func,
            interface=self.interface,
            is_async=hooked or _is_async(self.func),
            image=self.image,
            resources=cast("Resources", self.resources),
            cache=cast("Cache", self.cache),
            retries=cast("RetryStrategy", self.retries),
            timeout=self.timeout,
            reusable=self.reusable,
            env_vars=self.env_vars or {},
            secrets=cast("tuple[Secret, ...]", self.secrets),
            report=self.report,
            max_inline_io_bytes=self.max_inline_io_bytes,
            plugin_config=self.plugin_config,
            docs=self.docs.description if self.docs else "",
            queue=self.queue,
            service_account=self.service_account,
            pod_template=self.pod_template,
            interruptible=self.interruptible,
        )

    @property
    def native_interface(self) -> Interface:
        """Another name of ``interface``."""
        return self.interface

    @property
    def source_file(self) -> str | None:
        """The file, or the cell's name, that the function was defined in."""
        code = getattr(inspect.unwrap(self.func), "__code__", None)
        return code.co_filename if code else None

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, with nothing around it."""
        return self.func(*args, **kwargs)

    async def pre(self, *_args: Any, **_kwargs: Any) -> Mapping[str, Any]:
        """Prepare, for task plugins: what it returns is in ``ctx().data`` while the body runs."""
        return {}

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body, for task plugins."""
        result = self.forward(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    async def post(self, return_vals: Any) -> Any:
        """Finish, for task plugins: what it returns is the task's result."""
        return return_vals

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a task of a module by its name, like its function; others with what they are made of."""
        name = vars(self)["__qualname__"]
        if self.__module__ != "__main__" and _named(self.__module__, name) is self:
            return name
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(self, "interface", "spec")

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        restore(self, state)

    def _has_hooks(self) -> bool:
        mine, base = type(self), AsyncFunctionTaskTemplate
        return mine.pre is not base.pre or mine.execute is not base.execute or mine.post is not base.post

    async def _hooked(self, **inputs: Any) -> Any:
        data = await self.pre(**inputs)
        here = current.get()
        if here.task is not None:
            token = current.set(replace(here, task=here.task.replace(data={**here.task.data, **data})))
            try:
                return await self.post(await self.execute(**inputs))
            finally:
                current.reset(token)
        return await self.post(await self.execute(**inputs))

    def _check_parameters(self) -> None:
        cache = cast("Cache", self.cache)
        names = tuple(_signature(self.func).parameters)
        unknown = [n for n in cache.ignored_inputs if n not in names]
        if unknown:
            raise DefinitionError(
                f"{self.name}: cache ignores {', '.join(map(repr, unknown))}, which is no input; "
                f"inputs are {', '.join(names) or 'none'}"
            )
        reuse = self.reusable
        if reuse is not None and reuse.concurrency > 1 and not _is_async(self.func):
            raise DefinitionError(
                f"{self.name}: concurrency={reuse.concurrency} in one worker needs an async function"
            )

    def __repr__(self) -> str:
        return f"<task {self.name}{_signature(self.func)}>"


def _named(module: str, path: str) -> Any:
    """Find what a module calls by a name; None if there is no such thing."""
    found: Any = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _is_async(func: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine, as the function itself or the outermost of its decorators tells."""
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(inspect.unwrap(func))


def _signature(func: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(func)
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"{func!r} has no signature, so it cannot be a task: {error}") from None
