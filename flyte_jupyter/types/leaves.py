"""Heavy parts of structures: frames, arrays, files and objects, each as a map that says where it is."""

from typing import Any

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, bare, misfit
from flyte_jupyter.types.holding import held, keep
from flyte_jupyter.types.literal import Binary, Blob, Live, StructuredDataset, Value
from flyte_jupyter.types.packed import pack_value, unpack_value
from flyte_jupyter.types.plain import NONE, Plain, PlainOf

KEPT = "__kept__"
"""The key that marks a map that stands for a part kept elsewhere; its value says what kind of part."""


class Here:
    """A part that stays in this process while the structure around it is converted."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def plain_leaf(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a part that has no plain form of its own."""
    codec = plain_of.codec_of(python_type)

    def dump(value: Any) -> dict[str, Any]:
        written = codec.write(value)
        return keep(codec, value) if type(bare(written)) is Live else boxed(written)

    return Plain(
        dump=dump,
        load=lambda data: codec.read(unboxed(data)),
        exact=codec.exact,
        kinds=frozenset({dict}),
        schema={"type": "object"},
        heavy=codec.settle is not None,
    )


def boxed(value: Value) -> dict[str, Any]:
    """Write a settled value as a map."""
    value = bare(value)
    if isinstance(value, Binary):
        return {KEPT: "binary", "value": value.value, "tag": value.tag}
    if isinstance(value, Blob):
        return {KEPT: "blob", "uri": value.uri, "format": value.format, "multipart": value.multipart}
    if isinstance(value, StructuredDataset):
        return {KEPT: "frame", "uri": value.uri, "format": value.format}
    return {KEPT: "literal", "value": pack_value(value)}


_FIELDS: dict[str, tuple[type, dict[str, type]]] = {
    "binary": (Binary, {"value": bytes, "tag": str}),
    "blob": (Blob, {"uri": str, "format": str, "multipart": bool}),
    "frame": (StructuredDataset, {"uri": str, "format": str}),
}


def unboxed(data: Any) -> Value:
    """Read a settled value from its map; a map of an address and a format is a frame."""
    if type(data) is not dict:
        raise misfit("a map that says where a value is kept", data)
    if isinstance(here := data.get(KEPT), Here):
        return Live(here.value, type(here.value))
    if here == "literal" and type(data.get("value")) is bytes:
        return unpack_value(data["value"])
    kind, fields = (
        _FIELDS.get(data.get(KEPT, "frame"), (None, {})) if type(here) in {str, NONE} else (None, {})
    )
    given = {name: data[name] for name in fields if name in data}
    if kind is None or any(type(given.get(name)) is not wanted for name, wanted in fields.items()):
        raise misfit("a map that says where a value is kept", data)
    value: Value = kind(**given)
    return value


def settled_part(codec: Codec, value: Any) -> dict[str, Any]:
    """Write a heavy part to the store in use."""
    if codec.settle is None:
        raise TypeTransformerFailedError(f"{codec.name} cannot be written to a store")
    return boxed(codec.settle(value, held()))


def hashed_part(codec: Codec, value: Any) -> dict[str, Any]:
    """Stand for a heavy part by the hash of its content."""
    if codec.digest is None:
        raise TypeTransformerFailedError(f"{codec.name} has no content hash")
    return {KEPT: "hash", "value": codec.digest(value)}
