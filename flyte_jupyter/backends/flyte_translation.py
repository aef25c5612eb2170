"""Tasks of ours as official ones: what they ask for, their signature, and their code by value."""

import asyncio
import copy
import dataclasses
import importlib
import inspect
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.backends import flyte_names, flyte_settings, flyte_types
from flyte_jupyter.backends.cores import threads_of
from flyte_jupyter.backends.flyte_images import Official
from flyte_jupyter.backends.flyte_reach import mentioned
from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.backends.flyte_shared import pod
from flyte_jupyter.backends.per_loop import PerLoop
from flyte_jupyter.backends.pickling import dumps_by_value, user_modules
from flyte_jupyter.errors import CodeBundleError, DefinitionError, Error
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.interface import EMPTY, Interface
from flyte_jupyter.tasks.policies import RetryStrategy, ReusePolicy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import Secret
from flyte_jupyter.tasks.slicing.origins import Origin, of_function, of_module
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.tasks.template import TaskTemplate

_KEPT = 256


@dataclass(slots=True, eq=False)
class Translated:
    """A task as it is sent.

    Args:
        task: the official task.
        calls: whether it may call others, or traced helpers.
        reports: whether it may write a report.
        sent: what stands for it once its code is at the endpoint.
        sending: held while its code is sent, so that it goes once.
    """

    task: Any
    calls: bool
    reports: bool
    sent: Any = None
    sending: PerLoop[asyncio.Lock] = field(default_factory=lambda: PerLoop(asyncio.Lock), repr=False)


_VALUES: dict[type, Callable[[Any], Any]] = {
    Resources: flyte_settings.resources,
    RetryStrategy: flyte_settings.retries,
    Timeout: flyte_settings.timeout,
    ReusePolicy: flyte_settings.reusable,
    Cache: lambda value: flyte_settings.cache(value, "a task"),
    Secret: lambda value: flyte_settings.secrets((value,), "a task")[0],
}
"""Values that a body may hold, for ``override``."""


class Translator:
    """Makes official tasks of ours, and keeps them as long as their code stays the same.

    Args:
        images: makes an official image.
    """

    def __init__(self, images: Official) -> None:
        self._images = images
        self._lock = RLock()
        self._made: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._environments: dict[tuple[str, str], Any] = {}

    def shipped(self, task: TaskSpec, version: str = "") -> Translated:
        """Give the official task with its code pickled, as it is now.

        Args:
            task: the task.
            version: the version of its results; another version makes another pickle.

        Raises:
            CodeBundleError, DefinitionError: something does not translate; the message names it.
        """
        key = (task, slice_of(task.func).version if isinstance(task.func, FunctionType) else "", version)
        with self._lock:
            found = self._made.get(key)
            if found is None:
                found = self._made[key] = self._shipped(task, version)
                while len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            return found

    def _shipped(self, task: TaskSpec, version: str) -> Translated:
        packing = _Packing(self, task)
        made = packing.task(task)
        vars(made)["_version"] = version
        vars(made)["_blob"] = packing.packed(made)
        mine = packing.environments[made.parent_env_name]
        mine.depends_on = [env for env in packing.environments.values() if env is not mine]
        return Translated(made, packing.calls, packing.reports)

    def apart(self, task: TaskSpec) -> Any:
        """Give an official task of its own with its code pickled, which belongs to no environment yet."""
        made = copy.copy(self.shipped(task, "deployed").task)
        made.parent_env = made.parent_env_name = None
        return made

    def environment(self, task: TaskSpec) -> Any:
        """Give the official environment of a task: one for each name and image."""
        name, image = task.name.partition(".")[0], self._images(task.image)
        key = (name, image if isinstance(image, str) else image.uri)
        with self._lock:
            found = self._environments.get(key)
            if found is None:
                taken = sum(known == name for known, _ in self._environments)
                full = f"{name}-image-{taken}" if taken else name
                found = self._environments[key] = flyte.TaskEnvironment(name=full, image=image)
            return found


