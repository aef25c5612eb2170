"""Lists, maps and unions."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, NewType, Optional, TypeVar, Union

import pytest

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine
from flyte_jupyter.types.literal import Map, Variant


def there_and_back(value, kind):
    return TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)


class Color(Enum):
    RED = "r"


def test_a_list_is_one_tuple_and_a_map_one_map():
    assert TypeEngine.to_literal([1, 2], list[int]).value == (1, 2)
    assert TypeEngine.to_literal({"a": 1}, dict[str, int]).value == Map(a=1)


def test_a_list_is_copied_on_its_way():
    mine = [[1]]
    found = there_and_back(mine, list[list[int]])
    found[0].append(2)

    assert mine == [[1]]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ([1, "x"], list[int], "item 1: expected int, got 'x' (str)"),
        ([[1], [2, None]], list[list[int]], "item 1: item 1: expected int, got None"),
        ([2**64], list[int], "item 0: expected int of at most 64 bits"),
        ([True], list[int], "item 0: expected int (a bool is none"),
        ("ab", list[str], "expected list[str], got 'ab' (str)"),
        ({1}, list[int], "expected list[int], got {1} (set)"),
        ({"a": "x"}, dict[str, int], "key 'a': expected int, got 'x' (str)"),
        ({1: 2}, dict[str, int], "key: expected str, got 1 (int)"),
        ([1], dict[str, int], "expected dict[str, int], got [1] (list)"),
        ((1,), tuple[int, str], "expected tuple[int, str], got a tuple of 1"),
        ((1, 2), tuple[int, str], "tuple[int, str].item_1: expected str, got 2 (int)"),
        ([1, "a"], tuple[int, str], "expected tuple[int, str], got [1, 'a'] (list)"),
        ({1.5}, set[int], "expected int, got 1.5 (float)"),
        (1.5, int | str, "expected int | str, got 1.5 (float)"),
        ("c", __import__("typing").Literal["a", "b"], "expected one of 'a', 'b', got 'c' (str)"),
    ],
)
def test_errors_name_the_place(value, kind, message):
    with pytest.raises(TypeTransformerFailedError) as error:
        TypeEngine.to_literal(value, kind)

    assert str(error.value).startswith(message)


def test_integers_in_a_list_of_floats_become_floats():
    found = there_and_back([1, 2.5], list[float])

    assert [type(item) for item in found] == [float, float]


@pytest.mark.parametrize(
    ("value", "kind", "number"),
    [
        (5, float | int, 1),
        (5.0, int | float, 1),
        (True, int | bool, 1),
        ("RED", Color | str, 1),
        ("RED", Color | int, 0),
        ("r", Color | int, 0),
        (5, float | str, 0),
        ([], list[int] | list[str], 0),
        (["a"], list[int] | list[str], 1),
        (None, int | None, 1),
        ({"a": 1}, dict[str, int] | Any, 0),
        (datetime(2024, 1, 1), str | datetime, 1),  # noqa: DTZ001 - naive is the case
    ],
)
def test_the_exact_variant_wins_else_the_first_that_accepts(value, kind, number):
    literal = TypeEngine.to_literal(value, kind)

    assert isinstance(literal.value, Variant)
    assert literal.value.type is TypeEngine.to_literal_type(kind).union[number]


def test_a_variant_keeps_its_type():
    found = there_and_back([1, 1.0, "1", True], list[int | float | str | bool])

    assert [type(item) for item in found] == [int, float, str, bool]


def test_a_union_reads_a_bare_value():
    assert TypeEngine.to_python_value(Literal("x"), int | str) == "x"


def test_the_order_of_variants_is_kept_although_python_calls_them_equal():
    assert (int | None) == (None | int)
    assert [v.tag for v in TypeEngine.to_literal_type(int | None).union] == ["int", "none"]
    assert [v.tag for v in TypeEngine.to_literal_type(None | int).union] == ["none", "int"]
    assert [v.tag for v in TypeEngine.to_literal_type(list[int | None]).collection.union] == ["int", "none"]
    assert [v.tag for v in TypeEngine.to_literal_type(list[None | int]).collection.union] == ["none", "int"]  # noqa: RUF036 - its order is the case


UserId = NewType("UserId", int)
T = TypeVar("T")
N = TypeVar("N", bound=int)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (list[int], list[int]),
        (dict[str, int], dict[str, int]),
        (Optional[int], int | None),
        (Union[int, str], int | str),
        (UserId, int),
        (N, int),
        (Annotated[int, "note"], int),
        (Annotated[list[Annotated[int, ["unhashable"]]], {}], list[int]),
    ],
)
def test_spellings_of_one_type_are_one_type(kind, plain):
    assert TypeEngine.to_literal_type(kind) == TypeEngine.to_literal_type(plain)


def test_a_type_written_anew_is_compiled_once():
    assert TypeEngine.codec(list[int]) is TypeEngine.codec(list[int])


def test_text_that_names_no_type_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="'Nowhere' names no type"):
        TypeEngine.to_literal_type("Nowhere")
