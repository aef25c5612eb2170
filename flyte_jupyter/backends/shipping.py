"""A task's function on its way to workers: as source where it can be written whole, else as a pickle."""

import ast
import itertools
import marshal
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import Any

from flyte_jupyter.backends.called import called
from flyte_jupyter.backends.pickling import dumps_by_value
from flyte_jupyter.errors import CodeBundleError, Error
from flyte_jupyter.guards import guard
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing.origins import Origin, of_name
from flyte_jupyter.tasks.source import Slice, slice_of
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate, TaskTemplate

_KEPT = 256
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class Shipment:
    """A function as it is sent.

    Args:
        number: stands for it on the wire.
        content: what is sent, once to each worker.
        home: the module that the function is from.
        names: what that module holds here.
        sent: what of it was sent by name.
        tasks: tasks that have no global name, by number.
        packages: names, as they are imported, of the packages that it uses.
        version: the identity of the code.
    """

    number: int
    content: Mapping[str, Any]
    home: str
    names: Mapping[str, Any]
    sent: Mapping[str, Any] = field(default_factory=dict)
    tasks: list[TaskTemplate[..., Any]] = field(default_factory=list)
    packages: tuple[str, ...] = ()
    version: str = ""

    def task(self, target: str | int) -> TaskTemplate[..., Any]:
        """Find the task that a worker calls.

        Raises:
            NameError: the name is no task any more.
        """
        found = self.tasks[target] if isinstance(target, int) else self.names.get(target)
        if not isinstance(found, TaskTemplate):
            raise NameError(f"{target!r} is no task here; was it redefined meanwhile?")  # noqa: TRY004 - as Python does
        return found


class Shipments:
    """What was sent, by version; a function whose dependencies change is another shipment."""

    def __init__(self) -> None:
        self._lock = guard()
        self._made: OrderedDict[tuple[str, ...], Shipment] = OrderedDict()

    def of(self, task: TaskSpec) -> Shipment:
        """Find or make the shipment of a task as it is now.

        Raises:
            CodeBundleError: the function can be sent in no way.
        """
        func, piece, whole = task.func, None, b""
        if isinstance(func, FunctionType):
            piece = slice_of(func)
            version = piece.version
        else:
            whole = _pickled(task, ships := _Tasks({}))
            version = digest("pickle", whole)
            return self._kept(task, version, lambda: _by_value(task, whole, ships, {}))
        return self._kept(task, version, lambda: replace(_shipment(task, piece), packages=_packages(piece)))

    def take(self, task: TaskSpec, shipment: Shipment) -> None:
        """Take what was made of a task in the process that it comes from."""
        self._kept(task, shipment.version, lambda: replace(shipment, number=next(_numbers)))

    def _kept(self, task: TaskSpec, version: str, make: Callable[[], Shipment]) -> Shipment:
        key = (task.name, task.short_name, version, str(task.report))
        with self._lock:
            found = self._made.get(key)
            if found is not None:
                self._made.move_to_end(key)
                return found
        found = replace(make(), version=version)
        with self._lock:
            self._made[key] = found
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return found


def _packages(piece: Slice) -> tuple[str, ...]:
    return tuple(part.name for part in piece.parts if part.kind == "package")


def _shipment(task: TaskSpec, piece: Slice) -> Shipment:
    func: Any = task.func
    missing: Mapping[str, str] = {}
    try:
        text, missing = piece.text(), piece.unshippable()
        tree = ast.parse(text)
        if not missing and _is_whole(tree, func):
            return _by_source(task, text, tree)
    except CodeBundleError as error:
        missing = {func.__name__: str(error)}
    ships = _Tasks(func.__globals__)
    made = _by_value(task, _pickled(task, ships), ships, func.__globals__)
    if missing:
        values = "; ".join(f"{name}: {what}" for name, what in missing.items())
        why = f"as not all of it can be written as code: {values}"
        told = f"{task.name} goes to its worker as a pickle, {why}"
        warnings.warn_explicit(told, UserWarning, func.__code__.co_filename, func.__code__.co_firstlineno)
    return made


