"""How values look inside of structures, and what foreign data is refused."""

from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import TypeEngine, holding
from flyte_jupyter.types.files import File
from flyte_jupyter.types.literal import Binary
from flyte_jupyter.types.literal import Literal as OurLiteral


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    color: Color = Color.RED


@dataclass
class Inner:
    a: int = 1


DATACLASS = [
    (datetime, datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
    (datetime, datetime(2024, 1, 2, 3), "2024-01-02T03:00:00"),  # noqa: DTZ001 - naive stays naive
    (date, date(2024, 1, 2), "2024-01-02"),
    (time, time(1, 2), "01:02:00"),
    (timedelta, timedelta(days=1, microseconds=5), 86400.000005),
    (bytes, b"\xff", b"\xff"),
    (Color, Color.BLUE, "blue"),
    (Decimal, Decimal("1.10"), "1.10"),
    (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Path, Path("a/b"), "a/b"),
    (Inner, Inner(3), {"a": 3}),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (tuple[int, ...], (1, 2), [1, 2]),
    (set[str], {"b", "a"}, ["a", "b"]),
    (frozenset[int], frozenset({2, 1}), [1, 2]),
    (list[Inner], [Inner(1)], [{"a": 1}]),
    (dict[str, Inner], {"k": Inner(1)}, {"k": {"a": 1}}),
    (dict[int, str], {1: "a"}, {1: "a"}),
    (dict[date, int], {date(2024, 1, 2): 1}, {"2024-01-02": 1}),
    (dict[tuple[int, int], int], {(1, 2): 3}, [[[1, 2], 3]]),
    (Point, Point(1), [1, "red"]),
    (int | None, None, None),
    (None | int, 5, 5),
    (int | str, "x", "x"),
    (Literal["a", 1, b"x"], 1, 1),
    (Any, {"k": [1, None]}, {"k": [1, None]}),
    (list, [1, "a"], [1, "a"]),
    (File, File("s3://b/x", hash="h"), {"path": "s3://b/x", "name": "x", "format": "", "hash": "h"}),
]
MODEL = [
    (datetime, datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00Z"),
    (timedelta, timedelta(seconds=5), "PT5S"),
    (timedelta, timedelta(0), "PT0S"),
    (timedelta, timedelta(days=-1, microseconds=500), "-PT86399.9995S"),
    (timedelta, timedelta(days=3), "P3D"),
    (bytes, b"ab", "ab"),
    (bytes, b"\xff", b"\xff"),
    (Color, Color.BLUE, "BLUE"),
    (dict[int, str], {1: "a"}, {"1": "a"}),
    (tuple[int, Color], (1, Color.RED), [1, "RED"]),
    (list[Color], [Color.RED], ["RED"]),
    (Inner, Inner(3), {"a": 3}),
]


def packed(value, kind):
    return msgpack.unpackb(TypeEngine.to_literal(value, kind).value.value, strict_map_key=False)


def there_and_back(value, kind):
    return TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)


@pytest.mark.parametrize(("kind", "value", "plain"), DATACLASS)
def test_in_a_dataclass(kind, value, plain):
    holder = make_dataclass("Holder", [("x", kind)])

    assert packed(holder(value), holder) == {"x": plain}
    assert there_and_back(holder(value), holder).x == value


@pytest.mark.parametrize(("kind", "value", "plain"), MODEL)
def test_in_a_tuple(kind, value, plain):
    holder = tuple[kind, int]

    assert packed((value, 1), holder) == {"item_0": plain, "item_1": 1}
    assert there_and_back((value, 1), holder) == (value, 1)


@given(st.timedeltas())
def test_every_duration_comes_back_in_a_tuple(value):
    assert there_and_back((value,), tuple[timedelta]) == (value,)


WRONG = [
    5,
    2.5,
    "x",
    b"x",
    None,
    True,
    [1],
    [[1]],
    [[1, 2, 3]],
    {"a": 1},
    {1: 2},
    {"a": "x"},
    {"__variant__": 9},
]
KINDS = [kind for kind, *_ in DATACLASS] + [
    list[int],
    dict[str, int],
    dict[int, int],
    Literal[1, "x"],
    Inner | int,
    Color | Inner,
    list[list[int]],
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", WRONG)
def test_foreign_data_is_refused_or_means_itself(kind, data, tmp_path):
    holders = [make_dataclass("Holder", [("x", kind)]), tuple[kind]]
    for holder, name in zip(holders, ("x", "item_0"), strict=True):
        literal = OurLiteral(Binary(msgpack.packb({name: data}), "msgpack"))
        try:
            with holding(BlobStore(tmp_path)):
                found = TypeEngine.to_python_value(literal, holder)
        except TypeTransformerFailedError as error:
            assert "Holder.x" in str(error) or "item_0" in str(error)  # noqa: PT017 - both ends are right
        else:
            assert there_and_back(found, holder) == found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Any])
