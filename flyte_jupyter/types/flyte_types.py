"""Literal types as messages of the Flyte 2 protocol and back, bit for bit."""

from collections.abc import Callable, Mapping
from typing import Any

from flyteidl2.core import types_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.literal import (
    LiteralType,
    SimpleType,
)


def whole_numbers(data: Any) -> Any:
    """JSON has one kind of number: whole ones are integers again."""
    if isinstance(data, dict):
        return {key: whole_numbers(item) for key, item in data.items()}
    if isinstance(data, list):
        return [whole_numbers(item) for item in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


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
        message.structured_dataset_type.CopyFrom(dataset_message(*t.dataset))
    elif t.union is not None:
        message.union_type.SetInParent()
        message.union_type.variants.extend(to_type_message(variant) for variant in t.union)


def dataset_message(form: str, columns: tuple[tuple[str, LiteralType], ...]) -> Any:
    """Write the type of a table."""
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
    return whole_numbers(json_format.MessageToDict(message))


def columns_of(message: Any) -> tuple[tuple[str, LiteralType], ...]:
    """Read the columns of a table."""
    return tuple((column.name, of_type_message(column.literal_type)) for column in message.columns)


_KINDS: Mapping[str | None, Callable[[Any], tuple[str, Any]]] = {
    "simple": lambda value: ("simple", SimpleType(value)),
    "collection_type": lambda message: ("collection", of_type_message(message)),
    "map_value_type": lambda message: ("map_value", of_type_message(message)),
    "blob": lambda message: ("blob", (message.format, bool(message.dimensionality))),
    "enum_type": lambda message: ("enum", tuple(message.values)),
    "structured_dataset_type": lambda message: ("dataset", (message.format, columns_of(message))),
    "union_type": lambda message: ("union", tuple(of_type_message(variant) for variant in message.variants)),
}
