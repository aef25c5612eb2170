"""Which blobs a literal needs: what a cache entry checks, and what a sweep of the store must keep."""

from collections.abc import Iterator
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.blobs import BlobStore, digest_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.folders import entries
from flyte_jupyter.types.literal import Binary, Blob, Literal, Map, StructuredDataset, Value, Variant


def references(literal: Literal, blobs: BlobStore) -> set[str]:
    """Name the digests of all blobs that a settled literal refers to, directly or through a folder's list."""
    return set(_found(literal, blobs))


def _found(value: Value, blobs: BlobStore) -> Iterator[str]:
    if isinstance(value, Literal | Variant):
        yield from _found(value.value, blobs)
    elif isinstance(value, tuple):
        for item in value:
            yield from _found(item, blobs)
    elif isinstance(value, Map):
        for item in value.values():
            yield from _found(item, blobs)
    elif isinstance(value, Blob | StructuredDataset):
        yield from _of_uri(value.uri, blobs)
    elif isinstance(value, Binary) and value.tag == "msgpack" and b"blob://" in value.value:
        yield from _of_data(msgpack.unpackb(value.value, strict_map_key=False), blobs)


def _of_data(data: Any, blobs: BlobStore) -> Iterator[str]:
    """Search a structure's data: an address inside of it is text."""
    if isinstance(data, dict):
        for item in (*data.keys(), *data.values()):
            yield from _of_data(item, blobs)
    elif isinstance(data, list):
        for item in data:
            yield from _of_data(item, blobs)
    elif isinstance(data, str):
        yield from _of_uri(data, blobs)


def _of_uri(uri: str, blobs: BlobStore) -> Iterator[str]:
    if (digest := digest_of(uri)) is None:
        return
    yield digest
    # A folder's list looks like any other blob, so whatever reads as such a list counts as one.
    if digest in blobs and _starts_like_a_list(digest, blobs):
        try:
            listed = entries(digest, blobs)
        except TypeTransformerFailedError:
            return
        yield from filter(None, (digest_of(address) for _, address in listed))


def _starts_like_a_list(digest: str, blobs: BlobStore) -> bool:
    with blobs.path(digest).open("rb") as file:
        return file.read(2) in {b"[[", b"[]"}
