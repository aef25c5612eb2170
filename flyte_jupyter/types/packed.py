"""Literals as compact MessagePack: what records, the cache and the wire between processes hold.

The bytes are the version (1), the length of the types (4, big-endian), the types, and ``{name: literal}``. A
literal without hash and metadata is its value. A value that MessagePack has no type for is an extension. The
types of union variants are numbered, each written once.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.literal import (
    Binary,
    Blob,
    Literal,
    Literals,
    LiteralType,
    Live,
    Map,
    StructuredDataset,
    Value,
    Variant,
)
from flyte_jupyter.types.packed_types import (
    PRIMITIVE,
    data_type,
    of_type,
    require,
    safely,
    to_columns,
    to_text,
)

VERSION = 1
_HEADER = 5
_DEEP = 32

_DATETIME, _DURATION, _BINARY, _BLOB, _DATASET, _VARIANT, _LITERAL = range(7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FLAT = PRIMITIVE | {Binary, Blob, StructuredDataset}
_BARE = PRIMITIVE - {datetime, timedelta}
_NO_TYPES = b"%c" % VERSION + bytes(_HEADER - 1)


def pack(literals: Literals) -> bytes:
    """Pack literals by name; their order is kept.

    Raises:
        TypeTransformerFailedError: a value is live (settle it first) or no literal value at all.
    """
    values = {name: one if one.hash or one.metadata else one.value for name, one in literals.items()}
    if _BARE.issuperset(map(type, values.values())):
        return _NO_TYPES + _packed(values, None)
    types = _Types()
    return _framed(_packed(values, types.extend), types)


def unpack(data: bytes | memoryview) -> dict[str, Literal]:
    """Read what ``pack`` wrote.

    Raises:
        TypeTransformerFailedError: the bytes are damaged or of a newer version.
    """
    literals: dict[str, Literal] = safely(_unpack, data)
    return literals


def pack_value(value: Value, live: Callable[[Live], Value] | None = None) -> bytes:
    """Pack one value with its types beside it; ``live`` may replace live values."""
    types = _Types(live)
    return _framed(_packed(value, types.extend), types)


def unpack_value(data: bytes | memoryview) -> Value:
    """Read what ``pack_value`` wrote."""
    value: Value = safely(_unpack_value, data)
    return value


class _Types:
    """The types that variants refer to by number."""

    __slots__ = ("_numbers", "depth", "listed", "live")

    def __init__(self, live: Callable[[Live], Value] | None = None) -> None:
        self.listed: list[LiteralType] = []
        self.live = live
        self.depth = 0
        self._numbers: dict[int, int] = {}

    def extend(self, item: Any) -> Any:
        """Turn what MessagePack has no type for into an extension."""
        return _extend(item, self)

    def number(self, literal_type: LiteralType) -> int:
        found = self._numbers.get(id(literal_type))
        if found is None:
            found = self._numbers[id(literal_type)] = len(self.listed)
            self.listed.append(literal_type)
        return found


def _packed(value: Any, extend: Callable[[Any], Any] | None) -> bytes:
    try:
        packed: bytes = msgpack.packb(value) if extend is None else msgpack.packb(value, default=extend)
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        if isinstance(error, TypeTransformerFailedError):
            raise
        raise TypeTransformerFailedError(f"cannot be packed: {error}") from error
    return packed


def _extend(item: Any, types: _Types) -> Any:
    kind = type(item)
    if kind is datetime:
        return msgpack.ExtType(_DATETIME, msgpack.packb((item - _EPOCH) // _MICROSECOND))
    if kind is timedelta:
        return msgpack.ExtType(_DURATION, msgpack.packb((item.days, item.seconds, item.microseconds)))
    if kind is Live and types.live is not None:
        return _extend(types.live(item), types)
    if kind is Live:
        raise TypeTransformerFailedError("a live value cannot be packed; settle it first")
    if kind is Binary:
        return msgpack.ExtType(_BINARY, item.tag.encode() + b"\0" + item.value)
    if kind not in _FIELDS:
        raise TypeTransformerFailedError(f"a {kind.__name__} is no literal value")
    code, fields = _FIELDS[kind]
    types.depth += 1
    _require_depth(types.depth)
    packed = msgpack.ExtType(code, msgpack.packb(fields(item, types), default=types.extend))
    types.depth -= 1
    return packed


_FIELDS: Mapping[type, tuple[int, Callable[[Any, _Types], tuple[Any, ...]]]] = {
    Blob: (_BLOB, lambda v, _: (v.uri, v.format, v.multipart)),
    StructuredDataset: (
        _DATASET,
        lambda v, _: (v.uri, v.format, [(name, of_type(kind)) for name, kind in v.columns]),
    ),
    Variant: (_VARIANT, lambda v, types: (v.value, types.number(v.type))),
    Literal: (_LITERAL, lambda v, _: (v.value, v.hash, dict(v.metadata))),
}


def _require_depth(depth: int) -> None:
    # Each level of extensions takes 40 kB of the thread's stack when it is read.
    if depth > _DEEP:
        raise TypeTransformerFailedError(f"literals are nested more than {_DEEP} levels deep")


def _framed(body: bytes, types: _Types) -> bytes:
    header: bytes = msgpack.packb([of_type(t) for t in types.listed]) if types.listed else b""
    return b"%c%b%b%b" % (VERSION, len(header).to_bytes(4, "big"), header, body)


def _unframed(data: bytes | memoryview) -> Any:
    view = memoryview(data).cast("B")
    require(len(view) > _HEADER, "too short")
    if view[0] > VERSION:
        raise TypeTransformerFailedError(f"literals of version {view[0]}; this version reads up to {VERSION}")
    end = _HEADER + int.from_bytes(view[1:_HEADER], "big")
    types = _read(view[_HEADER:end], []) if end > _HEADER else ()
    require(type(types) is tuple, "no types")
    return _read(view[end:], [data_type(item) for item in types])


def _unpack(data: bytes | memoryview) -> dict[str, Literal]:
    values = _unframed(data)
    require(type(values) is Map, "no literals")
    return {to_text(name): _checked(value) for name, value in values.items()}


def _unpack_value(data: bytes | memoryview) -> Value:
    value: Value = _unframed(data)
    _check(value)
    return value


def _checked(value: Any) -> Literal:
    _check(value)
    return value if type(value) is Literal else Literal(value)


def _read(data: Any, types: list[LiteralType], depth: int = 0) -> Any:
    _require_depth(depth)

    def extension(code: int, body: bytes) -> Any:
        if code == _BINARY:
            tag, _, value = body.partition(b"\0")
            return Binary(value, tag.decode())
        return _EXTENSIONS[code](_read(body, types, depth + 1), types)

    return msgpack.unpackb(
        data, ext_hook=extension, object_pairs_hook=Map, use_list=False, strict_map_key=False
    )


def _datetime(data: Any, _: Any) -> datetime:
    require(type(data) is int, "no instant")
    return _EPOCH + timedelta(microseconds=data)


def _duration(data: Any, _: Any) -> timedelta:
    days, seconds, microseconds = data
    require({type(days), type(seconds), type(microseconds)} == {int}, "no duration")
    return timedelta(days, seconds, microseconds)


def _blob(data: Any, _: Any) -> Blob:
    uri, form, multipart = data
    require(type(uri) is str and type(form) is str and type(multipart) is bool, "no blob")
    return Blob(uri, form, multipart)


def _dataset(data: Any, _: Any) -> StructuredDataset:
    uri, form, columns = data
    require(type(uri) is str and type(form) is str, "no dataset")
    return StructuredDataset(uri, form, to_columns(columns))


def _variant(data: Any, types: list[LiteralType]) -> Variant:
    value, number = data
    require(type(number) is int and number >= 0, "no variant")
    return Variant(value, types[number])


def _literal(data: Any, _: Any) -> Literal:
    value, hash_, metadata = data
    require(type(hash_) is str and type(metadata) is Map, "no literal")
    require(all(type(k) is str and type(v) is str for k, v in metadata.items()), "no metadata")
    return Literal(value, hash_, dict(metadata))


_EXTENSIONS: Mapping[int, Callable[[Any, list[LiteralType]], Any]] = {
    _DATETIME: _datetime,
    _DURATION: _duration,
    _BLOB: _blob,
    _DATASET: _dataset,
    _VARIANT: _variant,
    _LITERAL: _literal,
}


def _check(value: Any) -> None:
    """Refuse what MessagePack can hold and a literal cannot."""
    kind = type(value)
    if kind is tuple:
        if not _FLAT.issuperset(map(type, value)):
            for item in value:
                _check(item)
    elif kind is Map:
        require({str}.issuperset(map(type, value)), "a key is no text")
        if not _FLAT.issuperset(map(type, value.values())):
            for item in value.values():
                _check(item)
    elif kind is Variant or kind is Literal:
        require(kind is Variant or type(value.value) is not Literal, "a literal in a literal")
        _check(value.value)
    else:
        require(kind in _FLAT, f"a {kind.__name__} is no value")