class _Packing:
    """One task on its way, with everything that it may call."""

    def __init__(self, translator: Translator, root: TaskSpec) -> None:
        self._translator = translator
        self._root = root
        self._tasks: dict[TaskSpec, Any] = {}
        self.environments: dict[str, Any] = {}
        self.calls = False
        self._names: frozenset[str] = frozenset()
        self.reports = root.report

    def task(self, ours: TaskSpec) -> Any:
        """Make, or find, the official task."""
        found = self._tasks.get(ours)
        if found is None:
            found = self._tasks[ours] = self._made(ours)
        return found

    def packed(self, made: Any) -> bytes:
        """Pickle a task with its code.

        Raises:
            CodeBundleError: something cannot travel.
        """
        name = self._root.name
        try:
            with user_modules(load("cloudpickle")):
                data: bytes = pod().dumps(made, self._hook)
                return data
        except CodeBundleError as error:
            text = str(error)
            raise CodeBundleError(
                text if "cannot go" in text else f"{name} cannot go to an endpoint: {text}"
            ) from None
        except Error:
            raise
        except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
            why = ", ".join(_unsendable(self._root.func)) or str(error)
            raise CodeBundleError(
                f"{name} cannot go to an endpoint: {why}. Make such a value inside of the task, or run the "
                'task that holds it with mode="hybrid"'
            ) from error

    def _made(self, ours: TaskSpec) -> Any:
        _check_plugin(ours)
        func = _function(ours)
        env = self._translator.environment(ours)
        self.environments[env.name] = env
        plain = env.task(short_name=ours.short_name)(func)
        given = {f.name: getattr(plain, f.name) for f in dataclasses.fields(plain) if f.init}
        return pod().Task(
            **{
                **given,
                "name": ours.name,
                "parent_env": weakref.ref(env),
                "resources": flyte_settings.resources(ours.resources),
                "cache": flyte_settings.cache(ours.cache, ours.name),
                "retries": flyte_settings.retries(ours.retries),
                "timeout": flyte_settings.timeout(ours.timeout),
                "reusable": flyte_settings.reusable(ours.reusable),
                "env_vars": {**threads_of(ours.resources), **ours.env_vars} or None,
                "secrets": flyte_settings.secrets(ours.secrets, ours.name),
                "report": ours.report,
                "max_inline_io_bytes": ours.max_inline_io_bytes,
                "docs": _documentation(ours.docs, plain.docs),
                **_placed(ours),
            }
        )

    def _hook(self, obj: Any) -> Any:
        """Give the reduced form of what goes as something else."""
        if isinstance(obj, TaskTemplate):
            self.calls, self.reports = True, self.reports or obj.spec.report
            return pod()._blank, (), self.task(obj.spec).__getstate__()  # noqa: SLF001 - of the module that travels
        if isinstance(obj, FunctionType):
            return self._helper(obj)
        if isinstance(obj, ModuleType) and obj.__name__ != "__main__" and of_module(obj) is Origin.LOCAL:
            return pod().module, (obj.__name__,), self._attributes(obj)
        if (kind := flyte_types.counterpart(obj)) is not None:
            return getattr, (flyte_types.io, kind.__name__)
        if (translate := _VALUES.get(type(obj))) is not None:
            return pod().itself, (translate(obj),)
        return self._public(obj) if flyte_names.is_ours(obj) else None

    def _helper(self, func: FunctionType) -> Any:
        """Look through a function of the user's; a traced one goes as an official one."""
        inner = getattr(func, "__wrapped__", None) if of_function(func) is Origin.OURS else None
        if inner is not None:
            self.calls = True
            return flyte.trace, (inner,)
        if flyte_names.is_ours(func):
            return self._public(func)
        if of_function(func) is Origin.LOCAL:
            self.reports |= flyte_names.check(func, self._root.name)
        return None

    def _attributes(self, module: ModuleType) -> dict[str, Any]:
        """Give what of a module of the user's has to travel."""
        names = self._names = self._names or mentioned(self._root.func)
        return {key: value for key, value in vars(module).copy().items() if key in names}

    def _public(self, obj: Any) -> Any:
        found = flyte_names.official(obj)
        if found is None:
            raise CodeBundleError(f"it uses {obj!r}, which exists on this machine only")
        module, name = found
        if module == flyte.__name__:
            return (getattr, (pod().space(), name)) if name else (pod().space, ())
        return (getattr, (load(module), name)) if name else (importlib.import_module, (module,))


