"""The user's code that a cell runs: its own and that of the functions and classes that it leads to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing.names import nested, uses_of
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_function, of_module
from flyte_jupyter.tasks.template import TaskTemplate

_MOST = 2000


@dataclass
class Reached:
    """What a cell's code leads to.

    Args:
        codes: the pieces of code.
        values: the data that they take from outside by name, besides the cell's inputs.
        packages: the packages whose modules, functions and classes they take.
        own: those of the pieces that are in the cell itself.
    """

    codes: list[CodeType] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    own: tuple[CodeType, ...] = ()

    @classmethod
    def by(cls, func: Any, inputs: Mapping[str, Any]) -> "Reached":
        """Find it.

        Args:
            func: the cell as a function.
            inputs: the values that it takes; the classes of objects count as code.
        """
        found, seen = cls(own=tuple(nested(func.__code__))), set[int]()
        todo = [func, *(type(value) for value in inputs.values())]
        while todo and len(seen) < _MOST:
            one = todo.pop()
            if id(one) not in seen:
                seen.add(id(one))
                todo += found._visit(one)
        return found

    @property
    def names(self) -> set[str]:
        """All names and attributes in the code."""
        return {name for code in self.codes for name in code.co_names}

    @property
    def names_of_others(self) -> set[str]:
        """All names and attributes in code that is not in the cell itself."""
        return {name for code in self.codes if code not in self.own for name in code.co_names}

    @property
    def texts(self) -> Iterator[str]:
        """Give the texts in the code."""
        for code in self.codes:
            for const in code.co_consts:
                parts = const if isinstance(const, tuple | frozenset) else (const,)
                yield from (part for part in parts if isinstance(part, str))

    def _visit(self, one: Any) -> list[Any]:
        if isinstance(one, TaskTemplate | staticmethod | classmethod | property):
            return [getattr(one, name, None) for name in ("func", "__func__", "fget", "fset", "fdel")]
        if isinstance(one, type):
            own = of_class(one) is Origin.LOCAL
            return [*vars(one).values(), *one.__bases__] if own else self._package(one)
        if isinstance(one, ModuleType):
            return self._package(one)
        if isinstance(one, FunctionType):
            return self._function(one) if of_function(one) is Origin.LOCAL else self._package(one)
        if callable(one):
            return [getattr(one, "__wrapped__", None), *self._package(one)]
        self.values.append(one)
        return []

    def _package(self, one: Any) -> list[Any]:
        name = one.__name__ if isinstance(one, ModuleType) else getattr(one, "__module__", None)
        self.packages.add(str(name).partition(".")[0])
        return []

    def _function(self, func: FunctionType) -> list[Any]:
        self.codes += nested(func.__code__)
        uses, scope = uses_of(func.__code__), func.__globals__
        self.packages |= {found.module.partition(".")[0] for found in uses.imports}
        cells = [cell.cell_contents for cell in func.__closure__ or () if _is_filled(cell)]
        defaults = [*(func.__defaults__ or ()), *(func.__kwdefaults__ or {}).values()]
        named = [_member(scope.get(name), chain) for name, chain in uses.reads]
        return [*cells, *defaults, *named, getattr(func, "__wrapped__", None)]


def _member(value: Any, chain: tuple[str, ...]) -> Any:
    """Follow attributes through the user's own modules."""
    for name in chain:
        if not isinstance(value, ModuleType) or of_module(value) is not Origin.LOCAL:
            break
        value = vars(value).get(name)
    return value


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
