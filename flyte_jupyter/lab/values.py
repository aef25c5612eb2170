"""Pictures of recorded values. Nothing is unpickled and no code of a user's runs: this is the server."""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped] # the library has no types

from flyte_jupyter.blobs.addresses import digest_of, name_of
from flyte_jupyter.errors import DefinitionError, Error, ResultNotKeptError
from flyte_jupyter.lab.listing import whole
from flyte_jupyter.loading import load
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.runs.values import KEPT
from flyte_jupyter.types.literal import Binary, Blob, Literal, Map, StructuredDataset, Value, Variant
from flyte_jupyter.types.packed import unpack

TEXT = 4_000
"""A value is shown with at most so many characters."""

_DEEP = 6
_WIDE = 50
_FRAMES = 4
_READABLE = ("arrow", "parquet", "csv")


class Values:
    """Reads values from stores; keeps the frames that were looked at last. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: OrderedDict[str, Any] = OrderedDict()

    def of(self, store: RunStore, action: ActionState) -> dict[str, Any]:
        """Draw an action's inputs and outputs."""
        return {"inputs": _drawn(store, action.inputs), "outputs": _drawn(store, action.outputs)}

    def frame(
        self, store: RunStore, action: ActionState, which: str, name: str, said: Mapping[str, str]
    ) -> dict[str, Any]:
        """Give a page of a frame, with its columns.

        Raises:
            ResultNotKeptError: there is none of that name, or it cannot be read here.
            ValueError: the request is wrong.
        """
        packed = action.outputs if which == "outputs" else action.inputs
        literal = unpack(packed).get(name) if packed is not None else None
        value = _bare(literal) if literal is not None else None
        if not isinstance(value, StructuredDataset):
            raise ResultNotKeptError(f"{action.task} has no frame {name!r} among its {which}")
        pages = self._pages(store, value)
        wanted = load("flyte_jupyter.notebook.arrow_pages:Wanted").of(_asked(said), len(pages.columns))
        return {"columns": pages.columns, "note": pages.note, **pages.pages.page(wanted)}

    def _pages(self, store: RunStore, frame: StructuredDataset) -> Any:
        with self._lock:
            if (found := self._frames.get(frame.uri)) is None:
                found = self._frames[frame.uri] = _Frame(store, frame)
            self._frames.move_to_end(frame.uri)
            if len(self._frames) > _FRAMES:
                self._frames.popitem(last=False)
            return found


class _Frame:
    def __init__(self, store: RunStore, frame: StructuredDataset) -> None:
        if frame.format not in _READABLE or digest_of(frame.uri) is None:
            raise ResultNotKeptError(
                f"this frame is kept as {frame.format or 'something'} that only a kernel opens: %flyte frame"
            )
        frames = load("flyte_jupyter.notebook.render.frames")
        with load("flyte_jupyter.types.holding:holding")(store.blobs):
            table = load("flyte_jupyter.types.frame_files:read_frame")(
                frame.uri, frame.format, load("pyarrow:Table")
            )
        self.pages = load("flyte_jupyter.notebook.arrow_pages:Pages")(table)
        self.columns = frames.headings(self.pages.table, 100)
        self.note = frames.sampled_words(self.pages.rows)


def _asked(said: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"page": whole(said, "page", 0), "size": whole(said, "size", 20)}
    found |= {name: whole(said, name, 0) for name in ("sort", "column") if said.get(name)}
    return found | {"descending": said.get("order") == "desc", "text": said.get("text", "")}


def _drawn(store: RunStore, packed: bytes | None) -> list[dict[str, Any]] | None:
    if packed is None:
        return None
    try:
        return [{"name": name, **_picture(store, literal)} for name, literal in unpack(packed).items()]
    except Error as error:
        raise DefinitionError(f"the record of these values cannot be read: {error}") from error


def _picture(store: RunStore, literal: Literal) -> dict[str, Any]:
    value = _bare(literal)
    if isinstance(value, StructuredDataset):
        readable = value.format in _READABLE and digest_of(value.uri) is not None
        return {
            "kind": "frame" if readable else "object",
            "text": f"table, {value.format}{_size(store, value)}",
        }
    if isinstance(value, Blob):
        kind = "folder" if value.multipart else "file"
        return {"kind": kind, "text": f"{name_of(value.uri) or kind}{_size(store, value)}"}
    if isinstance(value, Binary):
        return _binary(value)
    plain = _plain(value, 0)
    return {"kind": "value", "text": _cut(plain if isinstance(plain, str) else repr(plain))}


def _binary(value: Binary) -> dict[str, Any]:
    if value.tag == KEPT:
        return {"kind": "gone", "text": _cut(value.value.decode("utf-8", "replace"))}
    if value.tag == "msgpack":
        return {"kind": "value", "text": _cut(repr(_unpacked(value.value)))}
    return {
        "kind": "object",
        "text": f"a Python object of {len(value.value):,} bytes, which only a kernel opens",
    }


def _unpacked(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except ValueError:
        return f"{len(data):,} bytes"


def _bare(literal: Value) -> Value:
    while isinstance(literal, Literal | Variant):
        literal = literal.value
    return literal


def _plain(value: Value, depth: int) -> object:
    value = _bare(value)
    if depth > _DEEP:
        return ...
    if isinstance(value, tuple):
        more = [...] if len(value) > _WIDE else []
        return [_plain(item, depth + 1) for item in value[:_WIDE]] + more
    if isinstance(value, Map):
        return {key: _plain(item, depth + 1) for key, item in list(value.items())[:_WIDE]}
    if isinstance(value, Binary) and value.tag == "msgpack":
        return _unpacked(value.value)
    return str(value) if isinstance(value, dt.datetime | dt.timedelta) else value


def _size(store: RunStore, value: StructuredDataset | Blob) -> str:
    digest = digest_of(value.uri)
    try:
        return (
            f", {load('flyte_jupyter.notebook.render.text:size')(store.blobs.size(digest))}" if digest else ""
        )
    except KeyError:
        return ", gone from the store"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"
