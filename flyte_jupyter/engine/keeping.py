"""Which inputs and outputs are kept in the record of a run, and in what form."""

from collections.abc import Iterable
from typing import Any

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import InlineIOMaxBytesBreached, TypeTransformerFailedError
from flyte_jupyter.runs.values import KEPT
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.literal import Binary, Literal, Literals, Live, Map, Value, Variant
from flyte_jupyter.types.packed import pack

_PLAIN = frozenset({type(None), bool, int, float, str, Binary})

INPUT_LIMIT = 64 * 1024
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes up to which values that go by reference are written into the record."""


class Kept(dict[str, Literal]):
    """Outputs together with their packed, settled form."""

    __slots__ = ("packed",)

    def __init__(self, literals: Literals, packed: bytes) -> None:
        super().__init__(literals)
        self.packed = packed


def record(task: TaskSpec, what: str, literals: Literals, blobs: BlobStore, limit: int | None) -> bytes:
    """Pack literals for the record.

    Args:
        task: whose they are.
        what: "inputs" or "outputs".
        literals: the values.
        blobs: where large values go.
        limit: bytes up to which a value that goes by reference is written; None for any size.

    Raises:
        InlineIOMaxBytesBreached: what travels inline is more than the task allows.
    """
    if not all(type(literal.value) in _PLAIN for literal in literals.values()) and any(
        map(_has_live, literals.values())
    ):
        literals = {name: _settled(literal, blobs, limit) for name, literal in literals.items()}
    packed = pack(literals)
    if len(packed) > task.max_inline_io_bytes:
        raise InlineIOMaxBytesBreached(
            f"{task.name}: its {what} are {len(packed):,} bytes, and max_inline_io_bytes="
            f"{task.max_inline_io_bytes:,} may travel inline; pass a File, a Dir or a DataFrame, "
            "or raise the limit"
        )
    return packed


def _settled(literal: Literal, blobs: BlobStore, limit: int | None) -> Literal:
    if not _has_live(literal):
        return literal
    if limit is not None and sum(map(_size, _lives(literal.value))) > limit:
        return Literal(_sketch(literal.value), literal.hash, literal.metadata)
    try:
        return TypeEngine.settle(literal, blobs)
    except TypeTransformerFailedError:
        # It cannot be written (a lock, a connection): the run may go on with it, the record cannot.
        return Literal(_sketch(literal.value), literal.hash, literal.metadata)


def _has_live(literal: Literal) -> bool:
    return next(iter(_lives(literal.value)), None) is not None


def _lives(value: Value) -> Iterable[Live]:
    if isinstance(value, Live):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            if not isinstance(item, int | float | str):
                yield from _lives(item)
    elif isinstance(value, Map):
        for item in value.values():
            yield from _lives(item)
    elif isinstance(value, Literal | Variant):
        yield from _lives(value.value)


def _sketch(value: Value) -> Value:
    """Put a description in place of each live object."""
    if isinstance(value, Live):
        return Binary(_described(value.value).encode("utf-8", "replace"), KEPT)
    if isinstance(value, tuple):
        return tuple(_sketch(item) for item in value)
    if isinstance(value, Map):
        return Map({key: _sketch(item) for key, item in value.items()})
    if isinstance(value, Literal):
        return Literal(_sketch(value.value), value.hash, value.metadata)
    return Variant(_sketch(value.value), value.type) if isinstance(value, Variant) else value


def _described(value: Any) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    try:
        shape = getattr(value, "shape", None)
        return f"{kind} {tuple(shape)}" if shape is not None else kind
    except Exception:  # noqa: BLE001 - the user's attribute may do anything
        return kind


def _size(live: Live) -> int:
    """Estimate bytes without a walk over the data; what cannot be estimated counts as small."""
    value = live.value
    try:
        if hasattr(value, "memory_usage"):
            return int(value.memory_usage(index=True, deep=False).sum())
        size = getattr(value, "nbytes", None) or getattr(value, "estimated_size", None) or 0
        return int(size() if callable(size) else size)
    except Exception:  # noqa: BLE001 - the user's attribute may do anything
        return 0