def _by_source(task: TaskSpec, text: str, tree: ast.Module) -> Shipment:
    func: Any = task.func
    names = func.__globals__
    defined = [
        n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | set(defined)
    label = func.__name__ if func.__name__.isidentifier() else "function"
    tasks = [
        (name, value.name, value.short_name)
        for name, value in ((name, names.get(name)) for name in sorted(bound))
        if isinstance(value, AsyncFunctionTaskTemplate)
    ]
    codes = {}
    for name in defined:
        for qualified, code in _codes(name, names.get(name)):
            codes[qualified] = marshal.dumps(code)
    codes[label] = marshal.dumps(func.__code__)
    home = str(names.get("__name__", "__main__"))
    content = {
        "how": "source",
        "text": text,
        "label": label,
        "file": names.get("__file__"),
        "package": names.get("__package__"),
        "tasks": tasks,
        "codes": codes,
        **_about(task, home),
    }
    sent = {name: names[name] for name in defined if name in names}
    return Shipment(next(_numbers), content, home, names, sent)


def _by_value(task: TaskSpec, whole: bytes, ships: "_Tasks", names: Mapping[str, Any]) -> Shipment:
    home = str(names.get("__name__", "__main__"))
    return Shipment(
        next(_numbers), {"how": "pickle", "pickle": whole, **_about(task, home)}, home, names, {}, ships.found
    )


def _about(task: TaskSpec, home: str) -> dict[str, Any]:
    return {
        "home": home,
        "name": task.name,
        "short_name": task.short_name,
        "is_async": task.is_async,
        "report": task.report,
    }


def _is_whole(tree: ast.Module, func: Any) -> bool:
    """Whether the source alone gives the function: no module of the user that may change, no other types."""
    if any(of_name(module) is Origin.LOCAL for module in _imported(tree)):
        return False
    scope = func.__globals__
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            value = scope.get(node.name)
            task = value.func if isinstance(value, AsyncFunctionTaskTemplate) else None
            mine = func if node.name == func.__name__ else task
            if isinstance(mine, FunctionType) and not _annotated_alike(node, mine):
                return False
    return True


def _annotated_alike(node: ast.FunctionDef | ast.AsyncFunctionDef, func: FunctionType) -> bool:
    """Whether a function's annotations are what its source says where it is written anew."""
    args = node.args
    written = {
        arg.arg: arg.annotation
        for arg in (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg)
        if arg is not None and arg.annotation is not None
    }
    if node.returns is not None:
        written["return"] = node.returns
    if written.keys() != func.__annotations__.keys():
        return False
    for name, expression in written.items():
        actual = func.__annotations__[name]
        try:
            code = compile(ast.Expression(expression), "<annotation>", "eval")
            found = eval(code, func.__globals__)  # noqa: S307 - the user's own annotation, as it was evaluated before
        except Exception:  # noqa: BLE001 - it names what only its surroundings have
            return False
        if found != actual and actual != ast.unparse(expression):
            return False
    return True


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _codes(name: str, value: Any) -> Iterator[tuple[str, CodeType]]:
    """Give the code of a function, and of each method of a class, by its name in the module."""
    if isinstance(value, AsyncFunctionTaskTemplate):
        value = value.func
    inner = getattr(value, "__func__", value)
    inner = getattr(inner, "fget", None) or inner
    if isinstance(inner, FunctionType):
        yield name, inner.__code__
    elif isinstance(value, type):
        for key, part in vars(value).copy().items():
            if not isinstance(part, type):
                yield from _codes(f"{name}.{key}", part)


class _Tasks:
    """Puts stand-ins in place of the tasks that a function mentions."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.found: list[TaskTemplate[..., Any]] = []
        self.root: object = None
        self._names = names

    def __call__(self, obj: Any) -> Any:
        if not isinstance(obj, AsyncFunctionTaskTemplate) or obj is self.root:
            return None
        short = obj.short_name
        name = short if self._names.get(short) is obj else None
        name = name or next((key for key, value in dict(self._names).items() if value is obj), None)
        if name is None and obj not in self.found:
            self.found.append(obj)
        target = name if name is not None else self.found.index(obj)
        return called, (target, obj.name, obj.short_name, obj.func, obj.interface)


def _pickled(task: TaskSpec, ships: _Tasks) -> bytes:
    ships.root = getattr(task.func, "__self__", None)
    try:
        return dumps_by_value((task.func, task.interface), ships)
    except Error:
        raise
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
        why = ", ".join(unsendable(task.func)) or str(error)
        raise CodeBundleError(
            f"{task.name} cannot be sent to a worker: {why}. Make such a value inside of the task, "
            'or run it with isolation="thread"'
        ) from error


def unsendable(func: Any) -> Iterator[str]:
    """Name the values that a function takes from its module and that no pickle can hold."""
    names = getattr(func, "__globals__", {})
    for part in slice_of(func).parts if names else ():
        if part.kind in {"constant", "unknown"} and part.name in names:
            value = names[part.name]
            try:
                dumps_by_value(value, _Tasks({}))
            except Exception:  # noqa: BLE001 - pickling runs the value's own code
                yield f"{part.name} is a {type(value).__name__}"
