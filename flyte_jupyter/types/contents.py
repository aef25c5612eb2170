"""The hashes of arrays and frames, over the buffers they are made of."""

from collections.abc import Iterator
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load
from flyte_jupyter.types.canonical import content_of, hash_buffers

_FIXED = frozenset("biufcmMSUV")
"""The kinds of arrays whose memory is their content."""


def array_content(value: Any) -> str | None:
    """Hash a NumPy array or scalar; None for what else the library makes."""
    numpy = load("numpy")
    if isinstance(value, numpy.generic):
        return digest(
            "scalar", str(value.dtype), content_of(value.item()) if value.dtype.hasobject else value.tobytes()
        )
    if type(value) is not numpy.ndarray:
        return None
    # A body can ask for the order in memory, and what is kept or sent has the same one.
    order = "F" if value.flags.fnc else ""
    if value.dtype.hasobject or value.dtype.kind not in _FIXED:
        return digest(
            "object array", repr(value.dtype), repr(value.shape) + order, content_of(value.ravel().tolist())
        )
    tag = f"array {value.dtype.descr!r} {value.shape!r}{order}"
    return hash_buffers(tag, [_bytes_of(numpy, value.T if order else value)])


def _bytes_of(numpy: Any, value: Any) -> Any:
    """View the memory of an array, in C order."""
    flat = numpy.ascontiguousarray(value)
    return flat.reshape(-1).view(numpy.uint8) if flat.size else b""


def frame_content(value: Any) -> str | None:
    """Hash a frame or series of pandas or polars, or an Arrow table; None for what else the library makes."""
    library = type(value).__module__.partition(".")[0]
    known = {"pandas": _pandas, "polars": _polars, "pyarrow": _arrow}
    return known[library](value)


def _pandas(value: Any) -> str | None:
    pandas = load("pandas")
    if type(value) is pandas.DataFrame:
        columns = [_series(value.iloc[:, i]._values) for i in range(value.shape[1])]  # noqa: SLF001 - no copy
        return digest("pandas", _axis(value.index), _axis(value.columns), _attrs(value), *columns)
    if type(value) is pandas.Series:
        values = value._values  # noqa: SLF001 - no copy
        return digest("series", _axis(value.index), content_of(value.name), _attrs(value), _series(values))
    return _axis(value) if isinstance(value, pandas.Index) else None


def _attrs(value: Any) -> str:
    flags = value.flags.allows_duplicate_labels
    return content_of((dict(value.attrs), flags)) if value.attrs or not flags else ""


def _axis(index: Any) -> str:
    pandas = load("pandas")
    if type(index) is pandas.RangeIndex:
        return digest("range", *map(str, (index.start, index.stop, index.step)), content_of(index.name))
    names = content_of(list(index.names))
    freq = str(getattr(index, "freq", None))
    if isinstance(index, pandas.MultiIndex):
        levels = [_series(index.get_level_values(i)._values) for i in range(index.nlevels)]  # noqa: SLF001
        return digest("multi", names, *levels)
    return digest("index", type(index).__name__, names, freq, _series(index._values))  # noqa: SLF001


def _series(values: Any) -> str:
    """Hash one column's values: its dtype and its buffers."""
    numpy = load("numpy")
    if isinstance(values, numpy.ndarray):
        return array_content(values) or ""
    kind = type(values).__name__
    if kind in {"DatetimeArray", "TimedeltaArray", "PeriodArray"}:
        return digest(kind, str(values.dtype), array_content(values.asi8) or "")
    if kind == "Categorical":
        ordered = str(values.ordered)
        return digest(kind, ordered, _axis(values.categories), array_content(values.codes) or "")
    if hasattr(values, "_mask") and hasattr(values, "_data"):
        return digest(kind, str(values.dtype), *(array_content(part) or "" for part in _masked(values)))
    if hasattr(values, "__arrow_array__") and hasattr(values, "_pa_array"):
        return digest(kind, str(values.dtype), *_arrow_column(values._pa_array))  # noqa: SLF001 - no copy
    return digest(kind, str(values.dtype), content_of(list(values)))


def _masked(values: Any) -> tuple[Any, Any]:
    """What lies under a mask does not count."""
    data, mask = values._data, values._mask  # noqa: SLF001 - no public way without a copy
    if mask.any():
        data = data.copy()
        data[mask] = 0
    return data, mask


def _polars(value: Any) -> str | None:
    polars = load("polars")
    if not isinstance(value, polars.DataFrame):
        return None
    schema = repr([(name, str(kind)) for name, kind in value.schema.items()])
    return digest("polars", schema, _arrow(value.to_arrow()) or "")


def _arrow(value: Any) -> str | None:
    pyarrow = load("pyarrow")
    if not isinstance(value, pyarrow.Table):
        return None
    columns = [part for column in value.columns for part in _arrow_column(column)]
    return digest("arrow", value.schema.serialize().to_pybytes(), str(value.num_rows), *columns)


def _arrow_column(column: Any) -> Iterator[str]:
    """Hash a column independently of how it is cut into chunks and where they lie in memory."""
    pyarrow = load("pyarrow")
    array = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    if isinstance(array, pyarrow.ChunkedArray):  # too large for one chunk
        array = pyarrow.concat_arrays(array.chunks)
    yield digest("column", str(array.type), str(len(array)), str(array.null_count))
    if array.null_count:
        yield array_content(array.is_null().to_numpy(zero_copy_only=False)) or ""
        array = array.drop_null()
    yield hash_buffers("values", _buffers(pyarrow, array))


def _buffers(pyarrow: Any, array: Any) -> Iterator[Any]:
    numpy, kind = load("numpy"), array.type
    types = pyarrow.types
    if types.is_primitive(kind) and not types.is_boolean(kind):
        width = kind.bit_width // 8
        yield memoryview(array.buffers()[1] or b"")[
            array.offset * width : (array.offset + len(array)) * width
        ]
    elif types.is_boolean(kind):
        yield numpy.packbits(array.to_numpy(zero_copy_only=False))
    elif (
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    ):
        yield from _variable(numpy, array, 8 if "large" in str(kind) else 4)
    else:
        yield _stream(pyarrow, array)


def _variable(numpy: Any, array: Any, width: int) -> Iterator[Any]:
    """View texts or bytes: their relative offsets, and their data."""
    if len(array) == 0:
        return
    _, offsets, data = array.buffers()
    places = numpy.frombuffer(offsets, f"<i{width}")[array.offset : array.offset + len(array) + 1]
    yield (places - places[0]).astype("<i8")
    yield memoryview(data or b"")[int(places[0]) : int(places[-1])]


def _stream(pyarrow: Any, array: Any) -> Any:
    """Write nested and rare types as an IPC stream, which drops offsets."""
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, pyarrow.schema([("c", array.type)])) as stream:
        stream.write_batch(pyarrow.record_batch([array], names=["c"]))
    return sink.getvalue()
