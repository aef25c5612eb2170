"""The hash of a Python object's content: the same in every process, different for different content."""

import copyreg
import struct
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types
from xxhash import xxh3_128

from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load
from flyte_jupyter.types.plain import is_plain

Content = Callable[[Any], str]

_FRAMES = {
    "pandas": "frame_content",
    "polars": "frame_content",
    "pyarrow": "frame_content",
    "numpy": "array_content",
}


def content_of(value: Any) -> str:
    """Hash an object's content.

    Raises:
        TypeTransformerFailedError: it holds something that can be neither walked nor pickled.
    """
    try:
        return _content(value)
    except RecursionError:
        return _of_pickle(value)


def _content(value: Any) -> str:
    kind = type(value)
    if kind in _ATOMS:
        return digest(kind.__name__, _ATOMS[kind](value))
    if kind in _CONTAINERS:
        return _of_container(kind, value)
    if isinstance(value, Enum):
        return digest("enum", _path(kind), value.name or repr(value.value))
    return _of_library(value) or _of_object(value)


_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


def _of_container(kind: type, value: Any) -> str:
    if (plain := _plain(value)) is not None:
        return digest(f"plain {kind.__name__}", plain)
    if kind is dict:
        return digest("dict", *(_content(part) for pair in value.items() for part in pair))
    parts = map(_content, value)
    return digest(kind.__name__, *(sorted(parts) if kind in {set, frozenset} else parts))


def _plain(value: Any) -> bytes | None:
    """Pack plain data, which is quick and tells every type and length; None for other values."""
    try:
        return msgpack.packb(value) if is_plain(value) else None
    except ValueError:  # a text that is no Unicode, or nested too deep
        return None


def _of_library(value: Any) -> str | None:
    """Hash arrays and frames over their buffers; only libraries that are loaded can have made the value."""
    top = type(value).__module__.partition(".")[0]
    if top not in _FRAMES or top not in sys.modules:
        return None
    found: str | None = load(f"flyte_jupyter.types.contents:{_FRAMES[top]}")(value)
    return found


def _of_object(value: Any) -> str:
    if isinstance(value, type):
        return digest("class", _path(value))
    if isinstance(value, FunctionType | BuiltinFunctionType | ModuleType):
        return _of_pickle(value)
    if (state := _state(value)) is None:
        return _of_reduced(value)
    parts = (_content(part) for pair in sorted(state.items()) for part in pair)
    return digest("object", _path(type(value)), *parts)


def _of_reduced(value: Any) -> str:
    """Hash what the pickle protocol takes an object apart into.

    Not the pickle itself: its bytes tell which parts were one object, and that is not the same before and
    after a value was kept.
    """
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        found = reduce(value) if reduce is not None else value.__reduce_ex__(4)
    except TypeError:
        return _of_pickle(value)
    if isinstance(found, str):
        return digest("global", _path(type(value)), found)
    maker, args, state, items, pairs = (*found, None, None, None)[:5]
    made = _of_maker(maker)
    if made is None:
        return _of_pickle(value)
    contents = (args, state, list(items or ()), [list(pair) for pair in pairs or ()])
    return digest("reduced", _path(type(value)), made, *map(_content, contents))


def _of_maker(maker: Any) -> str | None:
    """Name what makes an object; None if it is no importable function or class."""
    name = getattr(maker, "__qualname__", "<")
    return None if "<" in name else f"{getattr(maker, '__module__', '')}.{name}"


def _of_pickle(value: Any) -> str:
    return digest("pickle", _path(type(value)), load("flyte_jupyter.types.pickles:pickle_of")(value))


_PICKLING = {"__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__"}


def _state(value: Any) -> dict[str, Any] | None:
    """Return an object's attributes if they are all that it is made of."""
    kind = type(value)
    # Room for a dict and weak references, and nothing else: no slots, no state of an extension type.
    small = kind.__basicsize__ <= object.__basicsize__ + 16 and not kind.__itemsize__
    if not small or any(_PICKLING & base.__dict__.keys() for base in kind.__mro__[:-1]):
        return None
    state = getattr(value, "__dict__", None)
    return state if type(state) is dict and set(map(type, state)) <= {str} else None


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_ATOMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    bool: lambda v: b"%d" % v,
    int: lambda v: b"%x" % v if v >= 0 else b"-%x" % -v,
    float: lambda v: struct.pack("<d", v),
    complex: lambda v: struct.pack("<2d", v.real, v.imag),
    str: lambda v: v.encode(errors="surrogatepass"),
    bytes: bytes,
    bytearray: bytes,
    datetime: lambda v: f"{v.isoformat()}{v.fold}{v.tzinfo!r}".encode(),
    date: lambda v: v.isoformat().encode(),
    time: lambda v: f"{v.isoformat()}{v.fold}{v.tzinfo!r}".encode(),
    timedelta: lambda v: b"%d:%d:%d" % (v.days, v.seconds, v.microseconds),
}


def sorted_items(values: Iterable[Any]) -> list[Any]:
    """Order a set's items in the same way in every process."""
    items = list(values)
    if len({type(item) for item in items}) == 1 and isinstance(items[0], int | float | str | bytes):
        return sorted(items)
    return sorted(items, key=content_of)


def hash_buffers(tag: str, buffers: Iterable[Any]) -> str:
    """Hash memory at memory speed; each buffer is prefixed with its length."""
    h = xxh3_128(tag.encode())
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        h.update(struct.pack("<q", len(view)))
        h.update(view)
    return h.hexdigest()
