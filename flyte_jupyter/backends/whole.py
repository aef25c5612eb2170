"""A task whole, with all that it may call, on its way to a process that conducts its run.

It goes by value, as the kernel has it at this moment, with what that process could not find out by itself:
the texts of cells, the slices, and what workers are to be sent. So versions and keys of results are the
kernel's.
"""

import copyreg
import importlib
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from flyte_jupyter.backends.pickling import dumps_by_value
from flyte_jupyter.backends.shipping import Shipment, Shipments, unsendable
from flyte_jupyter.errors import CodeBundleError, Error
from flyte_jupyter.tasks.secret import Secret, secrets_of
from flyte_jupyter.tasks.slicing import texts
from flyte_jupyter.tasks.slicing.origins import Origin, of_code, of_module, of_name
from flyte_jupyter.tasks.source import Slice, pin, slice_of
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate, TaskTemplate

AnyTask = TaskTemplate[..., Any]


class Packed(NamedTuple):
    """A task that can be sent.

    Args:
        data: all of it.
        home: the name of its function's module.
        sent: what of that module is sent by name.
        secrets: what it and the tasks that it may call ask for.
    """

    data: bytes
    home: str
    sent: Mapping[str, Any]
    secrets: tuple[Secret, ...]


class _Code(NamedTuple):
    """What is known of a task's function where it comes from; its names are others over there."""

    task: AnyTask
    piece: Slice
    shipment: Shipment | None = None
    sent: tuple[str, ...] = ()


class _Kit(NamedTuple):
    """What comes with a task.

    Args:
        names: what the user's modules hold: module, name and value.
        files: the files of those modules.
        cells: the texts of cells.
        places: the file or cell of each function, which a pickle loses.
        code: what is known of the tasks' functions.
    """

    names: list[tuple[str, str, Any]]
    files: dict[str, str | None]
    cells: dict[str, tuple[list[str], str]]
    places: list[tuple[FunctionType, str]]
    code: list[_Code]


def packed(task: AnyTask, shipments: Shipments) -> Packed:
    """Pickle a task.

    Args:
        task: the task.
        shipments: makes what workers are to be sent.

    Raises:
        CodeBundleError: something of it cannot be sent; the message names it.
    """
    shipments.of(task.spec)  # what workers would refuse is refused here
    packing = _Packing(task, shipments)
    try:
        data = dumps_by_value((task, _LAST), packing)
    except Error:
        raise
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CodeBundleError(
            f"{task.name} cannot be sent to the process that conducts its run: "
            f"{', '.join(packing.unsendable()) or error}. Make such a value inside of the task"
        ) from error
    home = str(names_of(task).get("__name__", "__main__"))
    sent = {name: found for (module, name), found in packing.names.items() if module == home}
    return Packed(data, home, sent, packing.secrets)


def names_of(task: AnyTask) -> dict[str, Any]:
    """Give the names of the module that a task's function is from."""
    found: dict[str, Any] = getattr(getattr(task, "func", None), "__globals__", {})
    return found


def unpacked(data: bytes, shipments: Shipments) -> tuple[AnyTask, Mapping[str, Any]]:
    """Make a task again; gives the names of its module, too.

    Args:
        data: from the kernel.
        shipments: takes what workers are to be sent.
    """
    task, kit = pickle.loads(data)  # noqa: S301 - from the kernel
    texts.give(kit.cells)
    for func, filename in kit.places:
        func.__code__ = _placed(func.__code__, filename)
    spaces = _spaces(task, kit)
    for name, space in spaces.items():
        _install(name, space, kit.files.get(name))
    for made in kit.code:
        spec, names = made.task.spec, names_of(made.task)
        pin(spec.func, made.piece)
        if made.shipment is not None:
            known = {name: names[name] for name in made.sent if name in names}
            shipments.take(spec, replace(made.shipment, names=names, sent=known))
    return task, names_of(task)


def _spaces(task: AnyTask, kit: _Kit) -> dict[str, dict[str, Any]]:
    """Complete the names of each of the user's modules: the functions of one share them."""
    funcs = [getattr(made.task, "func", None) for made in kit.code]
    funcs += [getattr(task, "func", None), *(found for _, _, found in kit.names)]
    spaces: dict[str, dict[str, Any]] = {}
    for func in funcs:
        if isinstance(func, FunctionType):
            spaces.setdefault(str(func.__globals__.get("__name__")), func.__globals__)
    for module, name, found in kit.names:
        spaces.setdefault(module, {"__name__": module}).setdefault(name, found)
    return spaces


