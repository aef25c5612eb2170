"""MessagePack of structures: packs plain data, and reads foreign bytes without trusting them."""

from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import bare, misfit
from flyte_jupyter.types.literal import Binary, Value

TAG = "msgpack"


def packed(data: Any) -> Binary:
    """Pack plain data to a binary literal value.

    Raises:
        TypeTransformerFailedError: a number is too large, a text is no Unicode, or it is nested too deep.
    """
    try:
        return Binary(msgpack.packb(data), TAG)
    except (OverflowError, ValueError, TypeError, RecursionError) as error:
        raise TypeTransformerFailedError(f"cannot be written as MessagePack: {error}") from error


def unpacked(value: Value, expected: Any) -> Any:
    """Read plain data from a binary literal value.

    Raises:
        TypeTransformerFailedError: it holds something else, or the bytes are damaged.
    """
    if type(value) is not Binary and type(value := bare(value)) is not Binary:
        raise misfit(expected, value)
    if value.tag != TAG:
        raise misfit(f"{expected!s} in MessagePack", value)
    try:
        return msgpack.unpackb(value.value, strict_map_key=False)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise TypeTransformerFailedError(f"damaged MessagePack: {type(error).__name__}: {error}") from error
