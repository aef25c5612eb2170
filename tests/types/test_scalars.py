"""Single values: what is accepted, what is converted, what is refused and how it says so."""

from datetime import date, datetime, timedelta, timezone
from enum import IntEnum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine


class Size(IntEnum):
    S = 1


class Text(str):
    __slots__ = ()


def write(value, kind):
    return TypeEngine.to_literal(value, kind).value


@pytest.mark.parametrize(
    ("given_value", "kind", "expected"),
    [
        (5, float, 5.0),
        (np.int64(5), int, 5),
        (np.int8(5), float, 5.0),
        (np.float64(2.5), float, 2.5),
        (np.float32(2.5), float, 2.5),
        (np.bool_(True), bool, True),
        (Size.S, int, 1),
        (Text("a"), str, "a"),
        (np.str_("a"), str, "a"),
    ],
)
def test_what_means_the_same_is_converted(given_value, kind, expected):
    found = write(given_value, kind)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("abc", int, "expected int, got 'abc' (str)"),
        (2.0, int, "expected int, got 2.0 (float)"),
        (True, int, "expected int (a bool is none; annotate bool, or pass int(value)), got True (bool)"),
        (
            True,
            float,
            "expected float (a bool is none; annotate bool, or pass float(value)), got True (bool)",
        ),
        (1, bool, "expected bool, got 1 (int)"),
        (1, str, "expected str, got 1 (int)"),
        (None, int, "expected int, got None"),
        (0, None, "expected None, got 0 (int)"),
        (2**63, int, "expected int of at most 64 bits, got 9223372036854775808 (int)"),
        (10**400, float, "expected float, got "),
        ("2024", datetime, "expected datetime, got '2024' (str)"),
        (datetime(2024, 1, 1), date, "expected date (pass value.date() for the day of an instant), got"),  # noqa: DTZ001 - naive is the case
        (pd.Timestamp(1), datetime, "expected datetime of whole microseconds, got"),
        (pd.Timedelta(1), timedelta, "expected timedelta of whole microseconds, got"),
        (1, timedelta, "expected timedelta, got 1 (int)"),
        (np.array([1]), int, "expected int, got array([1]) (ndarray)"),
    ],
)
def test_a_wrong_type_names_expected_and_actual(value, kind, message):
    with pytest.raises(TypeTransformerFailedError) as error:
        write(value, kind)

    assert str(error.value).startswith(message)


def test_an_error_survives_a_broken_repr():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(TypeTransformerFailedError, match=r"expected int, got .*Broken"):
        write(Broken(), int)


def test_instants_become_utc():
    berlin = timezone(timedelta(hours=2))

    assert write(datetime(2024, 1, 1), datetime).isoformat() == "2024-01-01T00:00:00+00:00"  # noqa: DTZ001 - naive is the case
    assert write(datetime(2024, 1, 1, tzinfo=berlin), datetime).isoformat() == "2023-12-31T22:00:00+00:00"
    assert type(write(pd.Timestamp("2024-01-01"), datetime)) is datetime


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_comes_back(value):
    assert TypeEngine.to_python_value(TypeEngine.to_literal(value, int), int) == value


@pytest.mark.parametrize("kind", [int, float, str, bool, datetime, date, timedelta, bytes, None, list[int]])
@pytest.mark.parametrize("value", ["x", 1, 2.5, True, (1,), (), datetime(2024, 1, 1)])  # noqa: DTZ001 - naive is the case
def test_a_literal_of_another_type_is_our_error_or_a_right_answer(kind, value):
    try:
        found = TypeEngine.to_python_value(Literal(value), kind)
    except TypeTransformerFailedError:
        return
    assert found == value or kind in (date, datetime) or list(found) == list(value)


def test_a_literal_in_a_literal_is_opened():
    assert TypeEngine.to_python_value(Literal(Literal(5, "hash")), int) == 5


def test_only_literals_are_read():
    with pytest.raises(TypeTransformerFailedError, match="expected a Literal, got 5"):
        TypeEngine.to_python_value(5, int)
