"""Frames come back exactly as they were, from memory and from disk."""

import datetime as dt
from collections import OrderedDict
from typing import Annotated

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import DefinitionError, StoreError, TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine, holding
from flyte_jupyter.types.frame_engine import DataFrameDecoder, DataFrameEncoder, DataFrameTransformerEngine
from flyte_jupyter.types.handles import DataFrame
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.literal import Live, StructuredDataset


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path)


def kept(frame, blobs, kind=None, read_as=None):
    kind = kind or type(frame)
    settled = TypeEngine.settle(TypeEngine.to_literal(frame, kind), blobs)
    with holding(blobs):
        return TypeEngine.to_python_value(settled, read_as or kind), settled


MULTI = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", None])
BASE = {
    "i": [1, 2, 3],
    "f": [1.0, np.nan, -0.0],
    "b": [True, False, True],
    "s": ["a", None, "c"],
    "d": pd.to_datetime(["2020", "2021", None]),
    "c": pd.Categorical(["x", None, "y"], categories=["z", "y", "x"], ordered=True),
}
ATTRS = pd.DataFrame({"a": [1]})
ATTRS.attrs = {"k": [1, {"z": None}]}

EXACT = {
    "usual": pd.DataFrame(BASE),
    "sliced": pd.DataFrame(BASE).iloc[1:],
    "time zone index": pd.DataFrame(
        {"a": [1, 2, 3]}, index=pd.date_range("2020", periods=3, freq="D", tz="Europe/Berlin")
    ),
    "multi index": pd.DataFrame({"a": [1, 2, 3]}, index=MULTI),
    "multi columns": pd.DataFrame(np.eye(3), columns=MULTI),
    "text objects": pd.DataFrame({"o": pd.array(["a", "b", None], dtype=object)}),
    "bytes objects": pd.DataFrame({"o": [b"a", None]}),
    "nullable": pd.DataFrame(
        {
            "i": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "s": pd.array(["a", None, "b"], dtype="string"),
            "p": pd.array(["a", None, "b"], dtype=pd.StringDtype("python")),
            "f": pd.array([1.0, None, 2.0], dtype="Float32"),
            "a": pd.array([1, None, 2], dtype="int64[pyarrow]"),
            "n": pd.array([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        }
    ),
    "numbers": pd.DataFrame(
        {
            "c": np.array([1j, 2, 3]),
            "h": np.array([1, 2, 3], "f2"),
            "u": np.array([1, 2**64 - 1, 3], "u8"),
            "b": np.array([1, 2, 3], "i1"),
        }
    ),
    "times": pd.DataFrame(
        {
            "t": pd.to_timedelta([1, None, 3], unit="s"),
            "p": pd.period_range("2020", periods=3, freq="M"),
            "s": np.array(["2020", "2021", "NaT"], dtype="M8[s]"),
            "z": pd.to_datetime(["2020", "2021", None]).tz_localize("UTC"),
        }
    ),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": np.array([], "i4"), "s": pd.array([], dtype="str")}),
    "no columns": pd.DataFrame(index=[1, 2]),
    "same names": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "number names": pd.DataFrame({0: [1], 5: [2]}),
    "categorical index": pd.DataFrame({"a": [1, 2]}, index=pd.CategoricalIndex(["u", "v"], name="n")),
    "attrs": ATTRS,
    "strided": pd.DataFrame(np.arange(12.0).reshape(4, 3)),
    "no duplicates": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
}
PICKLED = {
    "any objects": pd.DataFrame({"o": [1, "b", (1,)]}),
    "text with NaN": pd.DataFrame({"o": pd.Series(["a", np.nan], dtype=object)}),
    "intervals": pd.DataFrame({"a": pd.interval_range(0, 3)}),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
    "names of two kinds": pd.DataFrame([[1, 2]], columns=["a", 1]),
    "tuple name": pd.DataFrame({"a": [1]}).rename_axis(index=[("x", 1)]),
    "no rows, categories": pd.DataFrame(BASE).iloc[:0],
    "big endian": pd.DataFrame({"a": np.array([1, 2], ">i8")}),
    "lone surrogate": pd.DataFrame({"a": pd.Series(["\ud800"], dtype=object)}),
}


@pytest.mark.parametrize(
    ("frame", "form"),
    [(f, "arrow") for f in EXACT.values()] + [(f, "pickle") for f in PICKLED.values()],
    ids=[*EXACT, *PICKLED],
)
def test_a_pandas_frame_comes_back_exactly(frame, form, blobs):
    found, settled = kept(frame, blobs)

    assert settled.value.format == form
    pd.testing.assert_frame_equal(found, frame, check_freq=True)
    assert found.attrs == frame.attrs
    assert found.flags == frame.flags
    assert [type(a) for a in (found.index, found.columns)] == [type(a) for a in (frame.index, frame.columns)]
    assert identity(TypeEngine.to_literal(found, pd.DataFrame)) == identity(settled)


VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(),
    "b": st.booleans(),
    "s": st.text() | st.none(),
    "o": st.text() | st.none() | st.integers(-9, 9),
    "d": st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)) | st.none(),  # noqa: DTZ001 - naive
}


