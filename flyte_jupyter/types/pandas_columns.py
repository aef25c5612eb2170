"""One pandas column's values as an Arrow array and back, exactly."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

_TEXT: tuple[frozenset[type], ...] = (frozenset({str}), frozenset({str, type(None)}))


_BYTES: tuple[frozenset[type], ...] = (frozenset({bytes}), frozenset({bytes, type(None)}))


class Inexact(Exception):  # noqa: N818 - says what the frame is
    """Arrow would give the frame back changed."""


def encoded(values: Any) -> tuple[dict[str, Any], Any]:
    """Describe one column's values; the recipe must give the same dtype back."""
    try:
        recipe, array = _of_numpy(values) if isinstance(values, np.ndarray) else _of_extension(values)
        again = decoded(recipe, pa.chunked_array([array[:0]], type=array.type), None)
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError) as error:
        raise Inexact(repr(error)) from error
    if type(again) is not type(values) or again.dtype != values.dtype:
        raise Inexact(str(values.dtype))
    return recipe, array


def _of_numpy(values: Any) -> tuple[dict[str, Any], Any]:
    dtype = values.dtype
    if values.ndim != 1 or not dtype.isnative:
        raise Inexact(str(dtype))
    if dtype.kind == "O":
        return {"object": True}, _of_objects(values)
    if dtype.kind == "b":
        return {"numpy": dtype.str}, pa.array(values)
    if dtype.kind in "iuf" and dtype.itemsize <= 8:  # noqa: PLR2004 - wider floats are the machine's own
        return {"numpy": dtype.str}, _raw(pa.from_numpy_dtype(dtype), values)
    if dtype.kind == "c":
        return {"numpy": dtype.str}, _raw(pa.binary(dtype.itemsize), values)
    raise Inexact(str(dtype))


def _raw(kind: Any, values: Any, mask: Any = None) -> Any:
    """Take a column's memory as it is, without a copy where it is contiguous."""
    memory: Any = np.ascontiguousarray(values)
    data = pa.py_buffer(memory)
    valid = None if mask is None else pa.array(~mask).buffers()[1]
    return pa.Array.from_buffers(kind, len(values), [valid, data])


def _of_objects(values: Any) -> Any:
    items = values.tolist()
    kinds = frozenset(map(type, items))
    if kinds in _TEXT or not kinds:
        return pa.array(items, type=pa.large_string())
    if kinds in _BYTES:
        return pa.array(items, type=pa.large_binary())
    raise Inexact("object")


def _of_extension(values: Any) -> tuple[dict[str, Any], Any]:
    kind, dtype = type(values).__name__, values.dtype
    if kind in {"DatetimeArray", "TimedeltaArray"}:
        return _of_times(values)
    if kind == "PeriodArray":
        return {"period": str(dtype)}, _raw(pa.int64(), values.asi8)
    if kind == "Categorical":
        return _of_categories(values)
    if isinstance(dtype, pd.ArrowDtype):
        return {"arrow": True}, whole(values._pa_array)  # noqa: SLF001 - no copy
    if isinstance(dtype, pd.StringDtype):
        recipe = {"string": dtype.storage, "na": "nan" if dtype.na_value is not pd.NA else "NA"}
        array = values._pa_array if hasattr(values, "_pa_array") else _of_strings(values)  # noqa: SLF001 - no copy
        return recipe, whole(array)
    if hasattr(values, "_mask") and hasattr(values, "_data"):
        return {"masked": dtype.name}, pa.array(values._data, mask=values._mask)  # noqa: SLF001 - no public way
    raise Inexact(str(dtype))


def _of_strings(values: Any) -> Any:
    return pa.array(values.to_numpy(object, na_value=None).tolist(), type=pa.large_string())


def _of_times(values: Any) -> tuple[dict[str, Any], Any]:
    dtype, mask = values.dtype, values.isna()
    unit, tz = values.unit, getattr(dtype, "tz", None)
    if tz is not None and pd.DatetimeTZDtype(unit, str(tz)) != dtype:
        raise Inexact(repr(tz))
    is_time = type(values).__name__ == "DatetimeArray"
    kind = pa.timestamp(unit, None if tz is None else str(tz)) if is_time else pa.duration(unit)
    recipe = {"time": unit, "tz": None if tz is None else str(tz)} if is_time else {"duration": unit}
    return recipe, _raw(kind, values.asi8, mask if mask.any() else None)


