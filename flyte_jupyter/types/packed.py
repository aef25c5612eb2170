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
    SimpleType,
    StructuredDataset,
    Value,
    Variant,
)

VERSION = 1
_HEADER = 5
_DEEP = 32

_DATETIME, _DURATION, _BINARY, _BLOB, _DATASET, _VARIANT, _LITERAL = range(7)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PRIMITIVE = frozenset({type(None), bool, int, float, str, datetime, timedelta})
_FLAT = _PRIMITIVE | {Binary, Blob, StructuredDataset}


def pack(literals: Literals) -> bytes:
    """Pack literals by name; their order is kept.

    Raises:
        TypeTransformerFailedError: a value is live (settle it first) or no literal value at all.
    """
    types = _Types()
    values = {name: _slim(literal) for name, literal in literals.items()}
    return _framed(_packed(values, types), types)


def unpack(data: bytes | memoryview) -> dict[str, Literal]:
    """Read what ``pack`` wrote.

    Raises:
        TypeTransformerFailedError: the bytes are damaged or of a newer version.
    """
    literals: dict[str, Literal] = _safely(_unpack, data)
    return literals


def pack_value(value: Value, live: Callable[[Live], Value] | None = None) -> bytes:
    """Pack one value with its types beside it; ``live`` may replace live values."""
    types = _Types(live)
    return _framed(_packed(value, types), types)


def unpack_value(data: bytes | memoryview) -> Value:
    """Read what ``pack_value`` wrote."""
    value: Value = _safely(_unpack_value, data)
    return value


def of_type(literal_type: LiteralType) -> list[Any]:
    """Write a type as plain data."""
    return _of_type(literal_type)


def to_type(data: Any) -> LiteralType:
    """Read a type from plain data; ``TypeTransformerFailedError`` if it is none."""
    literal_type: LiteralType = _safely(_to_type, data)
    return literal_type


class _Types:
    """The types that variants refer to by number."""

    __slots__ = ("_numbers", "depth", "listed", "live")

    def __init__(self, live: Callable[[Live], Value] | None = None) -> None:
        self.listed: list[LiteralType] = []
        self.live = live
        self.depth = 0
        self._numbers: dict[int, int] = {}

    def number(self, literal_type: LiteralType) -> int:
        found = self._numbers.get(id(literal_type))
        if found is None:
            found = self._numbers[id(literal_type)] = len(self.listed)
            self.listed.append(literal_type)
        return found


def _slim(literal: Literal) -> Value:
    return literal if literal.hash or literal.metadata else literal.value


def _packed(value: Any, types: _Types) -> bytes:
    def extend(item: Any) -> Any:
        return _extend(item, types, extend)

    try:
        packed: bytes = msgpack.packb(value, default=extend)
    except (ValueError, OverflowError, TypeError, RecursionError) as error:
        if isinstance(error, TypeTransformerFailedError):
            raise
        raise TypeTransformerFailedError(f"cannot be packed: {error}") from error
    return packed