def _placed(code: CodeType, filename: str) -> CodeType:
    parts = tuple(_placed(one, filename) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=filename, co_consts=parts)


def _install(name: str, space: Mapping[str, Any], file: str | None) -> None:
    """Let a module's names be found by pickles and annotations."""
    module = sys.modules.get(name) or ModuleType(name)
    if file is not None and getattr(module, "__file__", None) is None:
        module.__file__ = file
    for key, value in space.items():
        if not key.startswith("__"):
            vars(module).setdefault(key, value)
    sys.modules[name] = module


def _late_module(name: str) -> ModuleType:
    """Give a module of a package; one that is not loaded is not needed where no body runs."""
    return sys.modules.get(name) or _Late(name)


class _Late(ModuleType):
    """A module that is loaded when it is used after all."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.__name__,)


class _Last:
    """Stands, behind a task, for what was met in it."""


_LAST = _Last()


@dataclass(slots=True, eq=False)
class _Packing:
    """Takes tasks apart without their environments, which list others, and notes what they are made of."""

    root: AnyTask
    shipments: Shipments
    tasks: dict[int, AnyTask] = field(default_factory=dict)
    names: dict[tuple[str, str], Any] = field(default_factory=dict)
    places: dict[int, tuple[FunctionType, str]] = field(default_factory=dict)

    def __call__(self, obj: Any) -> Any:
        if isinstance(obj, AsyncFunctionTaskTemplate):
            self.tasks[id(obj)] = obj
            return copyreg.__newobj__, (type(obj),), _state(obj)  # type: ignore[attr-defined] # it has no stub
        if obj is _LAST:
            return _Kit, tuple(self._kit())
        if isinstance(obj, ModuleType) and of_module(obj) is not Origin.LOCAL:
            return _late_module, (obj.__name__,)
        if isinstance(obj, FunctionType):
            self._place(obj)
        if isinstance(obj, FunctionType | type):
            self._note(obj)
        return None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that the tasks ask for."""
        asked = (secrets_of(task.secrets) for task in self.tasks.values())
        return tuple(dict.fromkeys(secret for some in asked for secret in some))

    def unsendable(self) -> Iterator[str]:
        """Name the values that cannot be sent."""
        for task in self.tasks.values():
            yield from unsendable(getattr(task, "func", None))

    def _kit(self) -> _Kit:
        names = [(module, name, found) for (module, name), found in self.names.items()]
        files = {module: getattr(sys.modules.get(module), "__file__", None) for module, _ in self.names}
        code = list(filter(None, map(self._code, self.tasks.values())))
        places = list(self.places.values())
        return _Kit(names, files, texts.taken({name for _, name in places}), places, code)

    def _code(self, task: AnyTask) -> _Code | None:
        """Give the code of a task that can be sent; another one may never be called."""
        try:
            spec = task.spec
            piece = replace(slice_of(spec.func), func=None)
            if not isinstance(spec.func, FunctionType):
                return _Code(task, piece)  # a plugin's is sent to workers as it is over there
            shipment = self.shipments.of(spec)
        except Exception:  # noqa: BLE001 - what the user's annotations and values do when they are looked at
            return None
        bare = replace(shipment, names={}, sent={})
        return _Code(task, piece, bare, tuple(shipment.sent))

    def _place(self, func: FunctionType) -> None:
        """Note where a function of the user's is written."""
        if of_code(func.__code__, func.__globals__) is Origin.LOCAL:
            self.places[id(func)] = (func, func.__code__.co_filename)

    def _note(self, obj: Any) -> None:
        """Note what a module of the user's holds under its own name."""
        module, name = obj.__module__, obj.__qualname__.partition(".")[0]
        if isinstance(module, str) and of_name(module) is Origin.LOCAL:
            found = self._space(module).get(name)
            if isinstance(found, type | FunctionType | TaskTemplate):
                self.names[module, name] = found

    def _space(self, module: str) -> Mapping[str, Any]:
        mine = names_of(self.root)
        return mine if mine.get("__name__") == module else vars(sys.modules.get(module, _NOWHERE))


_NOWHERE = ModuleType("nowhere")


def _state(task: AsyncFunctionTaskTemplate[..., Any]) -> dict[str, Any]:
    state = {**task.__getstate__(), "parent_env": None}
    with suppress(Exception):  # annotations may name what is not there yet; then it is not called yet
        state["interface"] = task.interface
    return state
