"""What a cell leaves behind as bytes, with references to what was in the notebook before it."""

import io
import pickle
from collections.abc import Callable, Collection, Mapping
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from flyte_jupyter.notebook.celltask import leftovers, views
from flyte_jupyter.notebook.celltask.kinds import ATOMS
from flyte_jupyter.notebook.celltask.mutation import Heap
from flyte_jupyter.runs.run import Run
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.template import TaskTemplate

_NAMED = (FunctionType, type, TaskTemplate, Environment)
_TRACKED = 6  # arguments of what makes a class by value; the last but one is its number in this process
_INPUT, _NAME, _NOTEBOOK = "input", "name", "notebook"


class NotKept(Exception):  # noqa: N818 - a reason, no error
    """What a cell leaves behind cannot be kept; the message says why."""


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it has no types
    """Writes objects; those of the inputs as their numbers, code of the notebook as its name.

    Args:
        file: where to.
        heap: the objects of the inputs.
        scope: the notebook's names.
        code: the names of code that the notebook has by itself where this is read.
        cell: the file name of the cell's code.
        owners: arrays whose views are written as views, by identity.
    """

    def __init__(
        self,
        file: io.BytesIO,
        heap: Heap,
        scope: dict[str, Any],
        code: Mapping[int, str],
        cell: str,
        owners: Collection[int],
    ) -> None:
        super().__init__(file, protocol=5)
        self.met: dict[int, Any] = {}
        self._heap = heap
        self._scope = scope
        self._code = code
        self._cell = cell
        self._owners = owners

    def persistent_id(self, value: Any) -> tuple[str, Any] | None:
        if type(value) in ATOMS:
            return None
        at = self._heap.numbers.get(id(value))
        if at is not None:
            return (_INPUT, at)
        if value is self._scope:
            return (_NOTEBOOK, None)
        if isinstance(value, _NAMED) and id(value) in self._code:
            return (_NAME, self._code[id(value)])
        owner = self._heap.nameless.get(id(value))
        if owner is not None:
            raise NotKept(f"it shares a {type(value).__name__} inside of `{owner[1]}`")
        if isinstance(value, Run):
            raise NotKept(
                "a run lives in this kernel; keep what its `outputs()` gives, and only that (-o NAME)"
            )
        self.met[id(value)] = value
        return None

    def reducer_override(self, value: Any) -> Any:
        """Write a function of the notebook with its closure as it is, to live in the notebook's names."""
        if type(value) is CellType:
            return _cell_parts(value)
        if leftovers.is_one(value):
            return leftovers.parts(value)
        if (
            self._owners
            and hasattr(value, "__array_interface__")
            and id(views.owner_of(value)) in self._owners
            and views.can_be_view(value)
        ):
            return views.parts(value)
        if type(value) is FunctionType and value.__globals__ is self._scope:
            state = {**value.__dict__}
            parts = (value.__code__, value.__name__, value.__defaults__, value.__closure__)
            more = (
                value.__qualname__,
                value.__kwdefaults__,
                value.__annotations__,
                value.__doc__,
                value.__module__,
            )
            here = value.__code__.co_filename == self._cell
            return _function, (self._scope, *parts, here), (state, *more), None, None, _complete
        found = super().reducer_override(value)
        return _own_class(value, found) if isinstance(value, type) and isinstance(found, tuple) else found


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: list[Any], scope: dict[str, Any], cell: str) -> None:
        super().__init__(file)
        self._objects = objects
        self._scope = scope
        self.cell = cell

    def persistent_load(self, found: tuple[str, Any]) -> Any:
        kind, key = found
        if kind == _NOTEBOOK:
            return self._scope
        return self._objects[key] if kind == _INPUT else self._scope[key]

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == _function.__name__:
            return lambda *args: _function(*args, cell=self.cell)
        return super().find_class(module, name)


def dump(
    content: Any,
    heap: Heap,
    scope: dict[str, Any],
    code: Mapping[int, str],
    cell: str,
    owners: Collection[int] = (),
) -> tuple[bytes, dict[int, Any]]:
    """Write content; gives the bytes, and the objects that are written by value, by their identity.

    Raises:
        NotKept: it holds something that cannot be pickled, or that is a part of an input without a number.
    """
    file = io.BytesIO()
    pickler = _Pickler(file, heap, scope, code, cell, owners)
    try:
        pickler.dump(content)
    except NotKept:
        raise
    except Exception as error:
        raise NotKept(f"it cannot be pickled ({_first_line(error)})") from error
    return file.getvalue(), pickler.met


def load(data: bytes, heap: Heap, scope: dict[str, Any], cell: str) -> Any:
    """Read content; what was a part of an input is the same part of the input as it is now."""
    return _Unpickler(io.BytesIO(data), heap.objects, scope, cell).load()


def named_code(scope: Mapping[str, Any], names: Callable[[str], bool]) -> dict[int, str]:
    """Name the functions, classes and tasks that are bound to the names that are asked for."""
    return {
        id(value): name
        for name, value in scope.items()
        if isinstance(value, _NAMED) and not isinstance(value, ModuleType) and names(name)
    }


def _function(
    scope: dict[str, Any],
    code: CodeType,
    name: str,
    defaults: Any,
    closure: Any,
    here: bool,
    *,
    cell: str = "",
) -> FunctionType:
    return FunctionType(_renamed(code, cell) if here and cell else code, scope, name, defaults, closure)


def _renamed(code: CodeType, cell: str) -> CodeType:
    """Let code say that it comes from the cell as it is called in this kernel."""
    constants = tuple(_renamed(c, cell) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=cell, co_consts=constants)


def _complete(function: FunctionType, state: Any) -> None:
    held, qualname, kwdefaults, annotations, doc, module = state
    function.__dict__.update(held)
    function.__qualname__, function.__kwdefaults__ = qualname, kwdefaults
    function.__annotations__, function.__doc__, function.__module__ = annotations, doc, module


def _own_class(cls: type, found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let a class that is written by value become a class of its own where it is read.

    Otherwise reading it in this process would set the attributes of the class that is there.
    """
    make, args, *rest = found
    if len(args) < _TRACKED or not rest or not isinstance(rest[0], tuple):
        return found
    attributes, slots = rest[0]
    named = {**attributes, "__qualname__": cls.__qualname__}  # which is no attribute like the others
    return make, (*args[:-2], None, args[-1]), (named, slots), *rest[1:]


def _cell_parts(value: CellType) -> Any:
    try:
        return _empty, (), (value.cell_contents,), None, None, _fill
    except ValueError:
        return _empty, ()


def _empty() -> CellType:
    return CellType()


def _fill(cell: CellType, content: Any) -> None:
    (cell.cell_contents,) = content


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
