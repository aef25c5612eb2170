"""What every type must do: there and back, on disk and back, one identity, one literal type."""

import enum
import typing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine, flyte_idl, holding
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.packed import pack, unpack


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Size(enum.IntEnum):
    S = 1
    M = 2


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Odd(enum.Enum):
    A = (1, 2)
    B = object


@dataclass
class Inner:
    x: int
    color: Color = Color.RED


@dataclass
class Everything:
    i: int
    f: float
    s: str
    b: bool
    raw: bytes
    when: datetime
    day: date
    at: time
    lasts: timedelta
    color: Color
    level: Level
    inner: Inner
    path: Path
    uid: UUID
    price: Decimal
    many: list[Inner]
    table: dict[str, list[int]]
    numbered: dict[int, str]
    pair: tuple[int, str]
    several: tuple[int, ...]
    unique: set[int]
    frozen: frozenset[str]
    maybe: Inner | None
    either: int | float | str | Inner
    choice: typing.Literal["a", 1] | None
    anything: Any
    untyped: dict
    keyed: dict[tuple[int, int], str]
    odd: Odd = Odd.A
    derived: int = field(init=False, default=3)


def everything(**changes):
    return Everything(
        **{
            "i": 1,
            "f": 2.5,
            "s": "x",
            "b": True,
            "raw": b"\xff",
            "when": datetime(2024, 1, 2, 3, tzinfo=UTC),
            "day": date(2024, 1, 2),
            "at": time(1, 2, 3),
            "lasts": timedelta(days=-1, microseconds=7),
            "color": Color.BLUE,
            "level": Level.HIGH,
            "inner": Inner(1),
            "path": Path("a/b"),
            "uid": UUID(int=5),
            "price": Decimal("1.10"),
            "many": [Inner(1), Inner(2, Color.BLUE)],
            "table": {"a": [1], "b": []},
            "numbered": {1: "a"},
            "pair": (1, "a"),
            "several": (1, 2),
            "unique": {2, 1},
            "frozen": frozenset({"b", "a"}),
            "maybe": None,
            "either": 2.0,
            "choice": 1,
            "anything": {"a": [1, None]},
            "untyped": {"k": (1, 2)},
            "keyed": {(1, 2): "x"},
        }
        | changes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    a: int
    b: str = "b"


@dataclass
class Tree:
    value: int
    children: list["Tree"] = field(default_factory=list)


T = typing.TypeVar("T")


@dataclass
class Pair(typing.Generic[T]):
    left: T
    right: list[T]


@dataclass
class Heavy:
    frame: pd.DataFrame
    array: np.ndarray
    name: str = "h"

    def __eq__(self, other):
        return (
            isinstance(other, Heavy)
            and self.frame.equals(other.frame)
            and np.array_equal(self.array, other.array)
            and self.name == other.name
        )

    __hash__ = None


class Point(NamedTuple):
    x: int
    y: str = "y"


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Sub(BaseModel):
    colors: list[Color] = []
    raw: bytes = b"\xff\x00"


class Model(BaseModel):
    a: int
    sub: Sub | None = None
    by: dict[str, Sub] = {}
    when: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    lasts: timedelta = timedelta(days=1, seconds=5)
    color: Color = Color.RED
    level: Level = Level.LOW
    unique: set[int] = {1, 2}
    pair: tuple[int, Color] = (1, Color.BLUE)
    ratio: float = float("inf")


class Plain:
    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return isinstance(other, Plain) and self.a == other.a

    __hash__ = None


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pd.Index([5, 6], name="i"))

