"""Values of types that have no form of their own: live in this process, signed pickles outside of it."""

import hashlib
import pickle
import typing
from collections.abc import Callable
from typing import Any, get_args, get_origin

from flyte_jupyter.types.canonical import content_of, sorted_items
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit, name_of, namesakes
from flyte_jupyter.types.literal import Binary, Literal, LiteralType, Live, SimpleType, Value
from flyte_jupyter.types.pickles import (
    FORMAT,
    INLINE,
    Snapshot,
    plain_pickle,
    read_object,
    settle_object,
    thawed,
)

NAME = "FlytePickle"


_BUILTIN = (list, dict, set, frozenset, tuple, bytearray)


def literal_type(python_type: Any) -> LiteralType:
    """Describe a pickle as the protocol does: inline or a file, and the name of the class."""
    file, inline = (
        LiteralType(blob=(FORMAT, False), tag=NAME),
        LiteralType(simple=SimpleType.BINARY, tag=NAME),
    )
    return LiteralType(union=(file, inline), metadata={"python_class_name": str(python_type)})


def build_pickled(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile any type."""
    accept = _acceptor(python_type)

    def write(value: Any) -> Value:
        return live(accept(value), python_type)

    return Codec(
        name=NAME,
        python_type=python_type,
        type=literal_type(python_type),
        write=write,
        read=lambda value: accept(read_object(value)),
        exact=_exact(python_type),
        settle=settle_object,
        digest=lambda value: content_of(thawed(value)),
    )


def build_set(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile ``set[T]`` and ``frozenset[T]``, whose cache keys do not depend on the order of items."""
    item = codec_of(get_args(python_type)[0]) if get_args(python_type) else None
    kind: Any = get_origin(python_type) or python_type

    def accept(value: Any) -> Any:
        if not isinstance(value, kind):
            raise misfit(python_type, value)
        if item is None or all(map(item.exact, value)):
            return value
        return kind(item.read(item.write(element)) for element in value)

    def write(value: Any) -> Value:
        accepted = accept(value)
        return Literal(live(accepted, python_type), hash=_set_hash(accepted))

    pickled = build_pickled(kind, codec_of)
    return Codec(
        name=NAME,
        python_type=python_type,
        type=literal_type(python_type),
        write=write,
        read=lambda value: accept(read_object(bare(value))),
        exact=lambda value: type(value) is kind and (item is None or all(map(item.exact, value))),
        settle=settle_object,
        digest=pickled.digest,
    )


def _set_hash(value: Any) -> str:
    """Hash a set as the protocol's implementation does: the MD5 of the pickle of the sorted items."""
    try:
        data = pickle.dumps(sorted_items(value), 5)
    except Exception:  # noqa: BLE001 - the items' own code; without a hash the content is hashed later
        return ""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def build_bytes(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile ``bytes``: short ones inline as a pickle, which needs no trust to be read."""

    def write(value: Any) -> Value:
        if not isinstance(value, bytes):
            raise misfit(bytes, value)
        return Binary(pickle.dumps(bytes(value), 5)) if len(value) <= INLINE else Live(bytes(value), bytes)

    def read(value: Value) -> Any:
        value = bare(value)
        short = type(value) is Binary and not value.tag and _short_bytes(value.value)
        found = short or read_object(value)
        if type(found) is not bytes:
            raise misfit(bytes, found)
        return found

    pickled = build_pickled(bytes, codec_of)
    return Codec(
        name=NAME,
        python_type=python_type,
        type=literal_type(bytes),
        write=write,
        read=read,
        exact=lambda value: type(value) is bytes,
        settle=settle_object,
        digest=pickled.digest,
    )


def _short_bytes(data: bytes) -> bytes:
    """Take the bytes out of their pickle, where it has the usual form."""
    found = data[13:-2] if data[11:12] == b"C" else data[16:-2]
    return found if data == pickle.dumps(found, 5) else b""


def live(value: Any, python_type: Any) -> Live:
    """Hold a value: builtin data as a copy, everything else by reference."""
    if type(value) in _BUILTIN and (data := plain_pickle(value)) is not None:
        return Live(Snapshot(data), python_type)
    return Live(value, python_type)


def _acceptor(python_type: Any) -> Callable[[Any], Any]:
    cls = get_origin(python_type) or python_type
    if not isinstance(cls, type) or cls is object or not _checkable(cls):
        return lambda value: value

    def accept(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if namesakes(type(value), cls):
            return _reborn(cls, value)
        raise misfit(python_type, value)

    return accept


def _checkable(cls: type) -> bool:
    try:
        isinstance(None, cls)
    except TypeError:
        return False
    return not getattr(cls, "_is_protocol", False)


def _reborn(cls: type, value: Any) -> Any:
    """Give an object of an older definition the current class; only where its state is a plain dict."""
    try:
        new: Any = object.__new__(cls)
        new.__dict__.update(value.__dict__)
    except (TypeError, AttributeError) as error:
        raise misfit(f"{name_of(cls)} as it is defined now", value) from error
    return new


def _exact(python_type: Any) -> Callable[[Any], bool]:
    cls = get_origin(python_type) or python_type
    if python_type is typing.Any or not isinstance(cls, type):
        return lambda _: False
    return lambda value: type(value) is cls
