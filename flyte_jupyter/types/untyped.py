"""Dicts without declared parts: MessagePack where that gives them back exactly, else as any object."""

from typing import Any

from flyte_jupyter.types.codec import MSGPACK_ANNOTATION, Codec, CodecOf, bare, misfit
from flyte_jupyter.types.literal import Binary, LiteralType, SimpleType, Value
from flyte_jupyter.types.messages import TAG, packed, unpacked
from flyte_jupyter.types.pickled import build_pickled
from flyte_jupyter.types.plain import is_plain


def build_untyped_dict(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile the bare ``dict``."""
    pickled = build_pickled(dict, codec_of)

    def write(value: Any) -> Value:
        if not isinstance(value, dict):
            raise misfit(dict, value)
        return packed(value) if is_plain(value) else pickled.write(value)

    def read(value: Value) -> Any:
        value = bare(value)
        if not isinstance(value, Binary) or value.tag != TAG:
            return pickled.read(value)
        if not isinstance(found := unpacked(value, dict), dict):
            raise misfit(dict, found)
        return found

    return Codec(
        name="Typed Dict",
        python_type=python_type,
        type=LiteralType(simple=SimpleType.STRUCT, annotation=MSGPACK_ANNOTATION),
        write=write,
        read=read,
        exact=lambda value: type(value) is dict,
        settle=pickled.settle,
        digest=pickled.digest,
    )
