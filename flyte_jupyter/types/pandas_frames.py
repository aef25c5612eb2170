"""pandas frames as Arrow tables and back, exactly: values, dtypes, labels, index, attrs.

A column's buffers go over as they are. What they mean in pandas is a recipe in the table's metadata. A frame
that Arrow cannot hold exactly raises ``Inexact`` and is pickled instead.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from flyte_jupyter.types.pandas_columns import Inexact, codes_of, decoded, dictionary_of, encoded, whole

KEY = b"flyte_jupyter.pandas"
"""Where the recipes are in an Arrow schema's metadata."""

_NAMES = frozenset({str, int, float, bool, type(None)})


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Describe a frame as a table.

    Raises:
        Inexact: it holds what Arrow or the recipes cannot give back exactly.
    """
    if type(frame) is not pd.DataFrame:
        raise Inexact(type(frame).__name__)
    columns = [encoded(frame.iloc[:, i]._values) for i in range(frame.shape[1])]  # noqa: SLF001 - no copy
    index_recipe, index_arrays = _encoded_index(frame.index)
    label_recipe, label_arrays = _encoded_index(frame.columns)
    recipe = {
        "columns": [recipe for recipe, _ in columns],
        "index": index_recipe,
        "labels": label_recipe,
        "label_arrays": _side(label_arrays),
        "attrs": _exact_json(frame.attrs),
        "duplicates": bool(frame.flags.allows_duplicate_labels),
        "rows": len(frame),
    }
    names = [str(label) for label in frame.columns] + [f"__index_{i}__" for i in range(len(index_arrays))]
    arrays = [array for _, array in columns] + index_arrays
    return pa.Table.from_arrays(arrays, names=names).replace_schema_metadata({KEY: json.dumps(recipe)})


def of_arrow(table: pa.Table, memory: memoryview | None = None) -> pd.DataFrame:
    """Rebuild a frame from a table that ``to_arrow`` made.

    Args:
        table: the table.
        memory: the writable memory that the table's buffers are in, so that numbers need no copy.
    """
    recipe = json.loads(table.schema.metadata[KEY])
    wide = len(recipe["columns"])
    values = [decoded(r, table.column(i), memory) for i, r in enumerate(recipe["columns"])]
    index = _decoded_index(recipe["index"], table.columns[wide:], memory)
    labels = _decoded_index(recipe["labels"], _unside(recipe["label_arrays"]), None)
    frame = pd.DataFrame(dict(enumerate(values)), index=index, copy=False)
    frame.columns = labels
    frame.attrs = recipe["attrs"]
    return frame if recipe["duplicates"] else frame.set_flags(allows_duplicate_labels=False)


def _side(arrays: list[Any]) -> str:
    """Write a few arrays as text, to go into metadata."""
    if not arrays:
        return ""
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, names=[str(i) for i in range(len(arrays))])
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def _unside(text: str) -> list[Any]:
    return pa.ipc.open_stream(base64.b64decode(text)).read_all().columns if text else []


def _exact_json(value: Any) -> Any:
    try:
        if json.loads(json.dumps(value)) == value and _json_only(value):
            return value
    except (TypeError, ValueError, RecursionError) as error:
        raise Inexact(repr(error)) from error
    raise Inexact("attrs")


def _json_only(value: Any) -> bool:
    if type(value) is dict:
        return {str}.issuperset(map(type, value)) and all(map(_json_only, value.values()))
    return all(map(_json_only, value)) if type(value) is list else type(value) in _NAMES


def _encoded_index(index: Any) -> tuple[dict[str, Any], list[Any]]:
    names = list(index.names)
    if not _NAMES.issuperset(map(type, names)):
        raise Inexact("names")
    if type(index) is pd.RangeIndex:
        return {"range": [index.start, index.stop, index.step], "names": names}, []
    if type(index) is pd.MultiIndex:
        return _encoded_levels(index, names)
    recipe, array = encoded(index._values)  # noqa: SLF001 - no copy
    freq = getattr(index, "freq", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return {"values": recipe, "names": names, "freq": freq and freq.freqstr}, [array]


def _encoded_levels(index: Any, names: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    levels = [encoded(level._values) for level in index.levels]  # noqa: SLF001 - no copy
    codes = [np.asarray(code) for code in index.codes]
    arrays = [dictionary_of(code, array) for code, (_, array) in zip(codes, levels, strict=True)]
    return {"levels": [recipe for recipe, _ in levels], "names": names}, arrays


def _decoded_index(recipe: dict[str, Any], arrays: Sequence[Any], memory: memoryview | None) -> Any:
    names = recipe["names"]
    if "range" in recipe:
        return pd.RangeIndex(range(*recipe["range"]), name=names[0])
    if "levels" in recipe:
        return _decoded_levels(recipe["levels"], arrays, names)
    values = decoded(recipe["values"], arrays[0], memory)
    index = pd.Index(values, dtype=values.dtype, name=names[0], copy=False)
    if recipe["freq"]:
        index.freq = recipe["freq"]
    return index


def _decoded_levels(recipes: list[dict[str, Any]], arrays: Sequence[Any], names: list[Any]) -> Any:
    wholes = [whole(array) for array in arrays]
    values = [
        decoded(recipe, pa.chunked_array([w.dictionary]), None)
        for recipe, w in zip(recipes, wholes, strict=True)
    ]
    levels = [pd.Index(value, dtype=value.dtype) for value in values]
    return pd.MultiIndex(levels=levels, codes=[codes_of(w) for w in wholes], names=names)
