"""Inputs and outputs of actions at an endpoint as literals of this store."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flyte_jupyter.blobs import BlobStore, uri_of
from flyte_jupyter.types.flyte_idl import of_literal_message
from flyte_jupyter.types.literal import Binary, Blob, Literal, Map, Value, Variant
from flyte_jupyter.types.packed import pack
from flyte_jupyter.types.pickles import FORMAT, SIGNED
from flyte_jupyter.types.places import local_path


def literals_of(messages: Mapping[str, Any], blobs: BlobStore | None) -> dict[str, Literal]:
    """Read literals; this store vouches for their pickles, as the endpoint runs this user's own code.

    Raises:
        TypeTransformerFailedError: one has a form that there is not here.
    """
    return {name: _vouched(of_literal_message(message), blobs) for name, message in messages.items()}


def packed_of(messages: Mapping[str, Any], blobs: BlobStore | None) -> bytes:
    """Pack literals for the record."""
    return pack(literals_of(messages, blobs))


def _vouched(literal: Literal, blobs: BlobStore | None) -> Literal:
    return literal if blobs is None else replace(literal, value=_value(literal.value, blobs))


def _value(value: Value, blobs: BlobStore) -> Value:
    if isinstance(value, Binary) and not value.tag:
        return Binary(blobs.sign(value.value) + value.value, SIGNED)
    if isinstance(value, Blob) and value.format == FORMAT and (path := local_path(value.uri)):
        return _kept(path, blobs)
    return _parts(value, blobs)


def _parts(value: Value, blobs: BlobStore) -> Value:
    """Do the same with what a value is made of."""
    if isinstance(value, Variant):
        return Variant(_value(value.value, blobs), value.type)
    if isinstance(value, Literal):
        return _vouched(value, blobs)
    if isinstance(value, Map):
        return Map({key: _value(item, blobs) for key, item in value.items()})
    return tuple(_value(item, blobs) for item in value) if isinstance(value, tuple) else value


def _kept(path: Path, blobs: BlobStore) -> Blob:
    data = path.read_bytes()
    with blobs.writer() as out:
        out.write(blobs.sign(data))
        out.write(data)
    return Blob(uri_of(out.digest), FORMAT)
