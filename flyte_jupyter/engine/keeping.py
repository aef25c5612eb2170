"""Which inputs and outputs are kept in the record of a run, and in what form."""

from collections.abc import Iterable
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import InlineIOMaxBytesBreached, TypeTransformerFailedError
from flyte_jupyter.loading import load
from flyte_jupyter.runs.values import KEPT, REFERENCE, SENSITIVE, is_kept
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.literal import Binary, Literal, Literals, Live, Map, Value, Variant
from flyte_jupyter.types.packed import pack
from flyte_jupyter.types.pickles import Snapshot

_KEPT = KEPT.encode()
_PLAIN = frozenset({type(None), bool, int, float, str, Binary})

INPUT_LIMIT = 64 * 1024
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes up to which values that go by reference are written into the record."""

CONTENT_LIMIT = 32 * 1024 * 1024
"""Bytes up to which the content of values that are not written is at least hashed, so that equal calls of two
runs can be told from others."""


class Kept(dict[str, Literal]):
    """Outputs together with their packed, settled form."""

    __slots__ = ("packed",)

    def __init__(self, literals: Literals, packed: bytes) -> None:
        super().__init__(literals)
        self.packed = packed


class Found(Kept):
    """Outputs that an earlier action has kept: nothing ran for them."""

    __slots__ = ()


def record(task: TaskSpec, what: str, literals: Literals, blobs: BlobStore, limit: int | None) -> bytes:
    """Pack literals for the record; see ``packed``."""
    return packed(task, what, literals, blobs, limit)[0]


def packed(
    task: TaskSpec, what: str, literals: Literals, blobs: BlobStore, limit: int | None
) -> tuple[bytes, bool]:
    """Pack literals, and tell whether all of them can be read again.

    Args:
        task: whose they are.
        what: "inputs" or "outputs".
        literals: the values.
        blobs: where large values go.
        limit: bytes up to which a value that goes by reference is written; None for any size.

    Raises:
        InlineIOMaxBytesBreached: what travels inline is more than the task allows.
    """
    if not _PLAIN.issuperset([type(literal.value) for literal in literals.values()]):
        literals = {name: settled(literal, blobs, limit) for name, literal in literals.items()}
    data = pack(literals)
    if len(data) > task.max_inline_io_bytes:
        raise InlineIOMaxBytesBreached(
            f"{task.name}: its {what} are {len(data):,} bytes, and max_inline_io_bytes="
            f"{task.max_inline_io_bytes:,} may travel inline; pass a File, a Dir or a DataFrame, "
            "or raise the limit"
        )
    if redaction.is_needed() and _holds_secret(data):
        literals = {name: _without_secret(name, literal) for name, literal in literals.items()}
        data = pack(literals)
    return data, _KEPT not in data or all(map(is_kept, literals.values()))


def settled(literal: Literal, blobs: BlobStore, limit: int | None) -> Literal:
    """Write what goes by reference, or describe it: if it is larger than the limit, or cannot be written."""
    lives = list(_lives(literal.value))
    if not lives:
        return literal
    if limit is None or _fit([live.value for live in lives], limit):
        try:
            return TypeEngine.settle(literal, blobs)
        except TypeTransformerFailedError:
            pass  # a lock, a connection: the run may go on with it, the record cannot
    return Literal(_sketch(literal.value), literal.hash or content(literal), literal.metadata)


def content(literal: Literal) -> str:
    """Hash the content of a value that goes by reference; empty where that would take long."""
    sizes = [_size(live.value) for live in _lives(literal.value)]
    if None in sizes or sum(filter(None, sizes)) > CONTENT_LIMIT:
        return ""
    try:
        return identity(literal)
    except TypeTransformerFailedError:
        return ""


def size_of(literal: Literal) -> int:
    """Estimate the bytes of what goes by reference; what does not say counts as small."""
    return sum(_size(live.value) or 0 for live in _lives(literal.value))


def _holds_secret(data: bytes) -> bool:
    return redaction.holds(data.decode("utf-8", "replace"))


def _without_secret(name: str, literal: Literal) -> Literal:
    """Put a remark in place of a value that holds a secret: secrets are never written."""
    return Literal(Binary(SENSITIVE.encode(), KEPT)) if _holds_secret(pack({name: literal})) else literal


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
        return Binary(REFERENCE.format(_described(value.value)).encode("utf-8", "replace"), KEPT)
    if isinstance(value, tuple):
        return tuple(_sketch(item) for item in value)
    if isinstance(value, Map):
        return Map({key: _sketch(item) for key, item in value.items()})
    if isinstance(value, Literal):
        return Literal(_sketch(value.value), value.hash, value.metadata)
    return Variant(_sketch(value.value), value.type) if isinstance(value, Variant) else value


def _described(value: Any) -> str:
    if isinstance(value, Snapshot):
        return f"{len(value.data):,} bytes of plain data"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    try:
        shape = getattr(value, "shape", None)
        return f"{kind} {tuple(shape)}" if shape is not None else kind
    except Exception:  # noqa: BLE001 - the user's attribute may do anything
        return kind


def _fit(values: list[Any], limit: int) -> bool:
    """Whether values that go by reference are small enough to be written; found out in bounded time."""
    sizes = [_size(value) for value in values]
    total = sum(size for size in sizes if size is not None)
    unknown = [value for value, size in zip(values, sizes, strict=True) if size is None]
    return total <= limit and (not unknown or _pickles_within(unknown, limit - total))


def _size(value: Any) -> int | None:
    """Tell the bytes of a value without a walk over its data; None if it does not say."""
    if isinstance(value, Snapshot):
        return len(value.data)
    try:
        if hasattr(value, "memory_usage"):
            return int(value.memory_usage(index=True, deep=False).sum())
        size = getattr(value, "nbytes", None)
        if size is None:
            size = getattr(value, "estimated_size", None)
        return None if size is None else int(size() if callable(size) else size)
    except Exception:  # noqa: BLE001 - the user's attribute may do anything
        return None


class _Full(Exception):  # noqa: N818 - a signal, no error
    """There is no room left."""


class _Bounded:
    """A file that takes so many bytes and forgets them."""

    def __init__(self, room: int) -> None:
        self._room = room

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._room -= size
        if self._room < 0:
            raise _Full
        return size


def _pickles_within(value: Any, limit: int) -> bool:
    """Begin to pickle a value, and give up where it becomes too large or cannot be pickled."""
    try:
        load("cloudpickle:Pickler")(_Bounded(limit), protocol=5).dump(value)
    except Exception:  # noqa: BLE001 - pickling runs the user's code
        return False
    return True
