"""How attempts ended that no kernel heard of: records in the store, until a later kernel takes them."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter import redaction
from flyte_jupyter.backends.ray_frames import Memory
from flyte_jupyter.backends.wire import Frame
from flyte_jupyter.blobs import BlobStore

_FOLDER = "ray"
_SIGNATURE = 32
_AGE = 7 * 24 * 3600.0
"""Seconds after which a record that nobody took is removed."""


def write(memory: Memory) -> bool:
    """Write how an attempt ended; False if it holds a secret's value: then it has to run again."""
    for value in memory.secrets:
        redaction.remember(value)
    data: bytes = msgpack.packb([_redacted(frame) for frame in memory.said()])
    if any(value.encode() in data for value in memory.secrets):
        return False
    path = _path(memory.folder, memory.key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{secrets.token_hex(8)}")
    with draft.open("xb") as file:
        draft.chmod(0o600)
        file.write(BlobStore(memory.folder).sign(data) + data)
    draft.rename(path)
    return True


def read(folder: str, key: str) -> Sequence[Frame] | None:
    """Read how an attempt ended; None if that is not on record."""
    try:
        data = _path(folder, key).read_bytes()
    except OSError:
        return None
    signature, data = data[:_SIGNATURE], data[_SIGNATURE:]
    if not BlobStore(folder).signed(signature, data):
        return None
    frames: Sequence[Frame] = msgpack.unpackb(data, use_list=False, strict_map_key=False)
    return frames


def remove(folder: str, key: str) -> None:
    """Remove a record: somebody knows it now."""
    _path(folder, key).unlink(missing_ok=True)


def sweep(folder: str) -> None:
    """Remove records that nobody took for long."""
    for path in _path(folder, "").parent.glob("*"):
        if path.is_file() and time.time() - path.stat().st_mtime > _AGE:
            path.unlink(missing_ok=True)


def _path(folder: str, key: str) -> Path:
    return Path(folder) / _FOLDER / (key or "-")


def _redacted(frame: Frame) -> Frame:
    if frame[0] not in ("log", "report", "record"):
        return frame
    return tuple(map(_without, frame))


def _without(value: object) -> object:
    """Take secrets out of the texts in a frame."""
    if isinstance(value, str):
        return redaction.redact(value)
    if isinstance(value, tuple | list):
        return tuple(map(_without, value))
    return {key: _without(one) for key, one in value.items()} if isinstance(value, dict) else value
