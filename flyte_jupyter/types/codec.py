"""What the engine compiles a type to: functions that write its values and read them back."""

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.literal import Literal, LiteralType, Value

Schema: TypeAlias = dict[str, Any]
"""A JSON schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How the values of one Python type travel.

    Args:
        name: the transformer's name; it tags the variants of a union.
        python_type: the type as it was annotated.
        type: its literal type.
        write: makes a literal's value of a Python value; a ``Live`` if it is too heavy to copy now.
        read: makes a Python value of a literal's value.
        exact: whether a value is exactly of this type, without any conversion.
        settle: what a ``Live`` of this type becomes on disk; only for types whose ``write`` makes one.
        digest: hashes the content of a ``Live``.
    """

    name: str
    python_type: Any
    type: LiteralType
    write: Callable[[Any], Value]
    read: Callable[[Value], Any]
    exact: Callable[[Any], bool]
    settle: Callable[[Any, BlobStore], Value] | None = None
    digest: Callable[[Any], str] | None = None


class CodecOf(Protocol):
    """The engine, as the builders of codecs see it: compiles a part of a type."""

    def __call__(self, python_type: Any) -> Codec:
        """Compile ``python_type``."""


Builder: TypeAlias = Callable[[Any, CodecOf], Codec]
"""Compiles a type, given how to compile its parts."""


def name_of(python_type: Any) -> str:
    """Name a type for people."""
    if isinstance(python_type, type) and not hasattr(python_type, "__args__"):
        return "None" if python_type is type(None) else python_type.__qualname__.rpartition("<locals>.")[2]
    return str(python_type).replace("typing.", "")


def misfit(expected: Any, value: Any) -> TypeTransformerFailedError:
    """Say what was expected and what came instead."""
    wanted = expected if isinstance(expected, str) else name_of(expected)
    return TypeTransformerFailedError(f"expected {wanted}, got {_shown(value)}")


def within(place: str, error: Exception) -> TypeTransformerFailedError:
    """Say in which part of a value something did not fit."""
    return TypeTransformerFailedError(f"{place}: {error}")


def bare(value: Value) -> Value:
    """Take a value out of the literal that carries its hash."""
    while type(value) is Literal:
        value = value.value
    return value


def namesakes(old: type, new: type) -> bool:
    """Say whether two classes are the same name defined twice, as when a cell runs again."""
    return (
        old is not new
        and getattr(old, "__qualname__", None) == getattr(new, "__qualname__", None)
        and getattr(old, "__module__", None) == getattr(new, "__module__", None)
    )


def tagged(literal_type: LiteralType, name: str) -> LiteralType:
    """Write the transformer's name into a type."""
    return replace(literal_type, tag=name)


MSGPACK_ANNOTATION: Mapping[str, Any] = {"cache-key-metadata": {"serialization-format": "msgpack"}}
"""What the protocol annotates a structure in MessagePack with."""


def _shown(value: Any) -> str:
    kind = name_of(type(value))
    if value is None:
        return "None"
    try:
        text = _short.repr(value)
    except Exception:  # noqa: BLE001 - a repr is user code
        return f"a {kind}"
    return f"{text} ({kind})" if "\n" not in text else f"a {kind}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
