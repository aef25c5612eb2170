"""The digests of a cell's inputs: their content, the code in them, and which objects they share."""

import gc
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.notebook.celltask.kinds import ATOMS, attributes, is_python
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_function
from flyte_jupyter.tasks.slicing.values import OpaqueError, Refer, Writer
from flyte_jupyter.tasks.slicing.walk import Walk
from flyte_jupyter.tasks.template import TaskTemplate

_ALIKE = ATOMS | {tuple, frozenset}
_DATA = _ALIKE | {list, dict, set}
_VOUCHING = frozenset({"matplotlib"})
"""Libraries whose objects draw the same from their pickles, although not all in them is the same."""

_CODE = (FunctionType, BuiltinFunctionType, ModuleType, type, TaskTemplate, Environment)


class NoContentError(Exception):
    """An input has no content that can be compared; the message names it."""


class _Contents(Writer):
    """Writes values so that one object met twice is told from two equal ones."""

    __slots__ = ("_known", "_met", "_name")

    def __init__(
        self, refer: Refer, name: str, met: dict[int, tuple[Any, str]], known: Mapping[int, int] | None = None
    ) -> None:
        super().__init__(refer)
        self._known = known
        self._name = name
        self._met = met

    def add(self, value: object) -> None:
        """Add a value of any type."""
        if self._known is not None and type(value).__module__.partition(".")[0] in _VOUCHING:
            self.kind(type(value))
            return
        if self._known and id(value) in self._known:
            self.put("known", str(self._known[id(value)]))
            return
        if type(value) not in _ALIKE:
            known = self._met.get(id(value))
            if known is not None:
                self.put("again", known[1])
                return
            # Held as long as the others are written, so that its address is not given to another object.
            self._met[id(value)] = (value, f"{self._name} {len(self._met)}")
        cls = type(value)
        if of_class(cls) is Origin.LOCAL and is_python(cls) and self._refer(value) is None:
            self.kind(cls)
            self.named("attributes", attributes(value))
            return
        super().add(value)


def digests(values: Mapping[str, Any], scope: dict[str, Any]) -> dict[str, str]:
    """Digest values by name.

    Args:
        values: the values.
        scope: the notebook's names.

    Raises:
        NoContentError: a value has no content that can be compared.
    """
    met: dict[int, tuple[Any, str]] = {}
    return {name: _digest(name, value, scope, met) for name, value in values.items()}


def _digest(name: str, value: Any, scope: dict[str, Any], met: dict[int, tuple[Any, str]]) -> str:
    walk = Walk(scope)
    own: dict[int, tuple[Any, str]] = dict(met)
    writer = _Contents(walk.refer, name, own)
    try:
        writer.add(value)
    except OpaqueError as error:
        raise NoContentError(f"`{name}` has no content that can be compared: {error}") from None
    except RecursionError:
        raise NoContentError(f"`{name}` is nested too deeply to be compared") from None
    met.update(own)
    parts = sorted((part.name, part.kind, part.digest) for part in walk.parts.values())
    return digest("cell input", writer.digest(), *(text for part in parts for text in part))


def code_of(value: object, scope: dict[str, Any]) -> bool:
    """Whether a value is code: a function, class, module or task, which belongs to the version."""
    if type(value) in _DATA:
        return False
    if isinstance(value, _CODE):
        return True
    return Walk(scope).refer(value) is not None


def data_digest(value: object, known: Mapping[int, int], code: Callable[[object], str] = lambda _: "") -> str:
    """Digest a value for a comparison within this process; empty if it has no content.

    Args:
        value: the value.
        known: the numbers of objects that count as what they are, by their identity.
        code: the content of a piece of code in it; empty for what counts by its name.
    """
    walk = Walk({})
    writer = _Contents(lambda one: code(one) or walk.refer(one), "", {}, known)
    try:
        writer.add(value)
    except (OpaqueError, RecursionError):
        return ""
    return writer.digest()


def held_data(code: Any) -> str:
    """Digest the data that a function or class holds itself: defaults, attributes, what a closure holds."""
    if isinstance(code, type):
        held: Any = {n: v for n, v in vars(code).items() if not (n.startswith("__") or code_of(v, {}))}
    else:
        cells = [cell.cell_contents for cell in getattr(code, "__closure__", None) or () if _is_filled(cell)]
        data = [value for value in cells if not isinstance(value, _CODE)]
        own = {n: v for n, v in getattr(code, "__dict__", {}).items() if not code_of(v, {})}
        held = [getattr(code, "__defaults__", None), getattr(code, "__kwdefaults__", None), data, own]
    return data_digest(held, {})


def holdings(code: Any) -> Iterator[Any]:
    """Give the data that code of the notebook holds, also through the functions and classes in it.

    A call may hand out such an object itself: the list of a closure, an attribute of a class.
    """
    todo, seen = [code], dict[int, Any]()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        inside = _held(one)
        if inside is None and not isinstance(one, _CODE):
            yield one
        todo += inside or ()


def _held(code: Any) -> list[Any] | None:
    """Give what a piece of code holds; None for what is none."""
    if isinstance(code, FunctionType):
        return _held_by(code) if of_function(code) is Origin.LOCAL else []
    if isinstance(code, type):
        own = [cls for cls in code.__mro__ if of_class(cls) is Origin.LOCAL]
        return [value for cls in own for name, value in vars(cls).items() if not name.startswith("__")]
    if isinstance(code, staticmethod | classmethod | property):
        return [getattr(code, name, None) for name in ("__func__", "fget", "fset", "fdel")]
    if isinstance(code, TaskTemplate):
        return [getattr(code, "func", None)]
    return gc.get_referents(code) if hasattr(code, "cache_info") else None


def _held_by(func: FunctionType) -> list[Any]:
    cells = [cell.cell_contents for cell in func.__closure__ or () if _is_filled(cell)]
    keywords = (func.__kwdefaults__ or {}).values()
    return [*cells, *(func.__defaults__ or ()), *keywords, *func.__dict__.values()]


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
