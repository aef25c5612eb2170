"""How arrays and frames are hashed: by their memory, at its speed."""

import sys
from collections.abc import Callable
from typing import Any, Protocol

from flyte_jupyter.loading import load

_LARGE = 1 << 16


class Sink(Protocol):
    """What the parts of an array or frame are written to."""

    def put(self, kind: str, data: bytes | str | memoryview = b"") -> None:
        """Add plain bytes or text under a kind."""

    def add(self, value: object) -> None:
        """Add a value of any type."""

    def kind(self, cls: type) -> None:
        """Add a type."""


Write = Callable[[Any, Any], None]


def writer_for(cls: type) -> Write | None:
    """Give the way to write arrays and frames of a type, None for other types; imports nothing."""
    for module, name, write in _KNOWN:
        loaded = sys.modules.get(module)
        kind = getattr(loaded, name, None)
        if isinstance(kind, type) and cls is kind:
            return write
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(cls, numpy.generic):
        return _scalar
    pandas = sys.modules.get("pandas")
    return _index if pandas is not None and issubclass(cls, pandas.Index) else None


def raw(sink: Sink, kind: str, data: memoryview) -> None:
    """Add memory: as it is, or by its fast hash if it is large."""
    flat = data.cast("B") if data.nbytes else memoryview(b"")
    if flat.nbytes < _LARGE:
        sink.put(kind, flat)
    else:
        sink.put(f"{kind} of {flat.nbytes}", load("xxhash:xxh3_128")(flat).digest())


def _array(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    order = "F" if value.flags.fnc else ""
    sink.put("array", f"{value.dtype!r} {value.dtype.str} {value.shape}{order}")
    if value.dtype.hasobject:
        sink.add(value.ravel().tolist())
        return
    value = value.T if order else value
    flat = value if value.flags.c_contiguous else load("numpy:ascontiguousarray")(value)
    raw(sink, "memory", memoryview(flat.reshape(-1).view("u1")) if flat.size else memoryview(b""))


def _scalar(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    sink.put("scalar", f"{value.dtype!r} {value.dtype.str}")
    sink.add(value.item()) if value.dtype.hasobject else sink.put("memory", value.tobytes())


def _column(sink: Sink, value: Any) -> None:
    """Add a pandas array, of numpy's types or of its own."""
    numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
    if isinstance(value, pandas.arrays.NumpyExtensionArray):
        value = value.to_numpy()
    if type(value) is numpy.ndarray:
        _array(sink, value)
    elif isinstance(value, pandas.Categorical):
        sink.put("categorical", str(value.ordered))
        _array(sink, value.codes)
        _index(sink, value.categories)
    elif isinstance(value, pandas.arrays.DatetimeArray | pandas.arrays.TimedeltaArray):
        sink.put("times", str(value.dtype))
        _array(sink, value.view("i8"))
    else:
        sink.put("extension", f"{type(value).__name__} {value.dtype!r}")
        _extension(sink, value)


def _extension(sink: Sink, value: Any) -> None:
    arrow = load("pyarrow")
    try:
        chunks = arrow.array(value)
    except (TypeError, ValueError, NotImplementedError, arrow.ArrowException):
        sink.add(list(value))
        return
    _arrow_table(sink, arrow.table({"": chunks}))


def _index(sink: Sink, value: Any) -> None:
    pandas = sys.modules["pandas"]
    sink.kind(type(value))
    sink.add(list(value.names))
    if isinstance(value, pandas.RangeIndex):
        sink.put("range", f"{value.start} {value.stop} {value.step}")
    elif isinstance(value, pandas.MultiIndex):
        for codes, level in zip(value.codes, value.levels, strict=True):
            _array(sink, codes)
            _index(sink, level)
    else:
        sink.put("frequency", str(getattr(value, "freqstr", None)))
        _column(sink, value.array)


def _series(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    sink.add(value.name)
    sink.add(value.attrs)
    _index(sink, value.index)
    _column(sink, value.array)


def _frame(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    sink.put("frame", str(value.shape))
    sink.add(value.attrs)
    _index(sink, value.columns)
    _index(sink, value.index)
    for at in range(value.shape[1]):
        _column(sink, value.iloc[:, at].array)


class _Memory:
    """A file that keeps only the hash of what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hash = load("xxhash:xxh3_128")()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return int(memoryview(data).nbytes)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""


def _arrow_table(sink: Sink, value: Any) -> None:
    """Add a table as a stream of one batch: padding is zero there and slices are cut."""
    memory = _Memory()
    table = value.combine_chunks()
    with load("pyarrow.ipc:new_stream")(memory, table.schema) as stream:
        stream.write_table(table)
    sink.kind(type(value))
    sink.put("arrow", memory.hash.digest())


def _arrow_batch(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    _arrow_table(sink, load("pyarrow:Table").from_batches([value]))


def _arrow_column(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    _arrow_table(sink, load("pyarrow:table")({"": value}))


def _polars_frame(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    _arrow_table(sink, value.to_arrow())


def _polars_series(sink: Sink, value: Any) -> None:
    sink.kind(type(value))
    _arrow_table(sink, value.to_frame().to_arrow())


_KNOWN: tuple[tuple[str, str, Write], ...] = (
    ("numpy", "ndarray", _array),
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pyarrow", "Table", _arrow_table),
    ("pyarrow", "RecordBatch", _arrow_batch),
    ("pyarrow", "ChunkedArray", _arrow_column),
    ("polars", "DataFrame", _polars_frame),
    ("polars", "Series", _polars_series),
)
