"""Values of types that have no form of their own: live in this process, signed pickles outside of it."""

import hashlib
import io
import pickle
import pickletools
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.errors import Error, InitializationError, TypeTransformerFailedError
from flyte_jupyter.loading import load
from flyte_jupyter.types.canonical import content_of, sorted_items
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit, name_of, namesakes
from flyte_jupyter.types.holding import fetch, held, trusted
from flyte_jupyter.types.literal import Binary, Blob, Literal, LiteralType, Live, SimpleType, Value
from flyte_jupyter.types.messages import TAG, unpacked

NAME = "FlytePickle"
FORMAT = "PythonPickle"
SIGNED = "pickle"
"""The tag of an inline pickle that begins with the store's signature."""

INLINE = 10 * 1024
"""Pickles up to this many bytes stay inside of the literal."""

_SIGNATURE = 32
_BUILTIN = (list, dict, set, frozenset, tuple, bytearray)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of builtin data as it was when it was passed; each reader gets a copy of its own."""

    data: bytes


class _Plain(pickle.Pickler):
    """Pickles builtin data only."""

    def reducer_override(self, thing: Any) -> Any:
        raise pickle.PicklingError(type(thing).__name__)


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
        digest=lambda value: content_of(_thawed(value)),
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
    if type(value) in _BUILTIN and (data := _plain_pickle(value)) is not None:
        return Live(Snapshot(data), python_type)
    return Live(value, python_type)


def _plain_pickle(value: Any) -> bytes | None:
    buffer = io.BytesIO()
    try:
        _Plain(buffer, 5).dump(value)
    except (pickle.PicklingError, RecursionError):
        return None
    return buffer.getvalue()


def _thawed(value: Any) -> Any:
    return pickle.loads(value.data) if isinstance(value, Snapshot) else value  # noqa: S301 - made in this process


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


def settle_object(value: Any, blobs: BlobStore) -> Value:
    """Write an object as a pickle signed by the store: small ones inline, others as a blob."""
    data = value.data if isinstance(value, Snapshot) else pickle_of(value)
    signature = blobs.sign(data)
    if len(data) <= INLINE:
        return Binary(signature + data, SIGNED)
    with blobs.writer() as out:
        out.write(signature)
        out.write(data)
    return Blob(uri_of(out.digest), FORMAT)


def pickle_of(value: Any) -> bytes:
    """Pickle any object; classes and functions of the notebook go along.

    Raises:
        TypeTransformerFailedError: it cannot be pickled.
    """
    if (data := _plain_pickle(value)) is not None:
        return data
    try:
        return load("cloudpickle:dumps")(value, protocol=5)  # type: ignore[no-any-return]
    except Exception as error:
        kind = name_of(type(value))
        raise TypeTransformerFailedError(
            f"a {kind} cannot be kept or sent: it cannot be pickled ({error}). "
            "Pass what it is made of instead, or keep the task in this process and uncached"
        ) from error


def read_object(value: Value) -> Any:
    """Read an object from what ``settle_object`` or another implementation wrote.

    Raises:
        TypeTransformerFailedError: the pickle is damaged or nobody vouches for it.
    """
    value = bare(value)
    if type(value) is Live:
        return _thawed(value.value)
    if isinstance(value, Blob) and value.format == FORMAT:
        return read_signed(_blob(value), "object")
    if isinstance(value, Binary) and value.tag == SIGNED:
        return read_signed(memoryview(value.value), "object")
    if isinstance(value, Binary) and value.tag == TAG:
        return unpacked(value, "plain data")
    if isinstance(value, Binary) and not value.tag:
        return _load(value.value) if trusted() else _load_plain(value.value)
    raise misfit("a pickled object", value)


def read_signed(data: memoryview, what: str) -> Any:
    """Unpickle what begins with the signature of the store in use."""
    signature, body = data[:_SIGNATURE], data[_SIGNATURE:]
    if not trusted():
        _verify(signature, body, what)
    return _load(body)


def _verify(signature: memoryview, body: memoryview, what: str) -> None:
    try:
        genuine = held().signed(signature, body)
    except InitializationError as error:
        raise TypeTransformerFailedError(
            f"this {what} is a pickle and no store is open to vouch for it"
        ) from error
    if not genuine:
        raise TypeTransformerFailedError(
            f"this {what} is a pickle that was not written by this store; unpickling it could run foreign "
            "code. If you trust its author, read it within flyte_jupyter.types.trusting()"
        )


def _blob(value: Blob) -> memoryview:
    if (digest := digest_of(value.uri)) is not None:
        return fetch(digest, "object")
    if not trusted():
        raise TypeTransformerFailedError(
            f"the pickle at {value.uri!r} is outside of the store and not trusted"
        )
    with open(value.uri.removeprefix("file://"), "rb") as file:  # noqa: PTH123 - an address, not a Path
        return memoryview(bytes(_SIGNATURE) + file.read())


def _load(data: bytes | memoryview) -> Any:
    try:
        return pickle.loads(data)  # noqa: S301 - signed by this store or trusted by the user
    except Error:
        raise
    except Exception as error:
        raise TypeTransformerFailedError(f"damaged pickle: {type(error).__name__}: {error}") from error


_UNSAFE = frozenset(
    [
        "GLOBAL",
        "STACK_GLOBAL",
        "REDUCE",
        "BUILD",
        "INST",
        "OBJ",
        "NEWOBJ",
        "NEWOBJ_EX",
        "EXT1",
        "EXT2",
        "EXT4",
        "PERSID",
        "BINPERSID",
        "PUT",
        "BINPUT",
        "LONG_BINPUT",
        "BYTEARRAY8",
        "NEXT_BUFFER",
        "READONLY_BUFFER",
    ]
)
"""What can call code, or make a short pickle take endless memory."""


def _load_plain(data: bytes) -> Any:
    """Read a pickle of builtin data from anybody."""
    try:
        found = {code.name for code, _, _ in pickletools.genops(data)} & _UNSAFE
    except Exception as error:
        raise TypeTransformerFailedError(f"damaged pickle: {type(error).__name__}: {error}") from error
    if found:
        raise TypeTransformerFailedError(
            "this pickle holds more than plain data and nobody vouches for it; unpickling it could run "
            "foreign code. If you trust its author, read it within flyte_jupyter.types.trusting()"
        )
    return _load(data)
