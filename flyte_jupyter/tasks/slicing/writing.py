"""A function with what it needs, written as a module that runs by itself."""

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing import definitions, guards, imports, tasks
from flyte_jupyter.tasks.slicing.expressions import UnwritableError, expression
from flyte_jupyter.tasks.slicing.names import Chain
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_function
from flyte_jupyter.tasks.slicing.shown import shown


class Writing:
    """A module that is being written: each name with what it needs before it.

    Functions and classes of the start's own module are written out. Those of other modules are imported, and
    tasks become plain functions.

    Args:
        scope: the globals of the function.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.home = scope.get("__name__")
        self.imports: dict[str, None] = {}
        self.blocks: list[str] = []
        self.outside: dict[str, str] = {}
        self._done: dict[str, object] = {}

    def text(self) -> str:
        """Give the module."""
        given = "".join(f"# Given from outside: {name}, {what}\n" for name, what in self.outside.items())
        head = "".join(
            f"{line}\n" for line in sorted(self.imports, key=lambda line: "__future__" not in line)
        )
        return "\n\n".join(block for block in (f"{head}{given}", *self.blocks) if block)

    def name(self, name: str, chain: Chain = ()) -> None:
        """See that a global name is bound."""
        value = self.scope.get(name, guards.MISSING)
        if value is guards.MISSING:
            return
        if isinstance(value, ModuleType):
            self.imports.update(dict.fromkeys(imports.of_submodules(value, chain)))
        self.value(name, value)

    def value(self, name: str, value: Any) -> None:
        """See that a name is bound to a value."""
        if name in self._done:
            return
        before = (dict(self.imports), list(self.blocks), dict(self._done))
        self._done[name] = value
        try:
            self._bind(name, value)
        except UnwritableError as error:
            self.imports, self.blocks, self._done = before  # nothing stays of an attempt
            self._done[name] = value
            self.outside[name] = str(error)

    def named(self, value: object) -> str | None:
        """Give a name for code, binding it first; None for data."""
        if not isinstance(value, FunctionType | type | ModuleType) and not self._importable(value):
            return None
        label = getattr(value, "__name__", "value").rpartition(".")[2]
        label = label if label.isidentifier() else "function"
        if self.scope.get(label) is not value:
            label = f"_{label}"
            while self._done.get(label, value) is not value or label in self.scope:
                label += "_"
        self.value(label, value)
        if label in self.outside:
            raise UnwritableError(self.outside.pop(label))
        return label

    def expression(self, value: object) -> str:
        """Write a value as an expression."""
        return expression(value, self.named)

    # Inside

    def _importable(self, value: object) -> bool:
        return callable(value) and imports.of_object(value, "", self.home) is not None

    def _bind(self, name: str, value: Any) -> None:
        func = tasks.function_of(value)
        value = func if func is not None else value
        if isinstance(value, ModuleType):
            line = imports.of_module(value, name) if value.__name__ != self.home else None
        elif self._is_written(value):
            definitions.write(self, name, value)
            return
        else:
            line = imports.of_object(value, name, self.home) if _is_code(value) else None
        if line is None and (isinstance(value, ModuleType) or _is_code(value)):
            raise UnwritableError(f"a {type(value).__name__} that cannot be imported")
        if line is not None:
            self.imports[line] = None
        else:
            self.blocks.append(f"{name} = {self._constant(name, value)}\n")

    def _constant(self, name: str, value: object) -> str:
        try:
            return self.expression(value)
        except UnwritableError as error:
            raise UnwritableError(f"{error} ({shown(name, value)})") from error

    def _is_written(self, value: object) -> bool:
        if isinstance(value, FunctionType):
            return of_function(value) is Origin.LOCAL and self._is_home(value.__globals__.get("__name__"))
        if isinstance(value, type):
            return of_class(value) is Origin.LOCAL and self._is_home(value.__module__)
        wrapped: object = getattr(value, "__wrapped__", None)
        return isinstance(wrapped, FunctionType) and self._is_written(wrapped)

    def _is_home(self, module: object) -> bool:
        return module == self.home or module in (None, "builtins")


def write(func: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Write a function's module; also give the names that must come from outside, each with what it is.

    Raises:
        UnwritableError: the function itself cannot be written.
    """
    if not isinstance(func, FunctionType):
        raise UnwritableError(f"a {type(func).__name__}; only functions are written out")
    writing = Writing(func.__globals__)
    name = func.__name__ if func.__name__.isidentifier() else "function"
    writing.value(name, func)
    if name in writing.outside:
        raise UnwritableError(writing.outside[name])
    return writing.text(), writing.outside


def _is_code(value: object) -> bool:
    return isinstance(value, FunctionType | type) or (callable(value) and hasattr(value, "__name__"))
