"""What travels in front of a task's code: the official task class with whole errors and safe pickles.

This file is not imported where tasks run. Its text goes along in every pickle and makes a module of its own
there, so that a pod needs ``flyte`` and nothing of this package. It may use nothing else.
"""

import asyncio
import base64
import builtins
import contextlib
import dataclasses
import functools
import inspect
import io
import json
import os
import re
import reprlib
import shutil
import sys
import typing
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import flyte
import flyte.errors
import flyte.models
import flyte.report
import flyte.types

SOURCE = globals().get("SOURCE", "")
"""The text of this file; given to the module before it runs."""

MARK = "\n[flyte-jupyter:"
"""Begins what a message carries for the kernel."""

ORDER = "flyte-jupyter/inputs"
"""The key under which a task's definition has the order of its inputs."""

_BOOT = (
    "(lambda s: (s.modules.get(name) or (lambda m: (m.__dict__.update(SOURCE=source), "
    "s.modules.__setitem__(name, m), exec(compile(source, name, 'exec'), m.__dict__), m)[3])"
    "(__import__('types').ModuleType(name))).load(blob))(__import__('sys'))"
)
_KERNEL = re.compile(r"^.*[/\\\\]ipykernel_\d+[/\\\\]")
_NOWHERE = "<dynamic-code>"
_SENTINELS = ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")
_OTHERS = ("/flyte/", "/asyncio/", "/concurrent/", "/threading.py", "/contextlib.py")
_ATTEMPT, _COUNTED = "FLYTE_ATTEMPT_NUMBER", "FLYTE_JUPYTER_ATTEMPT_NUMBER"
_GROUP = "FLYTE_JUPYTER_GROUP"
"""The variable with the group that an action was called in, which the protocol does not tell it."""

CALLED = "FLYTE_JUPYTER_CALLED"
"""The variable with what a run's root is for the kernel: an action of a run there, in a group."""

POSITIONAL = "__positional__"
"""The attribute of a function with the names of what it takes by position only."""

_ROOT = "a0"
_DEEPEST = 8
_MOST_FRAMES = 60
_PLAIN = (type(None), bool, int, float, str)

Hook = Callable[[Any], Any]
_Args = tuple[Any, ...]


class Task(flyte.AsyncFunctionTaskTemplate):  # type: ignore[type-arg] # as the SDK itself subclasses it
    """A task whose errors come back whole, and that pickles itself together with this module."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[no-untyped-call]
        for name in ("_blob", "_bundle"):
            state.pop(name, None)
        if hasattr(self.func, "__guarded__"):
            state["func"] = self.func.__wrapped__
        return state

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as an expression that makes the module where it is not there, and reads the rest with it."""
        del protocol
        blob = vars(self).get("_blob") or dumps(self)
        return eval, (_BOOT, {"name": __name__, "source": SOURCE, "blob": blob})

    def __copy__(self) -> "Task":
        """Copy it with the pickle that it has: made anew it would name modules that pods lack."""
        made = _blank()
        vars(made).update(vars(self))
        return made

    def config(self, sctx: Any) -> dict[str, str]:
        """Keep the order of the inputs, which the protocol's interface does not have."""
        return {**super().config(sctx), ORDER: ",".join(self.interface.inputs)}

    def container_args(self, serialize_context: Any) -> list[str]:
        """Give the arguments of the runtime; a deployed task's code is where it was uploaded to."""
        uri = vars(self).get("_bundle")
        if uri is not None:
            bundle = flyte.models.CodeBundle(pkl=uri, computed_version=serialize_context.version)
            serialize_context = dataclasses.replace(serialize_context, code_bundle=bundle)
        return super().container_args(serialize_context)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; what a child raised is raised as what it was."""
        names = _callers_names()
        args, kwargs = _fitting(self, args, kwargs)
        try:
            result = super().__call__(*args, **kwargs)
        except flyte.errors.BaseRuntimeError as error:
            raise retold(error, names) from None
        return _awaited(result, names) if inspect.isawaitable(result) else result

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Call it from asynchronous code."""
        args, kwargs = _fitting(self, args, kwargs)
        return _awaited(super().aio(*args, **kwargs), _callers_names())

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body; what it raises is told with the user's frames."""
        if not hasattr(self.func, "__guarded__"):
            self.func = _guarded(self.func)
        _count_from_one()
        try:
            return _kept(_returned(self, await super().execute(*args, **kwargs)))
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            if self.report:
                await _reported()
            raise _told(error) from error