@settings(max_examples=60)
@given(data=st.data())
def test_any_frame_comes_back(data, tmp_path_factory):
    blobs = BlobStore(tmp_path_factory.getbasetemp() / "frames")
    rows = data.draw(st.integers(0, 5))
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=4))
    columns = {
        f"{k}{i}": data.draw(st.lists(VALUES[k], min_size=rows, max_size=rows)) for i, k in enumerate(kinds)
    }
    frame = pd.DataFrame(columns)

    found, settled = kept(frame, blobs)

    pd.testing.assert_frame_equal(found, frame)
    assert identity(TypeEngine.to_literal(found, pd.DataFrame)) == identity(settled)


def test_a_live_frame_goes_by_reference():
    frame = pd.DataFrame({"a": [1]})
    literal = TypeEngine.to_literal(frame, pd.DataFrame)

    assert isinstance(literal.value, Live)
    assert TypeEngine.to_python_value(literal, pd.DataFrame) is frame


def test_a_frame_that_was_read_can_be_changed_and_the_file_stays(blobs):
    frame = pd.DataFrame(
        {"a": [1, 2], "f": [0.5, 1.5], "t": pd.to_datetime(["2020", "2021"]), "s": ["x", "y"]}
    )
    found, settled = kept(frame, blobs)
    found.loc[0, "a"] = 9
    found["f"] += 1
    found.loc[0, "t"] = pd.Timestamp("1999")
    found.loc[0, "s"] = "changed"
    found["f"].to_numpy(copy=True)[0] = 0
    with holding(blobs):
        again = TypeEngine.to_python_value(settled, pd.DataFrame)

    pd.testing.assert_frame_equal(again, frame)
    assert found["a"].tolist() == [9, 2]


TABLE = pa.table({"a": [1, None], "b": [["x"], []], "c": pa.array(["u", "u"]).dictionary_encode()})
POLARS = pl.DataFrame(
    {
        "a": [1, None],
        "d": [dt.date(2020, 1, 1)] * 2,
        "k": pl.Series(["x", "y"], dtype=pl.Categorical),
        "e": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
        "l": [[1], [2, 3]],
        "s": [{"x": 1}, {"x": 2}],
    }
)


def test_tables_and_polars_frames_come_back(blobs):
    table, _ = kept(TABLE, blobs)
    frame, _ = kept(POLARS, blobs)

    assert table.equals(TABLE)
    assert table.schema == TABLE.schema
    assert frame.equals(POLARS)
    assert frame.schema == POLARS.schema


@pytest.mark.parametrize(
    "source", [pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]})]
)
@pytest.mark.parametrize("target", [pd.DataFrame, pa.Table, pl.DataFrame])
def test_each_library_reads_each_others_frames(source, target, blobs):
    live = TypeEngine.to_python_value(TypeEngine.to_literal(source, type(source)), target)
    written, _ = kept(source, blobs, read_as=target)
    passed = TypeEngine.to_python_value(TypeEngine.to_literal(source, target), target)

    assert type(live) is type(written) is type(passed) is target
    assert all(
        pl.DataFrame(found).to_dict(as_series=False) == {"a": [1, 2]} for found in (live, written, passed)
    )


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_format_that_is_asked_for_is_written(form, blobs):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    found, settled = kept(frame, blobs, Annotated[pd.DataFrame, form])
    path = blobs.path(settled.value.uri.removeprefix("blob://"))

    assert settled.value.format == form
    assert found.equals(frame)
    assert (pq.read_table(path).to_pandas() if form == "parquet" else pd.read_csv(path)).equals(frame)


def test_declared_columns_are_selected_and_typed(blobs):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})
    kind = Annotated[pd.DataFrame, OrderedDict(c=float, a=int)]
    found, settled = kept(frame, blobs, kind)

    assert list(found.columns) == ["c", "a"]
    assert [name for name, _ in settled.value.columns] == ["c", "a"]
    assert TypeEngine.to_literal_type(kind).dataset[1][0][1] == TypeEngine.to_literal_type(float)
    with pytest.raises(TypeTransformerFailedError, match="no column 'z'; it has a, b, c"):
        TypeEngine.to_literal(frame, Annotated[pd.DataFrame, {"z": int}])


