"""Numbers with units, clipped and cleaned words, and text in columns."""

# ruff: noqa: RUF001 - the signs are part of what is shown

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.notebook.render.text import (
    ago,
    clean,
    columns,
    duration,
    moment,
    number,
    plural,
    shorten,
    size,
    table,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"), (-1, "< 1 ms"), (0.0004, "< 1 ms"), (0.0123, "12 ms"), (0.9996, "1.00 s"),
        (4.206, "4.21 s"), (9.996, "10.0 s"), (42.06, "42.1 s"), (59.97, "1 min 00 s"), (185, "3 min 05 s"),
        (3599.7, "1 h 00 min"), (7620, "2 h 07 min"), (273_600, "3 d 4 h"), (1e9, "11,574 d 1 h"),
    ],
)  # fmt: skip
def test_durations_are_told_in_their_unit(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (999_960, "1.0 MB"), (45_230_000, "45.2 MB"),
     (123_400_000, "123 MB"), (5 * 10**18, "5,000 PB")],
)  # fmt: skip
def test_sizes_are_told_in_powers_of_a_thousand(count, said):
    assert size(count) == said


def test_ages_are_told_in_whole_units():
    assert [ago(0, t) for t in (-5, 30, 185, 7300, 400_000)] == [
        "just now", "just now", "3 min ago", "2 h ago", "4 d ago",
    ]  # fmt: skip


def test_moments_are_told_in_the_given_zone():
    assert moment(1_793_700_131.9, UTC) == "2026-11-03 10:02:11"


def test_numbers_and_counts():
    assert [number(1_234_567), number(2.0), number(3.14159)] == ["1,234,567", "2", "3.142"]
    assert [plural(1, "action"), plural(2_000, "action")] == ["1 action", "2,000 actions"]


@given(st.text(st.characters(codec=None)), st.integers(2, 30))
def test_any_text_fits_on_one_line_and_encodes(text, limit):
    short = shorten(text, limit)

    assert len(short) <= limit
    assert "\n" not in short
    short.encode()
    clean(text).encode()


@pytest.mark.parametrize("unfit", ["\x00", "\x1b", "\x9b", "\u202e", "\u2066", "\ud800", "\uffff"])
def test_what_could_upset_a_page_is_replaced(unfit):
    assert clean(f"a{unfit}b\n\t") == "a\ufffdb\n\t"


def test_a_table_has_aligned_columns():
    said = table(["task", "runs"], [["train", 9], ["日本", 100]], right=[1])

    assert said == "task   runs\ntrain     9\n日本    100"
    assert {columns(row) for row in said.splitlines()} == {11}
