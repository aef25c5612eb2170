"""Literals, types and interfaces as messages of the Flyte 2 protocol and back, bit for bit."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types
from flyteidl2.core import interface_pb2, literals_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import common_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf import json_format  # type: ignore[import-untyped]  # no stubs
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.flyte_types import (
    columns_of,
    dataset_message,
    of_type_message,
    to_type_message,
    whole_numbers,
)
from flyte_jupyter.types.literal import (
    Binary,
    Blob,
    Literal,
    Literals,
    LiteralType,
    Map,
    StructuredDataset,
    Value,
    Variant,
)

__all__ = [
    "decoded",
    "encoded",
    "of_interface",
    "of_literal_message",
    "of_named",
    "of_type_message",
    "to_inputs",
    "to_interface",
    "to_literal_message",
    "to_outputs",
    "to_type_message",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNATURE = 32


def to_literal_message(literal: Value) -> Any:
    """Write a literal as a ``core.Literal`` message.

    Raises:
        TypeTransformerFailedError: a value is live (settle it first) or fits no message.
    """
    message = literals_pb2.Literal()
    value: Any = literal
    if isinstance(literal, Literal):
        message.hash, value = literal.hash, literal.value
        message.metadata.update(literal.metadata)
    try:
        _write(message, value)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeTransformerFailedError(f"fits no message of the protocol: {error}") from error
    return message


def _write(message: Any, value: Any) -> None:
    if isinstance(value, tuple):
        message.collection.SetInParent()
        message.collection.literals.extend(to_literal_message(item) for item in value)
    elif isinstance(value, Map):
        message.map.SetInParent()
        for key, item in value.items():
            message.map.literals[key].CopyFrom(to_literal_message(item))
    elif (write := _SCALARS.get(type(value))) is not None:
        write(message.scalar, value)
    else:
        raise TypeTransformerFailedError(
            f"a {type(value).__name__} is no value of the protocol; settle it first"
        )


def _write_none(scalar: Any, _: None) -> None:
    scalar.none_type.SetInParent()


def _write_primitive(field: str) -> Callable[[Any, Any], None]:
    def write(scalar: Any, value: Any) -> None:
        setattr(scalar.primitive, field, value)

    return write


def _write_datetime(scalar: Any, value: datetime) -> None:
    whole, rest = divmod(value - _EPOCH, timedelta(seconds=1))
    scalar.primitive.datetime.seconds = whole
    scalar.primitive.datetime.nanos = rest // timedelta(microseconds=1) * 1000


def _write_duration(scalar: Any, value: timedelta) -> None:
    scalar.primitive.duration.FromTimedelta(value)


def _write_binary(scalar: Any, value: Binary) -> None:
    signed = value.tag == "pickle"  # the signature is of our store; the protocol knows the pickle only
    scalar.binary.value = value.value[_SIGNATURE:] if signed else value.value
    scalar.binary.tag = "" if signed else value.tag


def _write_blob(scalar: Any, value: Blob) -> None:
    scalar.blob.uri = value.uri
    scalar.blob.metadata.type.format = value.format
    scalar.blob.metadata.type.dimensionality = int(value.multipart)


def _write_dataset(scalar: Any, value: StructuredDataset) -> None:
    scalar.structured_dataset.uri = value.uri
    scalar.structured_dataset.metadata.structured_dataset_type.CopyFrom(
        dataset_message(value.format, value.columns)
    )


def _write_union(scalar: Any, value: Variant) -> None:
    scalar.union.value.CopyFrom(to_literal_message(value.value))
    scalar.union.type.CopyFrom(to_type_message(value.type))


_SCALARS: Mapping[type, Callable[[Any, Any], None]] = {
    type(None): _write_none,
    bool: _write_primitive("boolean"),
    int: _write_primitive("integer"),
    float: _write_primitive("float_value"),
    str: _write_primitive("string_value"),
    datetime: _write_datetime,
    timedelta: _write_duration,
    Binary: _write_binary,
    Blob: _write_blob,
    StructuredDataset: _write_dataset,
    Variant: _write_union,
}


def of_literal_message(message: Any) -> Literal:
    """Read a ``core.Literal`` message.

    Raises:
        TypeTransformerFailedError: it holds a kind of value that has no Python form here.
    """
    try:
        return Literal(_read(message), message.hash, dict(message.metadata))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, TypeTransformerFailedError):
            raise
        raise TypeTransformerFailedError(f"damaged literal: {error}") from error


def _element(message: Any) -> Value:
    value = _read(message)
    return Literal(value, message.hash, dict(message.metadata)) if message.hash or message.metadata else value


def _read(message: Any) -> Value:
    kind = message.WhichOneof("value")
    if kind == "scalar":
        return _read_scalar(message.scalar)
    if kind == "collection":
        return tuple(_element(item) for item in message.collection.literals)
    if kind == "map":
        return Map({key: _element(item) for key, item in message.map.literals.items()})
    raise TypeTransformerFailedError(f"a literal with {kind or 'nothing'} in it cannot be read here")


def _read_scalar(scalar: Any) -> Value:
    kind = scalar.WhichOneof("value")
    if kind not in _READERS:
        raise TypeTransformerFailedError(f"a literal with {kind or 'an empty scalar'} cannot be read here")
    return _READERS[kind](getattr(scalar, kind))


def _read_primitive(message: Any) -> Value:
    kind = message.WhichOneof("value")
    if kind is None:
        raise TypeTransformerFailedError("a primitive without a value")
    value = getattr(message, kind)
    if kind == "datetime":
        return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    return value.ToTimedelta() if kind == "duration" else value  # type: ignore[no-any-return]  # no stubs


def _read_generic(message: Any) -> Value:
    """Read a JSON object, which forms in a browser send, as the structure that it stands for."""
    return Binary(msgpack.packb(whole_numbers(json_format.MessageToDict(message))), "msgpack")


def _read_blob(message: Any) -> Value:
    kind = message.metadata.type
    return Blob(message.uri, kind.format, bool(kind.dimensionality))


def _read_dataset(message: Any) -> Value:
    kind = message.metadata.structured_dataset_type
    return StructuredDataset(message.uri, kind.format, columns_of(kind))


_READERS: Mapping[str, Callable[[Any], Value]] = {
    "primitive": _read_primitive,
    "none_type": lambda _: None,
    "binary": lambda message: Binary(message.value, message.tag),
    "blob": _read_blob,
    "structured_dataset": _read_dataset,
    "generic": _read_generic,
    "union": lambda message: Variant(_element(message.value), of_type_message(message.type)),
}


def to_inputs(literals: Literals, context: Mapping[str, str] | None = None) -> Any:
    """Write literals by name as a ``task.Inputs`` message; their order is kept."""
    message = common_pb2.Inputs()
    _fill(message.literals, literals)
    for key, value in (context or {}).items():
        message.context.add(key=key, value=value)
    return message


def to_outputs(literals: Literals) -> Any:
    """Write literals by name as a ``task.Outputs`` message."""
    message = common_pb2.Outputs()
    _fill(message.literals, literals)
    return message


def _fill(field: Any, literals: Literals) -> None:
    for name, literal in literals.items():
        field.add(name=name).value.CopyFrom(to_literal_message(literal))


def of_named(message: Any) -> dict[str, Literal]:
    """Read a ``task.Inputs`` or ``task.Outputs`` message."""
    return {entry.name: of_literal_message(entry.value) for entry in message.literals}


def to_interface(inputs: Mapping[str, LiteralType], outputs: Mapping[str, LiteralType]) -> Any:
    """Write an interface as a ``core.TypedInterface`` message; variables are sorted by name."""
    message = interface_pb2.TypedInterface()
    for side, types in ((message.inputs, inputs), (message.outputs, outputs)):
        side.SetInParent()
        for name in sorted(types):
            entry = side.variables.add(key=name)
            entry.value.type.CopyFrom(to_type_message(types[name]))
    return message


def of_interface(message: Any) -> tuple[dict[str, LiteralType], dict[str, LiteralType]]:
    """Read a ``core.TypedInterface`` message: the types of the inputs and of the outputs."""
    inputs, outputs = (
        {entry.key: of_type_message(entry.value.type) for entry in side.variables}
        for side in (message.inputs, message.outputs)
    )
    return inputs, outputs


def encoded(message: Any) -> bytes:
    """Serialise a message the same way every time."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def decoded(data: bytes, kind: Any) -> Any:
    """Parse a message of the class ``kind``.

    Raises:
        TypeTransformerFailedError: the bytes are damaged.
    """
    try:
        return kind.FromString(data)
    except (DecodeError, ValueError, RecursionError) as error:
        raise TypeTransformerFailedError(f"damaged message: {error}") from error
