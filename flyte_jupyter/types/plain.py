"""Values inside of structures as plain MessagePack data, in the dialects of dataclasses and of models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from flyte_jupyter.types.codec import CodecOf, Schema, misfit

NONE = type(None)
SCALAR: frozenset[type] = frozenset({NONE, bool, int, float, str, bytes})
ALL: frozenset[type] = SCALAR | {list, dict}


class Dialect(StrEnum):
    """How a structure writes what MessagePack has no type for."""

    DATACLASS = "dataclass"
    MODEL = "model"


@dataclass(slots=True, kw_only=True)
class Plain:
    """How the values of one type look inside of a structure.

    Args:
        dump: makes plain data of a value.
        load: makes a value of plain data; raises ``TypeTransformerFailedError`` where it does not fit.
        exact: whether a value is exactly of this type, without any conversion.
        kinds: the Python types of the data that ``dump`` makes.
        schema: the JSON schema of that data.
        inline: the type whose exact values stand for themselves in both directions, if there is one.
        heavy: whether values always hold a part that must be written to a store.
    """

    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]
    exact: Callable[[Any], bool]
    kinds: frozenset[type]
    schema: Schema = field(default_factory=dict)
    inline: type | None = None
    heavy: bool = False


class PlainOf(Protocol):
    """Compiles the plain form of a part; knows the dialect and the engine."""

    dialect: Dialect
    codec_of: CodecOf

    def __call__(self, python_type: Any) -> Plain:
        """Compile ``python_type``."""


PlainBuilder: TypeAlias = Callable[[Any, PlainOf], Plain]
"""Compiles the plain form of a type, given how to compile its parts."""


def is_plain(value: Any) -> bool:
    """Say whether MessagePack gives the value back exactly as it is."""
    try:
        return _is_plain(value)
    except RecursionError:
        return False


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _NATIVE:
        return kind is not int or -(1 << 63) <= value < 1 << 64
    if kind is list:
        return _NATIVE_NO_INT.issuperset(map(type, value)) or all(map(_is_plain, value))
    if kind is dict:
        return (
            _KEYS.issuperset(map(type, value))
            and all(map(_is_plain, value))
            and all(map(_is_plain, value.values()))
        )
    return False


_NATIVE = SCALAR
_NATIVE_NO_INT = SCALAR - {int}
_KEYS: frozenset[type] = frozenset({str, int, float, bool, bytes, NONE})


def copied(value: Any) -> Any:
    """Copy plain data."""
    if type(value) is list:
        return [copied(item) for item in value]
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def inline(kind: type, accept: Callable[[Any], Any], schema: Schema) -> Plain:
    """Describe a type that MessagePack has too."""

    def convert(value: Any) -> Any:
        return value if type(value) is kind else accept(value)

    return Plain(
        dump=convert,
        load=convert,
        exact=lambda value: type(value) is kind,
        kinds=frozenset({kind}),
        schema=schema,
        inline=kind,
    )


def texted(
    kind: type, write: Callable[[Any], str], parse: Callable[[str], Any], schema: Mapping[str, Any]
) -> Plain:
    """Describe a type that is written as text."""

    def dump(value: Any) -> str:
        if not isinstance(value, kind):
            raise misfit(kind, value)
        return write(value)

    def load(data: Any) -> Any:
        if type(data) is not str:
            raise misfit(f"{kind.__name__} as text", data)
        try:
            return parse(data)
        except (ValueError, ArithmeticError, TypeError) as error:
            raise misfit(f"{kind.__name__} as text", data) from error

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is kind,
        kinds=frozenset({str}),
        schema=dict(schema),
    )
