"""Recorded inputs and outputs as Python values again."""

from collections.abc import Mapping
from typing import Any

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import ResultNotKeptError
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.literal import Binary, Literal
from flyte_jupyter.types.packed import unpack

KEPT = "not kept"
"""The tag of a value that went by reference; its bytes say what it was, for people."""


def read(packed: bytes | None, types: Mapping[str, Any], blobs: BlobStore, what: str) -> dict[str, Any]:
    """Turn packed literals into Python values.

    Args:
        packed: the record; None if nothing was kept.
        types: the Python type of each value where it is known.
        blobs: where large values are.
        what: of what, for messages.

    Raises:
        ResultNotKeptError: a value was not kept.
    """
    if packed is None:
        raise ResultNotKeptError(f"the {what} were not kept")
    with holding(blobs):
        return {name: _value(name, lit, types.get(name, Any), what) for name, lit in unpack(packed).items()}


def _value(name: str, literal: Literal, t: Any, what: str) -> Any:
    if isinstance(literal.value, Binary) and literal.value.tag == KEPT:
        shown = literal.value.value.decode("utf-8", "replace")
        raise ResultNotKeptError(
            f"{name!r} of the {what} went by reference and was not kept: {shown}. Cache the task to keep it"
        )
    try:
        return TypeEngine.to_python_value(literal, t)
    except KeyError as error:
        raise ResultNotKeptError(
            f"{name!r} of the {what}: its data is gone from the store ({error})"
        ) from None