def _count_from_one() -> None:
    """Let the context tell an attempt's number as in all other places; the SDK counts from 0."""
    number = os.environ.get(_ATTEMPT, "")
    if number.isdigit() and _COUNTED not in os.environ:  # a process may run several
        os.environ[_ATTEMPT] = os.environ[_COUNTED] = str(int(number) + 1)


async def _reported() -> None:
    """Show what a body had reported when it failed: the SDK shows that of bodies that succeed."""
    with contextlib.suppress(Exception):
        await flyte.report.flush.aio()


def _guarded(func: Any) -> Any:
    """Let a body that calls ``sys.exit`` fail: its exception would stop the runtime's thread or loop."""

    def left(error: SystemExit) -> BaseException:
        told = flyte.errors.RuntimeUserError("SystemExit", f"the task called sys.exit({error.code!r})")
        return told.with_traceback(error.__traceback__)

    @functools.wraps(func)
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        try:
            return await func(*_placed(func, args, kwargs), **kwargs)
        except SystemExit as error:
            raise left(error) from None

    @functools.wraps(func)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*_placed(func, args, kwargs), **kwargs)
        except SystemExit as error:
            raise left(error) from None

    made = asynchronous if inspect.iscoroutinefunction(func) else synchronous
    vars(made)["__guarded__"] = True
    return made


def _placed(func: Any, args: _Args, kwargs: dict[str, Any]) -> _Args:
    """Take out of the named arguments what goes by position only; the runtime names them all."""
    return (*args, *(kwargs.pop(name) for name in vars(func).get(POSITIONAL, ()) if name in kwargs))


def _kept(result: Any) -> Any:
    """Copy files that a body has left in its own folder, which may go with it, to where results are kept."""
    if type(result) in (list, tuple):
        return type(result)(map(_kept, result))
    kind = type(result).__name__ if type(result).__module__.startswith("flyte.io") else ""
    path = Path(getattr(result, "path", ""))
    if kind not in ("File", "Dir") or "://" in result.path or Path.cwd() not in path.absolute().parents:
        return result
    kept = flyte.ctx().raw_data_path.get_random_remote_path(path.name)
    Path(kept).parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if kind == "Dir" else shutil.copyfile)(path, kept)
    return result.model_copy(update={"path": kept})


def _callers_names() -> Mapping[str, Any]:
    """Give the names of the code that calls a task: there its exceptions are known."""
    frame = sys._getframe(1)  # noqa: SLF001 - documented for tools
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return frame.f_globals


async def _awaited(result: Any, names: Mapping[str, Any]) -> Any:
    try:
        return await result
    except flyte.errors.BaseRuntimeError as error:
        raise retold(error, names) from None


# What a task is told


def ctx() -> Any:
    """Give the running task's context as in all other places: with the group that the task was called in.

    The SDK's own has the group that the task has opened. An action that stands for one of the kernel's has
    that one's name.
    """
    found = flyte.ctx()
    if not found:
        return found
    action, group = found.action, os.environ.get(_GROUP, "")
    if called := json.loads(os.environ.get(CALLED, "{}")):
        group = called["group"] if os.environ.get("ACTION_NAME") == _ROOT else group
        below = "" if action.name == _ROOT else f".{action.name}"
        action = dataclasses.replace(action, name=f"{called['action']}{below}", run_name=called["run"])
    return found.replace(action=action, group_data=flyte.models.GroupData(group) if group else None)


class Map(type(flyte.map)):  # type: ignore[misc] # it has no public name
    """``flyte.map`` as in all other places: it raises what a call does; its group is named as it says."""

    def __call__(self, task: Any, *items: Any, return_exceptions: bool = False, **options: Any) -> Any:
        """Run a task once for each set of inputs."""
        named = _grouped(task, options)
        return super().__call__(task, *items, return_exceptions=return_exceptions, **named)

    def aio(self, task: Any, *items: Any, return_exceptions: bool = False, **options: Any) -> Any:
        """Do the same as an asynchronous iterator."""
        return super().aio(task, *items, return_exceptions=return_exceptions, **_grouped(task, options))

    @classmethod
    def _get_name(cls, _task_name: str, group_name: str | None) -> str:
        return str(group_name)


def _grouped(task: Any, options: dict[str, Any]) -> dict[str, Any]:
    inner: Any = task.func if isinstance(task, functools.partial) else task
    return {**options, "group_name": options.get("group_name") or inner.short_name}


class Space(ModuleType):
    """The official package, but for what this module does instead."""

    def __getattr__(self, name: str) -> Any:
        return getattr(flyte, name)


def space() -> ModuleType:
    """Give what tasks have for the official package."""
    return _SPACE