CASES = [
    (5, int),
    (-(2**63), int),
    (2.5, float),
    (float("-inf"), float),
    ("é\0", str),
    (True, bool),
    (None, None),
    (datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), datetime),
    (datetime(1, 1, 1, tzinfo=UTC), datetime),
    (date(2024, 1, 2), date),
    (timedelta(days=-3, microseconds=5), timedelta),
    (timedelta.max, timedelta),
    (b"", bytes),
    (b"ab", bytes),
    (bytes(300), bytes),
    (bytes(20_000), bytes),
    (Color.BLUE, Color),
    (Level.HIGH, Level),
    (Size.M, Size),
    (Right.READ | Right.WRITE, Right),
    (Right(0), Right),
    (Odd.B, Odd),
    ("a", typing.Literal["a", "b"]),
    (2, typing.Literal[1, 2]),
    (None, int | None),
    (5, int | None),
    ([1, None], list[int | None]),
    (1, int | str | float),
    (1.0, int | str | float),
    (True, int | bool),
    ([1], list[str] | list[int]),
    ([], list[str] | list[int]),
    (Inner(1), Slotted | Inner),
    ({"a": 1}, int | dict[str, int]),
    ([], list[int]),
    (list(range(100)), list[int]),
    ([1.5, 2.0], list[float]),
    ([[1], []], list[list[int]]),
    ((1, 2), tuple[int, ...]),
    ({"a": 1.5}, dict[str, float]),
    ({"a": {"b": [Color.RED]}}, dict[str, dict[str, list[Color]]]),
    ({1: "a", 2: "b"}, dict[int, str]),
    ({Color.RED: Inner(1)}, dict[Color, Inner]),
    ({(1, 2): [3]}, dict[tuple[int, int], list[int]]),
    ({}, dict),
    ({"a": [1, None, True, 2.5, "z"]}, dict),
    ({"a": (1, {2})}, dict),
    ({1, 2}, set[int]),
    ({"b", "a"}, set),
    (frozenset({(1, "a"), (0, "b")}), frozenset),
    ((), tuple[()]),
    ((1, "a"), tuple[int, str]),
    ((1, Inner(2)), tuple[int, Inner]),
    (Point(1), Point),
    ({"title": "x"}, Movie),
    ({"title": "x", "year": 2}, Movie),
    (Inner(3, Color.BLUE), Inner),
    (everything(), Everything),
    (everything(maybe=Inner(9), either=Inner(3), choice=None, anything=(1, {2}), odd=Odd.B), Everything),
    (Slotted(a=1), Slotted),
    (Tree(1, [Tree(2, [Tree(3)]), Tree(4)]), Tree),
    (Pair(1, [2]), Pair[int]),
    (Pair("a", []), Pair[str]),
    (Pair(Inner(1), [Inner(2)]), Pair[Inner]),
    ([Inner(i) for i in range(3)], list[Inner]),
    (Heavy(FRAME, np.arange(3)), Heavy),
    ([Heavy(FRAME, np.eye(2)), Heavy(FRAME.iloc[:1], np.array(["a"]))], list[Heavy]),
    (Model(a=1), Model),
    (Model(a=1, sub=Sub(colors=[Color.RED]), by={"k": Sub(raw=b"x")}), Model),
    (Plain([1, (2,)]), Plain),
    (Plain({1}), Any),
    ([1, (2, {3})], list),
    (complex(1, 2), complex),
    (Path("a/b"), Path),
    (len, Any),
    (5, Any),
    (None, Any),
    (bytearray(b"x"), bytearray),
    (FRAME, pd.DataFrame),
    ({"a": FRAME}, dict[str, pd.DataFrame]),
    (FRAME, pd.DataFrame | None),
    (pa.table({"a": [1, None], "b": [["x"], []]}), pa.Table),
    (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), pl.DataFrame),
    (np.arange(6).reshape(2, 3), np.ndarray),
    (np.asfortranarray(np.eye(3))[::2], np.ndarray),
    (np.array(["a", "bc"]), np.ndarray),
    (np.array([1, "x", None], dtype=object), np.ndarray),
    (np.array(["2020", "NaT"], dtype="M8[s]"), np.ndarray),
    (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.ndarray),
    (np.zeros((0, 3)), np.ndarray),
    (np.array(5), np.ndarray),
    (np.int64(5), np.int64),
    (np.float32(1.5), np.float32),
    (np.bool_(True), np.bool_),
    (np.datetime64("2020-01-01"), np.datetime64),
]
IDS = [f"{kind}-{number}" for number, (_, kind) in enumerate(CASES)]
every = pytest.mark.parametrize(("value", "kind"), CASES, ids=IDS)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, pd.DataFrame | pa.Table | pl.DataFrame):
        return a.equals(b)
    if isinstance(a, np.ndarray):
        equal_nan = a.dtype.kind in "fcmM"
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=equal_nan)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path)


@every
def test_a_value_comes_back(value, kind):
    literal = TypeEngine.to_literal(value, kind)

    assert isinstance(literal, Literal)
    assert same(TypeEngine.to_python_value(literal, kind), value)


@every
def test_a_kept_value_comes_back_in_another_process(value, kind, blobs):
    settled = TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)
    read = unpack(pack({"x": settled}))["x"]

    with holding(BlobStore(blobs.folder)):
        found = TypeEngine.to_python_value(read, kind)

    assert same(found, value)
    assert read == settled


@every
def test_identity_is_of_the_content(value, kind, blobs):
    literal = TypeEngine.to_literal(value, kind)
    settled = TypeEngine.settle(literal, blobs)
    with holding(blobs):
        again = TypeEngine.to_literal(TypeEngine.to_python_value(settled, kind), kind)

    assert identity(literal) == identity(settled) == identity(again)
    assert identity(unpack(pack({"x": settled}))["x"]) == identity(literal)


@every
def test_a_settled_literal_is_a_message_of_the_protocol(value, kind, blobs):
    settled = TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)
    message = flyte_idl.to_literal_message(settled)
    literal_type = TypeEngine.to_literal_type(kind)

    assert flyte_idl.to_literal_message(flyte_idl.of_literal_message(message)) == message
    assert flyte_idl.of_type_message(flyte_idl.to_type_message(literal_type)) == literal_type


@every
def test_a_value_is_exactly_of_its_type_and_none_other_is_accepted(value, kind):
    codec = TypeEngine.codec(kind)

    assert kind in (Any, Path) or codec.exact(value)
    if kind is not Any:
        with pytest.raises(TypeTransformerFailedError, match="expected"):
            codec.write(_Foreign())


class _Foreign:
    """A value of no type that is tested."""


@every
def test_reading_what_was_written_for_another_type_is_our_error_or_a_right_answer(value, kind, blobs):
    settled = TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)

    with holding(blobs):
        for _, other in CASES:
            try:
                TypeEngine.to_python_value(settled, other)
            except TypeTransformerFailedError:
                continue


@every
def test_the_guessed_type_reads_the_value(value, kind, blobs):
    settled = TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)
    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(kind))

    with holding(blobs):
        TypeEngine.to_python_value(settled, guessed)


@every
def test_html_is_text(value, kind):
    assert isinstance(TypeEngine.to_html(value, kind), str)


async def test_both_ways_can_be_awaited():
    literal = await TypeEngine.to_literal(5, int)

    assert await TypeEngine.to_python_value.aio(await TypeEngine.to_literal.aio(5, int), int) == 5
    assert literal == Literal(5)