def _placed(ours: TaskSpec) -> dict[str, Any]:
    """Give what only clusters know, where it is said."""
    given = {
        "queue": ours.queue,
        "service_account": ours.service_account,
        "pod_template": ours.pod_template,
        "interruptible": ours.interruptible or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _documentation(text: str, found: Any) -> Any:
    """Give documentation; older SDKs read it only from the function."""
    if not text or not hasattr(flyte, "Documentation"):
        return found
    return flyte.Documentation(description=text)


def _check_plugin(ours: TaskSpec) -> None:
    if ours.plugin_config is not None or not callable(ours.func) or inspect.ismethod(ours.func):
        raise DefinitionError(
            f"{ours.name} belongs to a task plugin of this package ({ours.plugin_config!r}), which an "
            'endpoint does not have; run it with mode="local"'
        )


def _function(ours: TaskSpec) -> Any:
    """Copy the function of a task with an official signature; its body stays the same."""
    func: Any = ours.func
    if not isinstance(func, FunctionType):
        raise CodeBundleError(
            f"{ours.name} cannot go to an endpoint: it is made of {func!r}, no plain function"
        )
    flyte_names.check(func, ours.name)
    made: Any = FunctionType(
        func.__code__, func.__globals__, func.__name__, func.__defaults__, func.__closure__
    )
    made.__kwdefaults__ = func.__kwdefaults__
    made.__module__, made.__qualname__, made.__doc__ = "__main__", func.__qualname__, func.__doc__
    if ours.is_async and not inspect.iscoroutinefunction(made):
        made = pod().awaiting(made)
        made.__name__, made.__qualname__ = func.__name__, func.__qualname__
    hints = _hints(ours.interface, ours.name)
    vars(made)[pod().POSITIONAL] = ours.interface.positional_only
    made.__annotations__ = hints
    made.__signature__ = _signature(ours.interface, hints)
    return made


def _hints(interface: Interface, name: str) -> dict[str, Any]:
    where = {p.name: flyte_types.annotation(p.type, f"{name}: input {p.name!r}") for p in interface.inputs}
    returned = [flyte_types.annotation(p.type, f"{name}: its result") for p in interface.outputs]
    return {**where, "return": interface.returning(returned)}


def _signature(interface: Interface, hints: dict[str, Any]) -> inspect.Signature:
    ours = interface.signature
    parameters = [
        p.replace(
            annotation=hints[p.name], kind=_kind(p), default=p.default if p.default is not EMPTY else p.empty
        )
        for p in ours.parameters.values()
    ]
    return inspect.Signature(parameters, return_annotation=hints["return"])


def _kind(parameter: inspect.Parameter) -> Any:
    """Give how a value is passed: an endpoint passes all by name, and the body gets them as it says."""
    by_either = parameter.POSITIONAL_OR_KEYWORD
    return by_either if parameter.kind is parameter.POSITIONAL_ONLY else parameter.kind


def _unsendable(func: Any) -> list[str]:
    """Name the values that a function takes from its module and that no pickle can hold."""
    names = getattr(func, "__globals__", {})
    found = []
    for part in slice_of(func).parts if names else ():
        value = names.get(part.name)
        if part.kind in {"constant", "unknown"} and value is not None:
            try:
                dumps_by_value(value, lambda _obj: None)
            except Exception:  # noqa: BLE001 - pickling runs the value's own code
                found.append(f"{part.name} is a {type(value).__name__}")
    return found
