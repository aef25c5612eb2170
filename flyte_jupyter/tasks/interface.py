"""A function's signature as a task sees it: inputs and outputs with names, types and defaults."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.errors import (
    DefinitionError,
    RuntimeDataValidationError,
    TypeTransformerFailedError,
)
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.refusing import check_named
from flyte_jupyter.types.engine import TypeEngine, to_literal, to_python_value
from flyte_jupyter.types.literal import Literal, Literals
from flyte_jupyter.types.newest import newest

EMPTY = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input or output.

    Args:
        name: its name.
        type: its annotation; ``Any`` where there is none.
        default: its default, ``EMPTY`` where it must be given.
    """

    name: str
    type: Any
    default: Any = EMPTY


class Interface:
    """Inputs and outputs of a task, in declared order.

    Args:
        name: the task's name, for messages.
        signature: the function's signature.
        inputs: the parameters.
        outputs: what it returns; empty for None.
        result: how outputs become the returned value: "none", "one", "tuple" or a NamedTuple class.

    ``positional_only`` has the names of what goes by position only.
    """

    says_why = False
    """Whether what is called says itself why its result is not kept."""

    def __init__(
        self,
        name: str,
        signature: inspect.Signature,
        inputs: tuple[Parameter, ...],
        outputs: tuple[Parameter, ...],
        result: Any,
    ) -> None:
        self.name = name
        self.signature = signature
        self.inputs = inputs
        self.outputs = outputs
        self._result = result
        self._types = {p.name: p.type for p in inputs}
        self._returned = {p.name: p.type for p in outputs}
        self._names = tuple(self._types)
        kinds = {p.kind for p in signature.parameters.values()}
        only = inspect.Parameter.POSITIONAL_ONLY
        self.positional_only = tuple(p.name for p in signature.parameters.values() if p.kind is only)
        self._keyword_only = inspect.Parameter.KEYWORD_ONLY in kinds

    @classmethod
    def of(cls, func: Callable[..., Any], name: str) -> "Interface":
        """Read a function's signature and annotations.

        Raises:
            DefinitionError: it takes ``*args`` or ``**kwargs``, or its return annotation cannot be an output.
            NameError: an annotation names something that is not defined yet.
        """
        signature = inspect.signature(func)
        check_named(signature, name)
        hints = _hints(func, name)
        inputs = tuple(_parameter(p, hints) for p in signature.parameters.values())
        returned = hints.get("return", EMPTY if signature.return_annotation is EMPTY else None)
        outputs, result = _outputs(returned, name)
        return cls(name, signature, inputs, outputs, result)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Name the arguments of a call and fill in defaults, in declared order.

        Raises:
            TypeError: as Python raises it for a wrong call, with the task's name.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self.signature}: {error}") from None
        bound.apply_defaults()
        return bound.arguments

    def to_literals(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Literal]:
        """Turn a call's arguments into literals.

        Raises:
            TypeError: wrong arguments.
            RuntimeDataValidationError: an argument does not fit its declared type.
        """
        if not kwargs and len(args) == len(self._names) and not self._keyword_only:
            values = dict(zip(self._names, args, strict=True))
        else:
            values = self.bind(args, kwargs)
        return self._write(values, self._types, "input")

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give named values as the arguments of a call: by position, where all are there and may be."""
        if not self._keyword_only and len(values) == len(self._names):
            return tuple(values[name] for name in self._names), {}
        named = {name: values[name] for name in self._names if name in values}
        return tuple(named.pop(name) for name in self.positional_only if name in named), named

    def from_literals(self, literals: Literals) -> dict[str, Any]:
        """Turn inputs back into Python values by parameter name."""
        return {name: to_python_value(literals[name], t) for name, t in self._types.items()}

    def call(self, func: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """Call the function with named values, also where its parameters are positional only."""
        if not self.positional_only:
            return func(**values)
        bound = inspect.BoundArguments(self.signature, dict(values))
        return func(*bound.args, **bound.kwargs)

    def outputs_to_literals(self, result: Any) -> dict[str, Literal]:
        """Turn what the function returned into literals.

        Raises:
            RuntimeDataValidationError: it does not fit the return annotation.
        """
        values = self.named(result)
        return self._write(values, self._returned, "output")

    def outputs_from_literals(self, literals: Literals) -> Any:
        """Turn outputs back into what the function returned."""
        values = [to_python_value(literals[name], t) for name, t in self._returned.items()]
        if self._result == "none":
            return None
        if self._result == "one":
            return values[0]
        return tuple(values) if self._result == "tuple" else newest(self._result)(*values)

    def returning(self, types: Sequence[Any]) -> Any:
        """Give the return annotation for other types of the outputs, in the same order."""
        if self._result == "none":
            return None
        if self._result == "one":
            return types[0]
        return tuple[tuple(types)] if self._result == "tuple" else self._result  # type: ignore[misc] # as it is written

    def named(self, result: Any) -> dict[str, Any]:
        """Name the outputs in what the function returned.

        Raises:
            RuntimeDataValidationError: there are not as many as the signature says.
        """
        if self._result == "none":
            if result is not None:
                raise RuntimeDataValidationError(
                    f"{self.name} returned a {type(result).__name__}, but its signature says None; "
                    "annotate what it returns"
                )
            return {}
        if self._result == "one":
            return {self.outputs[0].name: result}
        if not isinstance(result, tuple) or len(result) != len(self.outputs):
            raise RuntimeDataValidationError(
                f"{self.name} must return a tuple of {len(self.outputs)}, "
                f"not {_described(result)}; its signature says {self.signature.return_annotation}"
            )
        return dict(zip((p.name for p in self.outputs), result, strict=True))

    @property
    def digest(self) -> str:
        """The identity of names and types: part of every cache key."""
        parts = []
        for p in (*self.inputs, Parameter("->", None), *self.outputs):
            parts += [p.name, repr(TypeEngine.to_literal_type(p.type)) if p.name != "->" else ""]
        return digest("interface", *parts)

    def __repr__(self) -> str:
        return f"Interface({self.name}{self.signature})"

    def _write(self, values: Mapping[str, Any], types: Mapping[str, Any], what: str) -> dict[str, Literal]:
        out = {}
        for name, value in values.items():
            try:
                out[name] = to_literal(value, types[name])
            except TypeTransformerFailedError as error:
                where = f"{self.name}: {what} {name!r}"
                raise RuntimeDataValidationError(f"{where}: {error}") from error
        return out


def _hints(func: Callable[..., Any], name: str) -> dict[str, Any]:
    target = inspect.unwrap(func)
    while isinstance(target, functools.partial):
        target = inspect.unwrap(target.func)
    if not (inspect.isfunction(target) or inspect.ismethod(target)):
        target = target.__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except TypeError as error:
        raise DefinitionError(f"{name}: an annotation is not a type: {error}") from None


def _parameter(p: inspect.Parameter, hints: Mapping[str, Any]) -> Parameter:
    kind = hints.get(p.name, Any)
    if p.default is None and kind is not Any:
        kind = kind | None if isinstance(kind, type) else typing.Optional[kind]  # noqa: UP045 - any form
    return Parameter(p.name, kind, p.default)


def _outputs(returned: Any, task: str) -> tuple[tuple[Parameter, ...], Any]:
    if returned is EMPTY:
        # No annotation says nothing about the value, so any value is one output.
        return (Parameter("o0", Any),), "one"
    if returned is None or returned is type(None):
        return (), "none"
    if isinstance(returned, type) and issubclass(returned, tuple) and hasattr(returned, "_fields"):
        hints = typing.get_type_hints(returned, include_extras=True)
        return tuple(Parameter(n, hints.get(n, Any)) for n in returned._fields), returned
    if typing.get_origin(returned) is tuple:
        items = typing.get_args(returned)
        if Ellipsis in items or not items or items == ((),):
            raise DefinitionError(
                f"{task}: {returned} has no fixed number of outputs; return a list, or give each one's type"
            )
        return tuple(Parameter(f"o{n}", t) for n, t in enumerate(items)), "tuple"
    return (Parameter("o0", returned),), "one"


def _described(result: Any) -> str:
    return f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
