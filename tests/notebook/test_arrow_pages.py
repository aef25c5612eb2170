"""Pages of a frame: the same rows as pandas gives, in small messages, quickly."""

import json
import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.notebook.arrow_pages import MOST_ROWS, Pages, Wanted

FRAME = pd.DataFrame(
    {
        "n": [3, 1, 2, None, 10],
        "word": ["pear", "Apple", None, "fig", "apple pie"],
        "when": pd.to_datetime(["2024-01-03", "2024-01-01", None, "2024-01-02", "2023-12-31"]),
        "mixed": [1, "x", None, 2.5, [1, 2]],
    }
)


def column(page, at=0):
    return [row[at] for row in page["rows"]]


def test_rows_come_in_their_order():
    page = Pages(FRAME).page(Wanted(size=2, page=1))

    assert column(page) == ["2", None]
    assert (page["begin"], page["matched"], page["total"], page["pages"]) == (2, 5, 5, 3)


def test_numbers_are_sorted_as_numbers_and_missing_ones_are_last():
    pages = Pages(FRAME)

    assert column(pages.page(Wanted(sort=0))) == ["1", "2", "3", "10", None]
    assert column(pages.page(Wanted(sort=0, descending=True))) == ["10", "3", "2", "1", None]


def test_not_a_number_is_missing():
    pages = Pages(pa.table({"x": [1.0, float("nan"), 3.0]}))

    assert column(pages.page(Wanted(sort=0, descending=True))) == ["3", "1", "nan"]


def test_text_is_found_in_any_column_in_upper_and_lower_case():
    pages = Pages(FRAME)

    assert column(pages.page(Wanted(text="APPLE")), 1) == ["Apple", "apple pie"]
    assert column(pages.page(Wanted(text="2024-01-0")), 1) == ["pear", "Apple", "fig"]
    assert column(pages.page(Wanted(text="1", column=0)), 0) == ["1", "10"]
    assert pages.page(Wanted(text="nowhere"))["rows"] == []


def test_what_stands_for_something_in_patterns_is_plain_text():
    assert column(Pages(pa.table({"x": ["a.b", "axb"]})).page(Wanted(text="a.b"))) == ["a.b"]


def test_a_filter_and_an_order_go_together():
    page = Pages(FRAME).page(Wanted(text="app", sort=0, descending=True))

    assert column(page, 1) == ["apple pie", "Apple"]


def test_a_page_behind_the_last_is_the_last():
    assert Pages(FRAME).page(Wanted(page=99, size=2))["page"] == 2


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": []}), pl.DataFrame({"a": []}), pa.table({"a": []})])
def test_a_frame_without_rows_has_one_page(frame):
    page = Pages(frame).page(Wanted(sort=0, text="x"))

    assert (page["rows"], page["pages"], page["matched"]) == ([], 1, 0)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"a": [2, 1], "b": [["x"], ["y"]], "c": [{"k": 1}, {"k": 2}]}),
        pd.DataFrame({"a": pd.Categorical(["u", "t"]), "b": [b"\xff", b"x"]}, index=["r", "s"]),
        pd.DataFrame([[2, 3], [1, 4]], columns=["same", "same"]),
        pd.DataFrame({"a": [2**70, 1], "b": [pd.Period("2024-01"), pd.Interval(0, 1)]}),
        pa.record_batch({"a": [2, 1]}),
    ],
)
def test_every_kind_of_column_can_be_sorted_and_filtered(frame):
    pages = Pages(frame)
    for at in range(len(pages.table.schema.names)):
        up, down = (pages.page(Wanted(sort=at, descending=way)) for way in (False, True))
        assert up["rows"] == down["rows"][::-1]
    assert pages.page(Wanted(text="zz"))["matched"] == 0


def test_labels_of_rows_are_a_column():
    pages = Pages(pd.DataFrame({"x": [1, 2]}, index=pd.Index(["r", "s"], name="key")))

    assert pages.table.schema.names == ["key", "x"]


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(allow_nan=False)), st.integers(-9, 9)), max_size=60),
    st.booleans(),
    st.integers(0, 9),
)
def test_order_and_filter_are_those_of_pandas(rows, descending, digit):
    frame = pd.DataFrame(rows, columns=["x", "y"]).astype({"x": "float64"})
    chosen = frame[frame["y"].astype(str).str.contains(str(digit))]
    wanted = chosen.sort_values("x", ascending=not descending, kind="stable", na_position="last")
    page = Pages(frame).page(Wanted(size=200, sort=0, descending=descending, text=str(digit), column=1))

    assert column(page, 1) == [str(y) for y in wanted["y"]]


@given(
    st.dictionaries(
        st.sampled_from(["page", "size", "sort", "descending", "text", "column"]),
        st.one_of(
            st.none(), st.integers(), st.booleans(), st.text(max_size=5), st.floats(), st.lists(st.integers())
        ),
    )
)
def test_any_message_gets_a_page(message):
    page = Pages(FRAME).page(Wanted.of(message, 4))

    assert len(page["rows"]) <= MOST_ROWS


def test_a_page_of_many_rows_takes_less_than_a_tenth_of_a_second_and_little_room():
    random = np.random.default_rng(1)
    count = 336_776
    frame = pd.DataFrame(
        {
            **{f"n{i}": random.integers(0, 3000, count) for i in range(12)},
            **{f"s{i}": random.choice(["EWR", "JFK", "LGA", "N14228"], count) for i in range(4)},
            "t": pd.Timestamp("2013-01-01") + pd.to_timedelta(random.integers(0, 8760, count), "h"),
        }
    )
    pages = Pages(frame)
    asked = [
        Wanted(size=200, page=1000),
        Wanted(size=200, sort=3),
        Wanted(size=200, sort=13, descending=True, page=9),
        Wanted(size=200, text="jfk"),
        Wanted(size=200, text="jfk", sort=5),
    ]
    seconds, sizes = [], []
    for wanted in asked:
        began = time.process_time()
        page = pages.page(wanted)
        seconds.append(time.process_time() - began)
        sizes.append(len(json.dumps(page)))

    assert sorted(seconds)[len(seconds) // 2] < 0.1
    assert max(sizes) < 100_000
