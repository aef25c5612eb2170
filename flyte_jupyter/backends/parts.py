"""Large parts of values in shared memory: written by one process, mapped by another, gone with the last one.

A ``Parts`` is a blob store whose new blobs lie one after the other in one anonymous file. Everything that is
not such a part is in the real store behind it.
"""

import mmap
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flyte_jupyter.backends.homing import Sent, homed
from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.blobs.store import Data, Writer
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.engine import codec
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.literal import (
    Binary,
    Blob,
    Literal,
    Literals,
    Live,
    Map,
    StructuredDataset,
    Value,
    Variant,
)
from flyte_jupyter.types.packed import pack
from flyte_jupyter.types.pickles import settle_object
from flyte_jupyter.types.settling import changed

Manifest = Sequence[tuple[str, int, int]]
"""Each part's address, where it begins in the file, and its size."""

_MARK = "f1a7e5ba7ed0"
"""The first digits of the address of every part."""

MARK = f"blob://{_MARK}".encode()
"""Bytes that are in packed literals that refer to a part."""

_PAGE = mmap.ALLOCATIONGRANULARITY
_UNSIGNED = bytes(32)
_PLAIN = frozenset({type(None), bool, int, float, str, Binary})
_NOWHERE = Path(os.devnull)
_WORD = 1 << 63
_SHORT = 1 << 10


class _PartWriter(Writer):
    """A part to stream into."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts
        self._begin = parts.grown()
        self._open = True
        self.size = 0
        self.digest = ""

    def write(self, data: Data) -> int:
        """Append ``data`` and return its size in bytes."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += os.pwrite(self._parts.file, view[done:], self._begin + self.size + done)
        self.size += done
        return done

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return not self._open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if error is None:
            self.digest = self._parts.added(self._begin, self.size)


class Parts(BlobStore):
    """Parts of the values that go from one process to another.

    Args:
        store: the real store; None where no store is open.
        files: the descriptor of the shared memory that came; made when first needed if there is none.
        manifest: what lies in it.
    """

    def __init__(self, store: BlobStore | None, files: Sequence[int] = (), manifest: Manifest = ()) -> None:
        self.folder = store.folder if store is not None else _NOWHERE  # no more: one is made for each call
        self._key = b""
        self.store = store
        self.file = files[0] if files else -1
        self.manifest = list(manifest)
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        for digest, begin, size in self.manifest:
            self._places[digest] = (begin, size)
            self._end = max(self._end, begin + size)

    @property
    def files(self) -> list[int]:
        """The descriptors that have to go with the values."""
        return [self.file] if self.file >= 0 else []

    def close(self) -> None:
        """Let go of the memory; what is mapped stays readable."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def send(self, literals: Literals, home: str, names: Mapping[str, Any]) -> Sent:
        """Write what is live in literals to shared memory and pack them.

        Args:
            literals: the values.
            home: the module that stands for the notebook.
            names: what it holds over there, as it is known here.
        """
        if all(map(_is_bare, literals.values())):
            return {name: literal.value for name, literal in literals.items()}
        if all(type(literal.value) in _PLAIN for literal in literals.values()):
            return pack(literals)
        with holding(self):
            return pack({name: self._settled(one, home, names) for name, one in literals.items()})

    def adopted(self, literal: Literal) -> Literal:
        """Copy the parts that a literal refers to into the real store."""
        found: Literal = _with_addresses(literal, self._adopt)
        return found

    def writer(self) -> Writer:
        """Open a new part to stream into."""
        return _PartWriter(self)

    def put(self, data: Data) -> str:
        """Keep data in the real store."""
        return self._real().put(data)

    def put_file(self, path: Path | str) -> str:
        """Keep a file's content in the real store."""
        return self._real().put_file(path)

    def get(self, digest: str) -> bytes:
        """Read a part or a blob."""
        return bytes(self.open_mapped(digest)) if digest in self._places else self._real().get(digest)

    def open_mapped(self, digest: str, *, writable: bool = False) -> memoryview:
        """Map a part or a blob; what is written to it stays private to the mapping."""
        if digest not in self._places:
            return self._real().open_mapped(digest, writable=writable)
        begin, size = self._places[digest]
        if not size:
            return memoryview(bytearray() if writable else b"")
        access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
        return memoryview(mmap.mmap(self.file, size, access=access, offset=begin))

    def size(self, digest: str) -> int:
        """Tell a part's or blob's size."""
        return self._places[digest][1] if digest in self._places else self._real().size(digest)

    def __contains__(self, digest: object) -> bool:
        return digest in self._places or (self.store is not None and digest in self.store)

    def sign(self, data: Data) -> bytes:
        """Sign with the real store's key."""
        return self.store.sign(data) if self.store is not None else _UNSIGNED

    def grown(self) -> int:
        """Give the place where the next part begins; makes the shared memory."""
        if self.file < 0:
            self.file = os.memfd_create("flyte-jupyter", os.MFD_CLOEXEC)
        return -(-self._end // _PAGE) * _PAGE

    def added(self, begin: int, size: int) -> str:
        """Name a part that was written."""
        digest = _MARK + secrets.token_hex(10)
        self._places[digest] = (begin, size)
        self.manifest.append((digest, begin, size))
        self._end = begin + size
        return digest

    def _real(self) -> BlobStore:
        if self.store is None:
            raise KeyError("no store is open")
        return self.store

    def _settled(self, literal: Literal, home: str, names: Mapping[str, Any]) -> Literal:
        value = changed(literal.value, lambda live: self._shared(live, home, names))
        if value is literal.value:
            return literal
        if type(value) is Literal:
            return replace(value, hash=literal.hash or value.hash)
        return replace(literal, value=value)

    def _shared(self, live: Live, home: str, names: Mapping[str, Any]) -> Value:
        found = codec(live.type)
        if found.settle is settle_object and (one := homed(live.value, home, names)) is not None:
            return one
        if found.settle is None:
            raise TypeTransformerFailedError(f"a {found.name} cannot go to another process")
        return found.settle(live.value, self)

    def _adopt(self, uri: str) -> str:
        digest = digest_of(uri)
        if digest is None or digest not in self._places:
            return uri
        return uri_of(self._real().put(self.open_mapped(digest)))


def _is_bare(literal: Literal) -> bool:
    """Whether a literal is nothing but a number or a short plain text, which frames hold as they are."""
    value = literal.value
    kind = type(value)
    if literal.hash or literal.metadata:
        return False
    if kind is int:
        return -_WORD <= value < _WORD  # type: ignore[operator] # it is an int
    if kind is str:
        return value.isascii() and len(value) < _SHORT  # type: ignore[union-attr, arg-type] # it is a str
    return kind is float or kind is bool or value is None


def _with_addresses(value: Any, change: Callable[[str], str]) -> Any:
    """Rebuild a value with other addresses."""
    kind = type(value)
    if kind is StructuredDataset or kind is Blob:
        return replace(value, uri=change(value.uri))
    if kind is tuple:
        return tuple(_with_addresses(item, change) for item in value)
    if kind is Map:
        return Map({key: _with_addresses(item, change) for key, item in value.items()})
    if kind is Literal or kind is Variant:
        return replace(value, value=_with_addresses(value.value, change))
    return value
