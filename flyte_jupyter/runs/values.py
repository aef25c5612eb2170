"""Recorded inputs and outputs as Python values again."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import ResultNotKeptError, TypeTransformerFailedError
from flyte_jupyter.runs.untyped import untyped
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.literal import Binary, Literal, Map, Value, Variant
from flyte_jupyter.types.packed import unpack

KEPT = "not kept"
"""The tag of a value that was not kept; its bytes say why, for people."""

REFERENCE = "went by reference and was not kept: {}. Cache the task to keep it"
SENSITIVE = "holds a secret, and secrets are never written"

UNKNOWN: Any = object()
"""Stands for the type of a value whose task is not defined here."""

AT_FAILURE: Mapping[str, str] = MappingProxyType({"kept": "when it failed"})
"""Marks an input that was written only when its action failed: the action may have changed it by then."""


def is_kept(literal: Literal) -> bool:
    """Whether a recorded value is there whole."""
    return not _is_sketched(literal.value)


def is_known(literal: Literal) -> bool:
    """Whether a recorded value can be compared: it is there, or at least a hash of its content is."""
    return bool(literal.hash) or is_kept(literal)


def _is_sketched(value: Value) -> bool:
    if isinstance(value, Binary):
        return value.tag == KEPT
    if isinstance(value, Literal | Variant):
        return _is_sketched(value.value)
    items = value.values() if isinstance(value, Map) else value if isinstance(value, tuple) else ()
    return any(map(_is_sketched, items))


def read(
    packed: bytes | None,
    types: Mapping[str, Any],
    blobs: BlobStore,
    what: str,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """Turn packed literals into Python values.

    Args:
        packed: the record; None if nothing was kept.
        types: the Python type of each value where it is known.
        blobs: where large values are.
        what: of what, for messages.
        without: the names of values to leave out.

    Raises:
        ResultNotKeptError: a value was not kept.
    """
    if packed is None:
        raise ResultNotKeptError(f"the {what} were not kept")
    literals = {name: literal for name, literal in unpack(packed).items() if name not in without}
    with holding(blobs):
        return {name: _value(name, lit, types.get(name, UNKNOWN), what) for name, lit in literals.items()}


def _value(name: str, literal: Literal, t: Any, what: str) -> Any:
    if isinstance(literal.value, Binary) and literal.value.tag == KEPT:
        raise ResultNotKeptError(f"{name!r} of the {what} {literal.value.value.decode('utf-8', 'replace')}")
    try:
        return _python_value(literal, t)
    except KeyError as error:
        raise ResultNotKeptError(
            f"{name!r} of the {what}: its data is gone from the store ({error})"
        ) from None


def _python_value(literal: Literal, t: Any) -> Any:
    if t is not UNKNOWN:
        try:
            return TypeEngine.to_python_value(literal, t)
        except TypeTransformerFailedError:
            pass  # the task was defined with another type then
    return untyped(literal)
