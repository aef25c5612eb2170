"""Frames at a glance: the same of every library, bounded, and honest about what is left out."""

# ruff: noqa: RUF001 - the signs are part of what is shown

import datetime as dt
import decimal

import lab_sanitiser
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flyte_jupyter.notebook.render.frames import LIMIT, frame_preview, frame_text
from flyte_jupyter.notebook.render.shapes import BINS, shape_of, shown

ROWS = 5_000
DATA = {
    "carrier": ["UA", "AA", "B6", "DL", None] * (ROWS // 5),
    "delay": [float(i % 59) for i in range(ROWS)],
    "day": [dt.date(2013, 1, 1) + dt.timedelta(days=i % 365) for i in range(ROWS)],
    "late": [i % 4 == 0 for i in range(ROWS)],
}
LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}


def words(html):
    return " ".join(" ".join(lab_sanitiser.read(html).text).split())


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_shows_the_same(library):
    told = words(frame_preview(LIBRARIES[library](DATA)))

    assert f"Showing 20 of 5,000 rows and 4 columns ({library})" in told
    for fact in ("· 20 % null", "0 – 58", "2013-01-01 – 2013-12-31", "False 75 %", "UA 25 %", "null"):
        assert fact in told


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_preview_holds_in_an_untrusted_notebook(library, snapshot):
    html = frame_preview(LIBRARIES[library](DATA), rows=3)

    assert lab_sanitiser.read(html).lost == []
    snapshot(html, f"frame_{library}.html")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_without_rows_or_columns_has_a_preview(library):
    empty = LIBRARIES[library](DATA)[:0]

    assert "0 rows and 4 columns" in words(frame_preview(empty))
    assert "0 columns" in words(frame_preview(LIBRARIES[library]({})))


def test_a_large_frame_is_a_small_preview():
    wide = pd.DataFrame({f'"<{i}>' * 20: ['"' * 5_000] * 50 for i in range(500)})
    html = frame_preview(wide)

    assert len(html.encode()) <= LIMIT
    assert "of 500 columns" in words(html)


def test_names_and_values_are_escaped():
    html = frame_preview(pd.DataFrame({"<script>": ["<img src=x onerror=alert(1)>"]}))

    assert lab_sanitiser.read(html).lost == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_doubled_names_and_labels_of_rows_are_shown():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"], index=pd.Index(["one", "two"], name="which"))
    told = words(frame_preview(frame))

    assert "which x int64" in told
    assert "two 3 4" in told


def test_values_of_any_kind_are_shown():
    class Bad:
        def __str__(self):
            raise RuntimeError

    values = [
        float("nan"),
        float("inf"),
        b"\x00",
        [1, 2],
        {"a": 1},
        decimal.Decimal("1.5"),
        Bad(),
        "\ud800",
        None,
    ]
    html = frame_preview(pd.DataFrame({"x": pd.Series(values, dtype=object)}))

    assert "&lt;Bad&gt;" in html
    html.encode()


@pytest.mark.parametrize("strange", [pl.LazyFrame({"a": [1]}), [1, 2], None, {"a": [1]}])
def test_what_is_no_frame_in_memory_is_refused(strange):
    with pytest.raises(TypeError, match="no preview of a"):
        frame_preview(strange)


def test_nanoseconds_that_python_cannot_hold_are_shown():
    table = pa.table({"t": pa.array([1_000_000_001], pa.timestamp("ns"))})

    assert "1970-01-01 00:00:01.000000001" in words(frame_preview(table))


def test_text_for_a_terminal():
    assert frame_text(pd.DataFrame({"name": ["a", "b"], "n": [1, 10]})) == (
        "name   n\na      1\nb     10\n2 rows and 2 columns (pandas)"
    )


@pytest.mark.parametrize(
    ("values", "brief"),
    [
        ([], "no values"), ([None], "no values"), ([3, 3], "only 3"), ([1, 2.5], "1 – 2.5"),
        ([2013, 2014], "2013 – 2014"),
        ([12_345, 20_000], "12,345 – 20,000"), (["a"], "only a"), (list("abcdef"), "all different"),
        ([True, False], "True 50 %, False 50 %"), (["x"] * 9 + list("abc"), "x 75 % of 4 values"),
        ([1e308, -1e308], "-1e+308 – 1e+308"), ([float("inf"), 1.0], "only 1"), ([1, "a"], "1 50 %, a 50 %"),
    ],
)  # fmt: skip
def test_columns_are_told_in_a_few_words(values, brief):
    assert shape_of(values).brief == brief


def test_counts_from_a_sample_are_told_as_such():
    assert shape_of(list("aabbccdd"), sampled=True).brief == "a 25 % of 4+ values"
    assert shape_of(list("abcdef"), sampled=True).brief == "mostly different"


def test_every_value_falls_in_a_bin():
    assert sum(shape_of(list(range(1_000))).bars) == 1_000
    assert len(shape_of([1, 2]).bars) == BINS


def test_floats_are_short_in_cells():
    assert shown(0.1 + 0.2, 40) == "0.3"