def test_a_wrong_value_and_a_lost_or_damaged_file_are_named(blobs):
    settled = TypeEngine.settle(TypeEngine.to_literal(pd.DataFrame({"a": [1]}), pd.DataFrame), blobs)
    digest = settled.value.uri.removeprefix("blob://")
    garbage = blobs.put(b"no frame")

    with pytest.raises(TypeTransformerFailedError, match="expected DataFrame, got 5"):
        TypeEngine.to_literal(5, pd.DataFrame)
    with holding(blobs), pytest.raises(TypeTransformerFailedError, match="cannot be read"):
        TypeEngine.to_python_value(Literal(StructuredDataset(f"blob://{garbage}", "arrow")), pd.DataFrame)
    with holding(blobs), pytest.raises(TypeTransformerFailedError, match="format 'xml'"):
        TypeEngine.to_python_value(Literal(StructuredDataset(f"blob://{garbage}", "xml")), pd.DataFrame)
    blobs.delete(digest)
    with holding(blobs), pytest.raises(StoreError, match="no longer in the store"):
        TypeEngine.to_python_value(settled, pd.DataFrame)


def test_a_handle_opens_as_any_class_also_after_the_run(blobs):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    found, settled = kept(DataFrame.from_df(frame), blobs, DataFrame)

    assert isinstance(found, DataFrame)
    assert found.uri == settled.value.uri
    assert found.open(pd.DataFrame).all_sync().equals(frame)
    assert found.open(pa.Table).all_sync().to_pandas().equals(frame)
    assert TypeEngine.to_python_value(TypeEngine.to_literal(found, pd.DataFrame), pd.DataFrame).equals(frame)


async def test_a_handle_opens_inside_of_a_running_loop(blobs):
    frame = pd.DataFrame({"a": [1, 2]})
    found, _ = kept(frame, blobs, read_as=DataFrame)

    assert (await found.open(pd.DataFrame).all()).equals(frame)
    assert [piece.equals(frame) async for piece in found.iter()] == [True]
    assert (await DataFrame.from_local(frame, columns={"a": int})).all_sync().equals(frame)


def test_a_handle_of_a_file_that_is_there(tmp_path, blobs):
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        handle = DataFrame.from_existing_remote(str(tmp_path / name))
        found, settled = kept(handle, blobs, DataFrame)

        assert settled.value.uri == str(tmp_path / name)
        assert found.open(pd.DataFrame).all_sync().equals(frame)


def test_an_empty_handle_and_a_foreign_value_are_refused():
    with pytest.raises(TypeTransformerFailedError, match="a value or an address"):
        TypeEngine.to_literal(DataFrame(), DataFrame)
    with pytest.raises(TypeTransformerFailedError, match="expected DataFrame, got 5"):
        TypeEngine.to_literal(5, DataFrame)
    with pytest.raises(TypeTransformerFailedError, match="neither a value nor an address"):
        DataFrame().all_sync()


def test_a_hash_of_your_own_stands_for_the_frame():
    frame = DataFrame.from_local_sync(pd.DataFrame({"a": [1]}), hash_method=lambda f: f"rows={len(f)}")

    assert frame.hash == "rows=1"
    assert repr(frame) == "DataFrame(in this process)"


class Rows(list):
    """A frame class of nobody's library."""


class RowsEncoder(DataFrameEncoder):
    def __init__(self):
        super().__init__(Rows, supported_format="rows")

    async def encode(self, dataframe, structured_literal_type):
        import json
        import tempfile

        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            json.dump(dataframe.value, file)
        return StructuredDataset(file.name)


class RowsDecoder(DataFrameDecoder):
    def __init__(self):
        super().__init__(Rows, supported_format="rows")

    def decode(self, flyte_value, current_task_metadata):
        import json
        from pathlib import Path

        return Rows(json.loads(Path(flyte_value.uri).read_text()))


def test_your_own_frames_have_your_own_files(blobs):
    DataFrameTransformerEngine.register(RowsEncoder())
    DataFrameTransformerEngine.register(RowsDecoder())

    found, settled = kept(Rows([1, 2]), blobs, Rows)

    assert found == Rows([1, 2])
    assert type(found) is Rows
    assert settled.value.format == "rows"
    with pytest.raises(DefinitionError, match="Rows has a DataFrameEncoder for the format 'rows' already"):
        DataFrameTransformerEngine.register(RowsEncoder())
    DataFrameTransformerEngine.register(RowsEncoder(), override=True)
