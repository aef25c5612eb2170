"""The code of a run's tasks, as its record keeps it: the parts of their slices."""

from collections.abc import Mapping

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.runs.events import TaskSeen

_INLINE = 1 << 14  # bytes of parts that the event itself holds; more of them are a blob
_BLOB = b"blob://"


def packed(parts: Mapping[str, str], blobs: BlobStore) -> bytes:
    """Pack the parts of a slice; many of them become a blob, which equal slices share."""
    body: bytes = msgpack.packb(dict(parts), unicode_errors="surrogatepass")
    return body if len(body) <= _INLINE else _BLOB + blobs.put(body).encode()


def is_blob(body: bytes) -> bool:
    """Whether packed parts are in a blob."""
    return body.startswith(_BLOB)


def parts_of(seen: TaskSeen | None, blobs: BlobStore) -> dict[str, str] | None:
    """Give the parts that a record holds, in the form that ``Slice.diff`` takes; None if there are none."""
    if seen is None or not seen.parts:
        return None
    body = bytes(seen.parts)
    try:
        if is_blob(body):
            body = blobs.get(body.removeprefix(_BLOB).decode())
        found = msgpack.unpackb(body, unicode_errors="surrogatepass")
    except (KeyError, ValueError, msgpack.UnpackException):
        return None
    return {str(name): str(line) for name, line in found.items()} if isinstance(found, dict) else None
