"""A digest of any captured value by its content, the same in every process.

Code inside a value (a function in a dict, the class of an object) is not hashed here: ``refer`` names it, and
whoever walks the code makes it a part of its own.
"""

import _thread
import copyreg
import functools
import hashlib
import marshal
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from flyte_jupyter.tasks.slicing import buffers
from flyte_jupyter.tasks.slicing.held import Held

Refer = Callable[[object], str | None]
"""Name a function, class, module or task met inside a value; None for data."""

PRIMITIVES = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)}
)
_FLAT = frozenset({type(None), bool, int, float, str, bytes})
_LOCKS = (_thread.LockType, _thread.RLock)


class OpaqueError(Exception):
    """The value has no content that can be hashed; the message says what it is."""


def fingerprint(value: object, refer: Refer) -> str:
    """Hash a value by content.

    Raises:
        OpaqueError: it, or something inside it, cannot be told from another of its kind.
    """
    writer = Writer(refer)
    try:
        writer.add(value)
    except RecursionError as error:
        raise OpaqueError(f"{type(value).__name__} nested too deeply") from error
    return writer.digest()


class Writer:
    """Writes values into one hash, each with its kind and length, so that no two values look alike."""

    __slots__ = ("_hash", "_open", "_refer")

    def __init__(self, refer: Refer, opened: dict[int, int] | None = None) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._refer = refer
        self._open = opened if opened is not None else {}

    def digest(self) -> str:
        """Give the digest of what was added."""
        return self._hash.hexdigest()

    def put(self, kind: str, data: bytes | str | memoryview = b"") -> None:
        """Add plain bytes or text under a kind."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        size = raw.nbytes if isinstance(raw, memoryview) else len(raw)
        self._hash.update(f"{kind} {size}:".encode())
        self._hash.update(raw)

    def add(self, value: object) -> None:
        """Add a value of any type."""
        cls = type(value)
        if cls in PRIMITIVES:
            self.put("primitive", _plain(value))
            return
        token = self._refer(value) if cls not in _CONTAINERS else None
        if token is not None:
            self.put("code", token)
            return
        depth = self._open.get(id(value))
        if depth is not None:
            self.put("loop", str(depth))
            return
        self._open[id(value)] = len(self._open)
        try:
            _writer_for(cls)(self, value)
        finally:
            del self._open[id(value)]

    def each(self, kind: str, items: Iterable[object], size: int) -> None:
        """Add items in their order; flat ones at once."""
        kept = items if isinstance(items, list | tuple) else list(items)
        if len(kept) > 8 and set(map(type, kept)) <= _FLAT:  # noqa: PLR2004 - below, a call costs more
            self.put(f"{kind} of plain", marshal.dumps(list(kept), 2))
            return
        self.put(kind, str(size))
        for item in kept:
            self.add(item)

    def unordered(self, kind: str, items: Iterable[object]) -> None:
        """Add items whose order differs between processes."""
        digests = []
        for item in items:
            part = Writer(self._refer, self._open)
            part.add(item)
            digests.append(part.digest())
        self.put(kind, " ".join(sorted(digests)))

    def named(self, kind: str, attributes: dict[Any, Any]) -> None:
        """Add attributes, whose order does not matter."""
        self.put(kind, str(len(attributes)))
        for name in sorted(attributes, key=str):
            self.put("name", str(name))
            self.add(attributes[name])

    def kind(self, cls: type) -> None:
        """Add a type, with the package or class that it comes from."""
        self.put("type", self._refer(cls) or f"{cls.__module__}.{cls.__qualname__}")


def _plain(value: Any) -> bytes:
    if value is Ellipsis or value is NotImplemented:
        return repr(value).encode()
    return marshal.dumps(value, 2)  # version 2 writes neither sharing nor interning


def _list(writer: Writer, value: Any) -> None:
    writer.each(type(value).__name__, value, len(value))


def _mapping(writer: Writer, value: Any) -> None:
    writer.put(type(value).__name__, str(len(value)))
    writer.each("keys", list(value), len(value))
    writer.each("values", list(value.values()), len(value))


def _set(writer: Writer, value: Any) -> None:
    writer.unordered(type(value).__name__, value)


def _bytes(writer: Writer, value: Any) -> None:
    writer.put(type(value).__name__, bytes(value))


def _lock(writer: Writer, value: Any) -> None:
    """A lock guards values but is none: any other does as well."""
    writer.put("lock", type(value).__name__)


def _context_variable(writer: Writer, value: Any) -> None:
    writer.put("context variable", value.name)


def _partial(writer: Writer, value: Any) -> None:
    writer.kind(type(value))
    writer.add(value.func)
    writer.each("args", value.args, len(value.args))
    _mapping(writer, value.keywords)


def _property(writer: Writer, value: Any) -> None:
    writer.each("property", [value.fget, value.fset, value.fdel], 3)


def _unwrapped(writer: Writer, value: Any) -> None:
    writer.kind(type(value))
    writer.add(value.__func__)


def _reduced(writer: Writer, value: Any) -> None:
    """Add what pickle would keep, without pickle's own bytes, which differ from process to process."""
    cls = type(value)
    try:
        reducer = copyreg.dispatch_table.get(cls)
        reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except RecursionError:
        raise
    except Exception as error:
        raise OpaqueError(f"{cls.__module__}.{cls.__qualname__} ({error})") from error
    writer.kind(cls)
    if isinstance(reduced, str):
        writer.put("global", f"{getattr(value, '__module__', '')}.{reduced}")
        return
    func, args, state, items, pairs = (*reduced, None, None, None)[:5]
    writer.add(func)
    writer.add(args)
    _state(writer, state)
    if items is not None:
        writer.each("items", list(items), 0)
    if pairs is not None:
        writer.add(list(pairs))


def _state(writer: Writer, state: Any) -> None:
    if type(state) is dict:
        writer.named("state", state)
    elif type(state) is tuple and len(state) == 2 and all(s is None or type(s) is dict for s in state):  # noqa: PLR2004 - __dict__ and slots
        for attributes in state:
            writer.named("state", attributes or {})
    else:
        writer.add(state)


_CONTAINERS: dict[type, Callable[[Writer, Any], None]] = {
    list: _list,
    tuple: _list,
    dict: _mapping,
    set: _set,
    frozenset: _set,
    bytearray: _bytes,
    memoryview: _bytes,
}
_SPECIAL: dict[type, Callable[[Writer, Any], None]] = {
    MappingProxyType: _mapping,
    functools.partial: _partial,
    property: _property,
    staticmethod: _unwrapped,
    classmethod: _unwrapped,
    ContextVar: _context_variable,
    **dict.fromkeys(_LOCKS, _lock),
}
_writers = Held(1024)


def _writer_for(cls: type) -> Callable[[Writer, Any], None]:
    plain = _CONTAINERS.get(cls) or _SPECIAL.get(cls)
    if plain is not None:
        return plain
    found: Callable[[Writer, Any], None] = _writers.once(cls, lambda: buffers.writer_for(cls) or _reduced)
    return found