_SPACE = Space(flyte.__name__)
vars(_SPACE).update(ctx=ctx, map=Map())


# Values that do not fit: told before the SDK converts them, which does not fail in one and the same way


def _fitting(
    task: Task, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a call as they are declared; refuse what does not fit."""
    signature, kinds = inspect.signature(task.func), task.native_interface.inputs
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{task.name}{signature}: {error}") from None
    for name, value in bound.arguments.items():
        bound.arguments[name] = _fit(task, f"input {name!r}", kinds[name][0], value)
    return bound.args, bound.kwargs


def _returned(task: Task, result: Any) -> tuple[Any, ...] | None:
    """Give one value for each output; refuse what does not fit."""
    outputs, says = task.native_interface.outputs, inspect.signature(task.func).return_annotation
    if not outputs and result is not None:
        text = f"returned a {type(result).__name__}, but its signature says None; annotate what it returns"
        raise _unfit(f"{task.name} {text}")
    is_one = typing.get_origin(says) is not tuple and not hasattr(says, "_fields")
    values = (result,) if is_one and outputs else result
    if outputs and not (isinstance(values, tuple) and len(values) == len(outputs)):
        what = f"a tuple of {len(values)}" if isinstance(values, tuple) else f"a {type(values).__name__}"
        text = f"must return a tuple of {len(outputs)}, not {what}; its signature says {says}"
        raise _unfit(f"{task.name} {text}")
    named = zip(outputs.items(), values or (), strict=True)
    return tuple(_fit(task, f"output {name!r}", kind, value) for (name, kind), value in named) or None


def _fit(task: Task, what: str, kind: Any, value: Any) -> Any:
    value = _widened(kind, value)
    transformer = flyte.types.TypeEngine.get_transformer(kind)
    try:
        if transformer.type_assertions_enabled:
            transformer.assert_type(kind, value)
    except Exception:  # noqa: BLE001 - of whatever class a transformer has it
        got = "None" if value is None else f"{_SHORT.repr(value)} ({_name_of(type(value))})"
        raise _unfit(f"{task.name}: {what}: expected {_name_of(kind)}, got {got}") from None
    return value


def _widened(kind: Any, value: Any) -> Any:
    """Take whole numbers for floats, as all other places do."""
    if kind is float and type(value) is int:
        return float(value)
    if kind == list[float] and type(value) is list:
        return [_widened(float, one) for one in value]
    if kind == dict[str, float] and type(value) is dict:
        return {key: _widened(float, one) for key, one in value.items()}
    return value


def _name_of(kind: Any) -> str:
    if isinstance(kind, type) and not hasattr(kind, "__args__"):
        return kind.__qualname__.rpartition("<locals>.")[2]
    return str(kind).replace("typing.", "")


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _unfit(text: str) -> Exception:
    made = flyte.errors.RuntimeDataValidationError("", "")
    made.args = (text,)
    return made


# Pickles


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles code by value; tells sentinels by identity and tasks as what they are made of."""

    def __init__(self, file: io.BytesIO, hook: Hook | None) -> None:
        super().__init__(file, protocol=5)
        self._hook = hook

    def reducer_override(self, obj: Any) -> Any:
        for name in _SENTINELS:
            if obj is getattr(dataclasses, name):
                return getattr, (dataclasses, name)
        if isinstance(obj, CodeType):
            return _located(obj, self.dispatch_table[CodeType](obj))
        if isinstance(obj, Task):
            return _blank, (), obj.__getstate__()
        if isinstance(obj, Space):
            return space, ()
        found = self._hook(obj) if self._hook else None
        return super().reducer_override(obj) if found is None else found


def _blank() -> Task:
    return Task.__new__(Task)


def _located(code: CodeType, reduced: Any) -> Any:
    """Keep the file of code, which errors name, in a form that is the same in every kernel."""
    made, args = reduced
    file = _KERNEL.sub("ipykernel/", code.co_filename)
    return made, tuple(file if arg in (_NOWHERE, code.co_filename) else arg for arg in args)


def dumps(value: Any, hook: Hook | None = None) -> bytes:
    """Pickle a task; ``hook`` gives the reduced form of objects that go as others."""
    file = io.BytesIO()
    _Pickler(file, hook).dump(value)
    return file.getvalue()


def load(blob: bytes) -> Any:
    """Read what ``dumps`` wrote."""
    return cloudpickle.loads(blob)


def module(name: str) -> ModuleType:
    """Make a module of the user's, of which only what is needed came along."""
    return ModuleType(name)


def itself(value: Any) -> Any:
    """Give a value that stands for another one."""
    return value


def awaiting(func: Callable[..., Any]) -> Callable[..., Any]:
    """Make a coroutine function of a function that returns coroutines."""

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return await func(*args, **kwargs)

    return awaited


# Errors


def _told(error: BaseException) -> flyte.errors.BaseRuntimeError:
    """Make the official error that carries an exception with its frames."""
    data = told(error)
    place = "".join(f'\n  File "{file}", line {line}, in {name}' for file, line, name in data["frames"])
    packed = base64.b64encode(zlib.compress(json.dumps(data).encode("utf-8", "backslashreplace"))).decode()
    text = f"{data['message']}{place}{MARK}{packed}]"
    if isinstance(error, flyte.errors.BaseRuntimeError):
        error.args = (text,)
        return error
    return flyte.errors.CustomError(data["code"], text)


def told(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Write an exception as plain data."""
    kind = type(error)
    out: dict[str, Any] = {
        "code": getattr(error, "code", None) if kind.__module__ == "flyte.errors" else kind.__name__,
        "message": _message(error),
        "class": (kind.__module__, kind.__qualname__),
        "args": list(error.args) if _plain(list(error.args)) else None,
        "state": {k: v for k, v in vars(error).items() if k[:2] != "__" and _plain(v)},
        "frames": _frames(error) + vars(error).get("__frames__", []),
        "notes": [str(note) for note in getattr(error, "__notes__", ())],
        "hidden": error.__suppress_context__,
    }
    unknown = vars(error).get("__told__")
    if unknown is not None:
        out |= {key: unknown[key] for key in ("code", "message", "class", "args", "state", "notes")}
    for name, other in (("cause", error.__cause__), ("context", error.__context__)):
        if other is not None and depth < _DEEPEST and not (name == "context" and other is error.__cause__):
            out[name] = told(other, depth + 1)
    return out


def payload(message: str) -> dict[str, Any] | None:
    """Read what a message carries; None if it is nothing of ours."""
    head, mark, rest = message.rpartition(MARK)
    del head
    if not mark:
        return None
    try:
        found = json.loads(zlib.decompress(base64.b64decode(rest.partition("]")[0])))
    except (ValueError, zlib.error):
        return None
    return found if isinstance(found, dict) else None


def retold(error: flyte.errors.BaseRuntimeError, names: Mapping[str, Any]) -> BaseException:
    """Make the exception that an official error carries, of the class that ``names`` know."""
    data = payload(str(error))
    if data is None:
        return error
    made = remade(data, names)
    if made is None:
        error.args = (data["message"],)
        vars(error)["__told__"] = data  # who knows its class makes it
        made = error
    vars(made)["__frames__"] = data["frames"]
    return made


def remade(data: Mapping[str, Any], names: Mapping[str, Any]) -> BaseException | None:
    """Make an exception of its own class; None if the class is not known or does not let itself be made."""
    module, qualname = data["class"]
    kind = _class(module, qualname, names)
    if kind is None:
        return None
    args = tuple(data["args"]) if data["args"] is not None else (data["message"],)
    try:
        made = kind.__new__(kind, *args)
        made.args = args
        vars(made).update(data["state"])
        for note in data["notes"]:
            made.add_note(note)
    except Exception:  # noqa: BLE001 - the user's class may do anything when it is made
        return None
    return made if _message(made) == data["message"] else None


def _class(module: str, qualname: str, names: Mapping[str, Any]) -> type[BaseException] | None:
    """Find an exception's class: built in, named here, or of a module that is loaded."""
    first, *rest = qualname.split(".")
    near = (*names.values(), sys.modules.get(module))
    modules = [vars(one) for one in near if isinstance(one, ModuleType) and one.__name__ == module]
    spaces = [vars(builtins)] if module == "builtins" else [names, *modules]
    for space in spaces:
        found = space.get(first)
        for part in rest:
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return None


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as nested:  # noqa: BLE001 - the user's __str__ may do anything
        return f"<{type(error).__name__} whose text cannot be had: {type(nested).__name__}>"
    return text.partition(MARK)[0]


def _frames(error: BaseException) -> list[tuple[str, int, str]]:
    """Give file, line and function of the user's frames, outermost first."""
    found, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != __name__ and not any(part in code.co_filename for part in _OTHERS):
            found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    half = _MOST_FRAMES // 2
    return found if len(found) <= _MOST_FRAMES else found[:half] + found[-half:]


def _plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(_plain, value))
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(_plain, value.values()))
    return type(value) in _PLAIN
