"""Literals, types and interfaces as messages of the Flyte 2 protocol and back, bit for bit."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types
from flyteidl2.core import interface_pb2, literals_pb2, types_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import common_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.literal import (
    Binary,
    Blob,
    Literal,
    Literals,
    LiteralType,
    Map,
    SimpleType,
    StructuredDataset,
    Value,
    Variant,
)

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
        _dataset_type(value.format, value.columns)
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
    return Binary(msgpack.packb(_whole(json_format.MessageToDict(message))), "msgpack")


def _whole(data: Any) -> Any:
    """JSON has one kind of number: whole ones are integers again."""
    if isinstance(data, dict):
        return {key: _whole(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_whole(item) for item in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


def _read_blob(message: Any) -> Value:
    kind = message.metadata.type
    return Blob(message.uri, kind.format, bool(kind.dimensionality))


def _read_dataset(message: Any) -> Value:
    kind = message.metadata.structured_dataset_type
    return StructuredDataset(message.uri, kind.format, _columns(kind))


_READERS: Mapping[str, Callable[[Any], Value]] = {
    "primitive": _read_primitive,
    "none_type": lambda _: None,
    "binary": lambda message: Binary(message.value, message.tag),
    "blob": _read_blob,
    "structured_dataset": _read_dataset,
    "generic": _read_generic,
    "union": lambda message: Variant(_element(message.value), of_type_message(message.type)),
}


def to_type_message(literal_type: LiteralType) -> Any:
    """Write a type as a ``core.LiteralType`` message."""
    message = types_pb2.LiteralType()
    _write_kind(message, literal_type)
    if literal_type.metadata is not None:
        message.metadata.CopyFrom(_struct(literal_type.metadata))
    if literal_type.annotation is not None:
        message.annotation.annotations.CopyFrom(_struct(literal_type.annotation))
    if literal_type.tag:
        message.structure.tag = literal_type.tag
    return message


def _write_kind(message: Any, t: LiteralType) -> None:
    if t.simple is not None:
        message.simple = int(t.simple)
    elif t.collection is not None:
        message.collection_type.CopyFrom(to_type_message(t.collection))
    elif t.map_value is not None:
        message.map_value_type.CopyFrom(to_type_message(t.map_value))
    elif t.blob is not None:
        message.blob.SetInParent()
        message.blob.format, message.blob.dimensionality = t.blob[0], int(t.blob[1])
    elif t.enum is not None:
        message.enum_type.SetInParent()
        message.enum_type.values.extend(t.enum)
    elif t.dataset is not None:
        message.structured_dataset_type.SetInParent()
        message.structured_dataset_type.CopyFrom(_dataset_type(*t.dataset))
    elif t.union is not None:
        message.union_type.SetInParent()
        message.union_type.variants.extend(to_type_message(variant) for variant in t.union)


def _dataset_type(form: str, columns: tuple[tuple[str, LiteralType], ...]) -> Any:
    message = types_pb2.StructuredDatasetType(format=form)
    for name, kind in columns:
        message.columns.add(name=name, literal_type=to_type_message(kind))
    return message


def _struct(data: Mapping[str, Any]) -> Any:
    return json_format.ParseDict(dict(data), struct_pb2.Struct())


def of_type_message(message: Any) -> LiteralType:
    """Read a ``core.LiteralType`` message."""
    kind = message.WhichOneof("type")
    read = _KINDS.get(kind)
    if read is None:
        raise TypeTransformerFailedError(f"a type of the kind {kind or 'nothing'} has no form here")
    field, value = read(getattr(message, kind))
    given: dict[str, Any] = {
        field: value,
        "metadata": _json(message.metadata) if message.HasField("metadata") else None,
        "annotation": _json(message.annotation.annotations) if message.HasField("annotation") else None,
        "tag": message.structure.tag,
    }
    return LiteralType(**given)


def _json(message: Any) -> Any:
    return _whole(json_format.MessageToDict(message))


def _columns(message: Any) -> tuple[tuple[str, LiteralType], ...]:
    return tuple((column.name, of_type_message(column.literal_type)) for column in message.columns)


_KINDS: Mapping[str | None, Callable[[Any], tuple[str, Any]]] = {
    "simple": lambda value: ("simple", SimpleType(value)),
    "collection_type": lambda message: ("collection", of_type_message(message)),
    "map_value_type": lambda message: ("map_value", of_type_message(message)),
    "blob": lambda message: ("blob", (message.format, bool(message.dimensionality))),
    "enum_type": lambda message: ("enum", tuple(message.values)),
    "structured_dataset_type": lambda message: ("dataset", (message.format, _columns(message))),
    "union_type": lambda message: ("union", tuple(of_type_message(variant) for variant in message.variants)),
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