def _extend(item: Any, types: _Types, extend: Callable[[Any], Any]) -> Any:
    kind = type(item)
    if kind is datetime:
        return msgpack.ExtType(_DATETIME, msgpack.packb((item - _EPOCH) // _MICROSECOND))
    if kind is timedelta:
        return msgpack.ExtType(_DURATION, msgpack.packb((item.days, item.seconds, item.microseconds)))
    if kind is Live and types.live is not None:
        return _extend(types.live(item), types, extend)
    if kind is Live:
        raise TypeTransformerFailedError("a live value cannot be packed; settle it first")
    if kind is Binary:
        return msgpack.ExtType(_BINARY, item.tag.encode() + b"\0" + item.value)
    if kind not in _FIELDS:
        raise TypeTransformerFailedError(f"a {kind.__name__} is no literal value")
    code, fields = _FIELDS[kind]
    types.depth += 1
    _require_depth(types.depth)
    packed = msgpack.ExtType(code, msgpack.packb(fields(item, types), default=extend))
    types.depth -= 1
    return packed


_FIELDS: Mapping[type, tuple[int, Callable[[Any, _Types], tuple[Any, ...]]]] = {
    Blob: (_BLOB, lambda v, _: (v.uri, v.format, v.multipart)),
    StructuredDataset: (
        _DATASET,
        lambda v, _: (v.uri, v.format, [(name, _of_type(kind)) for name, kind in v.columns]),
    ),
    Variant: (_VARIANT, lambda v, types: (v.value, types.number(v.type))),
    Literal: (_LITERAL, lambda v, _: (v.value, v.hash, dict(v.metadata))),
}


def _of_type(t: LiteralType) -> list[Any]:
    """Write only what is set, by field number."""
    dataset = t.dataset and [t.dataset[0], [(name, _of_type(column)) for name, column in t.dataset[1]]]
    values = (
        None if t.simple is None else int(t.simple),
        t.collection and _of_type(t.collection),
        t.map_value and _of_type(t.map_value),
        t.blob,
        t.enum,
        dataset,
        None if t.union is None else [_of_type(variant) for variant in t.union],
        None if t.metadata is None else dict(t.metadata),
        None if t.annotation is None else dict(t.annotation),
        t.tag or None,
    )
    return [part for number, value in enumerate(values) if value is not None for part in (number, value)]


def _safely(read: Callable[[Any], Any], data: Any) -> Any:
    try:
        return read(data)
    except TypeTransformerFailedError:
        raise
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError) as error:
        raise TypeTransformerFailedError(f"damaged literals: {type(error).__name__}: {error}") from error
    except msgpack.UnpackException as error:
        raise TypeTransformerFailedError(f"damaged literals: {error}") from error


def _require_depth(depth: int) -> None:
    # Each level of extensions takes 40 kB of the thread's stack when it is read.
    if depth > _DEEP:
        raise TypeTransformerFailedError(f"literals are nested more than {_DEEP} levels deep")


def _require(condition: object, what: str) -> None:
    if not condition:
        raise TypeTransformerFailedError(f"damaged literals: {what}")


def _framed(body: bytes, types: _Types) -> bytes:
    header: bytes = msgpack.packb([_of_type(t) for t in types.listed]) if types.listed else b""
    return b"%c%b%b%b" % (VERSION, len(header).to_bytes(4, "big"), header, body)


def _unframed(data: bytes | memoryview) -> Any:
    view = memoryview(data).cast("B")
    _require(len(view) > _HEADER, "too short")
    if view[0] > VERSION:
        raise TypeTransformerFailedError(f"literals of version {view[0]}; this version reads up to {VERSION}")
    end = _HEADER + int.from_bytes(view[1:_HEADER], "big")
    types = _read(view[_HEADER:end], []) if end > _HEADER else ()
    _require(type(types) is tuple, "no types")
    return _read(view[end:], [_to_type(item) for item in types])


def _unpack(data: bytes | memoryview) -> dict[str, Literal]:
    values = _unframed(data)
    _require(type(values) is Map, "no literals")
    return {_text(name): _checked(value) for name, value in values.items()}


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
    _require(type(data) is int, "no instant")
    return _EPOCH + timedelta(microseconds=data)


def _duration(data: Any, _: Any) -> timedelta:
    days, seconds, microseconds = data
    _require({type(days), type(seconds), type(microseconds)} == {int}, "no duration")
    return timedelta(days, seconds, microseconds)


def _blob(data: Any, _: Any) -> Blob:
    uri, form, multipart = data
    _require(type(uri) is str and type(form) is str and type(multipart) is bool, "no blob")
    return Blob(uri, form, multipart)


def _dataset(data: Any, _: Any) -> StructuredDataset:
    uri, form, columns = data
    _require(type(uri) is str and type(form) is str, "no dataset")
    return StructuredDataset(uri, form, _columns(columns))


def _columns(data: Any) -> tuple[tuple[str, LiteralType], ...]:
    _require(all(type(name) is str for name, _ in data), "no columns")
    return tuple((name, _to_type(column)) for name, column in data)


def _variant(data: Any, types: list[LiteralType]) -> Variant:
    value, number = data
    _require(type(number) is int and number >= 0, "no variant")
    return Variant(value, types[number])


def _literal(data: Any, _: Any) -> Literal:
    value, hash_, metadata = data
    _require(type(hash_) is str and type(metadata) is Map, "no literal")
    _require(all(type(k) is str and type(v) is str for k, v in metadata.items()), "no metadata")
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
        _require({str}.issuperset(map(type, value)), "a key is no text")
        if not _FLAT.issuperset(map(type, value.values())):
            for item in value.values():
                _check(item)
    elif kind is Variant or kind is Literal:
        _require(kind is Variant or type(value.value) is not Literal, "a literal in a literal")
        _check(value.value)
    else:
        _require(kind in _FLAT, f"a {kind.__name__} is no value")


def _to_type(data: Any) -> LiteralType:
    _require(type(data) is tuple and len(data) % 2 == 0, "no type")
    given = {}
    for number, value in zip(data[::2], data[1::2], strict=True):
        _require(type(number) is int and 0 <= number < len(_PARTS), "an unknown kind of type")
        name, convert = _PARTS[number]
        given[name] = convert(value)
    return LiteralType(**given)


def _text(data: Any) -> str:
    _require(type(data) is str, "no text")
    return str(data)


def _texts(data: Any) -> tuple[str, ...]:
    _require(type(data) is tuple and {str}.issuperset(map(type, data)), "no texts")
    return tuple(data)


def _blob_type(data: Any) -> tuple[str, bool]:
    form, multipart = data
    _require(type(form) is str and type(multipart) is bool, "no blob type")
    return form, multipart


def _dataset_type(data: Any) -> tuple[str, tuple[tuple[str, LiteralType], ...]]:
    form, columns = data
    return _text(form), _columns(columns)


def _json(data: Any) -> dict[str, Any]:
    _require(type(data) is Map, "no JSON object")
    return {_text(key): _json_value(value) for key, value in data.items()}


def _json_value(data: Any) -> Any:
    if type(data) is Map:
        return _json(data)
    if type(data) is tuple:
        return [_json_value(item) for item in data]
    _require(type(data) in _PRIMITIVE, "no JSON value")
    return data


_PARTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("simple", SimpleType),
    ("collection", _to_type),
    ("map_value", _to_type),
    ("blob", _blob_type),
    ("enum", _texts),
    ("dataset", _dataset_type),
    ("union", lambda data: tuple(_to_type(item) for item in data)),
    ("metadata", _json),
    ("annotation", _json),
    ("tag", _text),
)