def test_foreign_values_are_refused_with_their_field(kind):
    holder = make_dataclass("Holder", [("x", kind)])

    with pytest.raises(TypeTransformerFailedError, match=r"Holder\.x: "):
        TypeEngine.to_literal(holder(object()), holder)


@pytest.mark.parametrize(
    "data",
    [
        {"__kept__": "frame"},
        {"__kept__": "binary", "value": 1, "tag": ""},
        {"__kept__": ["x"]},
        {"__kept__": "hash", "value": "x"},
        {"__kept__": "literal", "value": b"junk"},
        {"__kept__": "literal", "value": "junk"},
        {"__kept__": "binary", "value": b"junk", "tag": ""},
    ],
)
def test_a_damaged_note_of_a_kept_part_is_refused(data):
    holder = make_dataclass("Holder", [("x", Any)])

    with pytest.raises(TypeTransformerFailedError):
        TypeEngine.to_python_value(OurLiteral(Binary(msgpack.packb({"x": data}), "msgpack")), holder)


def test_keys_that_become_one_key_are_refused():
    holder = make_dataclass("Holder", [("x", dict[int | float | bool, int])])
    crowded = make_dataclass("Crowded", [("x", dict[Path, int])])

    assert there_and_back(holder({1: 2}), holder).x == {1: 2}
    assert there_and_back(crowded({Path("a"): 1}), crowded).x == {Path("a"): 1}


def test_a_type_that_contains_itself():
    @dataclass
    class Node:
        value: int
        next: "Node | None" = None
        many: dict[str, "Node"] = field(default_factory=dict)

    value = Node(1, Node(2), {"a": Node(3, Node(4))})

    assert there_and_back(value, Node) == value
    deep = Node(0)
    for number in range(100):
        deep = Node(number, deep)
    assert there_and_back(deep, Node) == deep


def test_a_value_that_is_too_deep_is_our_error():
    @dataclass
    class Node:
        next: "Node | None" = None

    deep = Node()
    for _ in range(5000):
        deep = Node(deep)

    with pytest.raises(TypeTransformerFailedError, match=r"finite depth|recursion limit"):
        TypeEngine.to_literal(deep, Node)


def test_damaged_messagepack_is_our_error():
    for data, tag in ((b"\xc1", "msgpack"), (b"", "msgpack"), (b"\x81\xa1a", "msgpack"), (b"\x80", "cbor")):
        with pytest.raises(TypeTransformerFailedError):
            TypeEngine.to_python_value(OurLiteral(Binary(data, tag)), Inner)
    with pytest.raises(TypeTransformerFailedError, match="expected Inner, got 5"):
        TypeEngine.to_python_value(OurLiteral(5), Inner)
    with pytest.raises(TypeTransformerFailedError, match="MessagePack"):
        TypeEngine.to_literal(Inner(2**70), Inner)


def test_a_large_structure_is_packed_like_a_small_one():
    holder = make_dataclass("Holder", [("x", list[str])])

    assert there_and_back(holder(["x" * 1000] * 2000), holder).x == ["x" * 1000] * 2000