def _of_categories(values: Any) -> tuple[dict[str, Any], Any]:
    categories = values.categories
    if type(categories).__name__ == "MultiIndex" or categories.name is not None:
        raise Inexact("categories")
    recipe, dictionary = encoded(categories._values)  # noqa: SLF001 - no copy
    return (
        {"categories": recipe, "ordered": bool(values.ordered)},
        dictionary_of(values.codes, dictionary, ordered=bool(values.ordered)),
    )


def dictionary_of(codes: Any, dictionary: Any, *, ordered: bool = False) -> Any:
    """Make a dictionary array of codes; -1 is missing."""
    if not len(codes):
        raise Inexact("a file without rows would lose the categories")
    indices = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=ordered)


def whole(column: Any) -> Any:
    """Join a column's chunks."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    array: Any = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def codes_of(array: Any) -> Any:
    """Read the codes of a dictionary array."""
    return array.indices.fill_null(-1).to_numpy(zero_copy_only=False)


def decoded(recipe: dict[str, Any], column: Any, memory: memoryview | None) -> Any:
    """Rebuild one column's values."""
    if "numpy" in recipe:
        return _numbers(np.dtype(recipe["numpy"]), column, memory)
    if "object" in recipe:
        found = column.to_numpy()
        return found if found.dtype == object else found.astype(object)
    if "time" in recipe or "duration" in recipe:
        return _times(recipe, column, memory)
    if "period" in recipe:
        return pd.arrays.PeriodArray(_numbers(np.dtype("i8"), column, memory), dtype=recipe["period"])
    if "categories" in recipe:
        return _categories(recipe, column)
    return _extension(recipe, column)


def _extension(recipe: dict[str, Any], column: Any) -> Any:
    if "arrow" in recipe:
        return pd.arrays.ArrowExtensionArray(column)
    if "string" in recipe:
        dtype: Any = pd.StringDtype(recipe["string"], na_value=np.nan if recipe["na"] == "nan" else pd.NA)
        return dtype.__from_arrow__(column)
    masked: Any = pd.api.types.pandas_dtype(recipe["masked"])
    return masked.__from_arrow__(column)


def _times(recipe: dict[str, Any], column: Any, memory: memoryview | None) -> Any:
    unit = recipe.get("time") or recipe["duration"]
    code = "m8" if "duration" in recipe else "M8"
    numbers = _numbers(np.dtype("i8"), column, memory)
    if column.null_count:
        numbers = np.where(column.is_null().to_numpy(), np.iinfo("i8").min, numbers)
    values = numbers.view(f"{code}[{unit}]")
    if recipe.get("tz") is None:
        return pd.array(values, dtype=values.dtype, copy=False)
    return pd.arrays.DatetimeArray._simple_new(values, dtype=pd.DatetimeTZDtype(unit, recipe["tz"]))  # type: ignore[attr-defined]  # noqa: SLF001 - the public one converts


def _categories(recipe: dict[str, Any], column: Any) -> Any:
    array = whole(column)
    values = decoded(recipe["categories"], pa.chunked_array([array.dictionary]), None)
    categories = pd.Index(values, dtype=values.dtype)
    dtype = pd.CategoricalDtype(categories, ordered=recipe["ordered"])
    return pd.Categorical.from_codes(codes_of(array), dtype=dtype, validate=False)


def _numbers(dtype: Any, column: Any, memory: memoryview | None) -> Any:
    """View a column of numbers in the memory that it lies in; copy only what lies elsewhere."""
    if dtype.kind == "b":
        return column.to_numpy()
    parts = [_part(dtype, chunk, memory) for chunk in column.chunks if len(chunk)]
    if len(parts) == 1:
        return parts[0] if parts[0].flags.writeable else parts[0].copy()
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _part(dtype: Any, chunk: Any, memory: memoryview | None) -> Any:
    data = chunk.buffers()[1]
    start = chunk.offset * dtype.itemsize
    if memory is not None:
        place = data.address - pa.py_buffer(memory).address
        if 0 <= place <= len(memory) - data.size:
            return np.frombuffer(memory, dtype, len(chunk), place + start)
    return np.frombuffer(data, dtype, len(chunk), start)
