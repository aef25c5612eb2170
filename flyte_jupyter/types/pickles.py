"""Pickles: written with the signature of a store, and read only where somebody vouches for them."""

import io
import pickle
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.errors import Error, InitializationError, TypeTransformerFailedError
from flyte_jupyter.loading import load, pickletools
from flyte_jupyter.types.codec import bare, misfit, name_of
from flyte_jupyter.types.holding import fetch, held, trusted
from flyte_jupyter.types.literal import Binary, Blob, Live, Value
from flyte_jupyter.types.messages import TAG, unpacked

FORMAT = "PythonPickle"


SIGNED = "pickle"
"""The tag of an inline pickle that begins with the store's signature."""


INLINE = 10 * 1024
"""Pickles up to this many bytes stay inside of the literal."""


_SIGNATURE = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of builtin data as it was when it was passed; each reader gets a copy of its own."""

    data: bytes


class _Plain(pickle.Pickler):
    """Pickles builtin data only."""

    def reducer_override(self, thing: Any) -> Any:
        raise pickle.PicklingError(type(thing).__name__)


def plain_pickle(value: Any) -> bytes | None:
    """Pickle builtin data; None for anything else."""
    buffer = io.BytesIO()
    try:
        _Plain(buffer, 5).dump(value)
    except (pickle.PicklingError, RecursionError):
        return None
    return buffer.getvalue()


def thawed(value: Any) -> Any:
    """Copy a snapshot; anything else stays what it is."""
    return pickle.loads(value.data) if isinstance(value, Snapshot) else value  # noqa: S301 - made in this process


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
    if (data := plain_pickle(value)) is not None:
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
        return thawed(value.value)
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
