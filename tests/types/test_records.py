"""Dataclasses, models, named tuples and typed dicts."""

from dataclasses import InitVar, dataclass, field, make_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NotRequired, TypedDict

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, field_serializer, field_validator

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import TypeEngine, holding
from flyte_jupyter.types.literal import Binary, Literal, Live


def there_and_back(value, kind=None):
    kind = kind or type(value)
    return TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)


def data(value, kind=None):
    return msgpack.unpackb(
        TypeEngine.to_literal(value, kind or type(value)).value.value, strict_map_key=False
    )


def of_data(plain, kind):
    return TypeEngine.to_python_value(Literal(Binary(msgpack.packb(plain), "msgpack")), kind)


@dataclass
class DC:
    a: int
    b: str = "x"


@dataclass
class Doubled:
    a: int
    seen: list = field(default_factory=list, init=False)

    def __post_init__(self):
        self.a = self.a * 2
        self.seen.append(self.a)


@dataclass
class OwnInit:
    a: int

    def __init__(self, text):
        self.a = len(text)


@dataclass
class WithInitVar:
    a: int
    extra: InitVar[int] = 0

    def __post_init__(self, extra):
        self.a += extra


@dataclass
class Child(DC):
    c: float = 0.0


@dataclass
class Times:
    when: datetime
    lasts: timedelta


def test_fields_are_in_declared_order():
    assert list(data(DC(1))) == ["a", "b"]


def test_special_values_look_as_the_protocol_says():
    assert data(Times(datetime(2024, 1, 2, tzinfo=UTC), timedelta(seconds=5))) == {
        "when": "2024-01-02T00:00:00+00:00",
        "lasts": 5.0,
    }


def test_a_map_becomes_the_dataclass():
    assert there_and_back({"a": 1}, DC) == DC(1)
    assert there_and_back({"a": 1, "b": "y"}, DC) == DC(1, "y")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (DC("x"), "DC.a: expected int, got 'x' (str)"),
        ({"b": "x"}, "DC needs a value for 'a'"),
        ({"a": 1, "z": 2}, "DC has no field 'z'; it has a, b"),
        (5, "expected DC, got 5 (int)"),
        (DC, "expected DC, got"),
        (Child(1), "expected DC itself (a subclass would lose what it adds), got"),
    ],
)
def test_what_does_not_fit_is_named(value, message):
    with pytest.raises(TypeTransformerFailedError) as error:
        TypeEngine.to_literal(value, DC)

    assert str(error.value).startswith(message)


def test_post_init_is_not_applied_twice():
    value = Doubled(3)

    assert there_and_back(value) == value


def test_a_constructor_of_its_own_is_not_needed():
    value = OwnInit("abc")

    assert there_and_back(value).a == 3


def test_init_only_values_are_not_asked_for_again():
    assert there_and_back(WithInitVar(1, 5)).a == 6


def test_an_integer_becomes_a_float_field():
    found = there_and_back(Child(1, c=3))

    assert type(found.c) is float


def test_a_value_that_contains_itself_is_our_error():
    @dataclass
    class Loop:
        me: Any = None

    loop = Loop()
    loop.me = [loop]
    knot: list = []
    knot.append(knot)

    literal = TypeEngine.to_literal(loop, Loop)
    assert isinstance(literal.value, Live)
    with pytest.raises(TypeTransformerFailedError):
        TypeEngine.to_literal({"a": knot}, dict[str, list[list[int]]])


def test_an_unknown_name_in_an_annotation_is_our_error():
    @dataclass
    class Lost:
        a: "Nowhere"  # noqa: F821 - that is the point

    with pytest.raises(TypeTransformerFailedError, match=r"Nowhere.*top level"):
        TypeEngine.to_literal_type(Lost)


@dataclass
class Ambiguous:
    either: datetime | str
    shape: "Square | Circle"
    keyed: dict | str


@dataclass
class Square:
    size: int


@dataclass
class Circle:
    size: int


@pytest.mark.parametrize("either", ["2024-01-01", datetime(2024, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("shape", [Square(1), Circle(1)])
@pytest.mark.parametrize("keyed", ["x", {"__variant__": 0, "value": 1}, {"__kept__": "blob"}, {}])
def test_variants_that_look_alike_are_kept_apart(either, shape, keyed, tmp_path):
    value = Ambiguous(either, shape, keyed)
    blobs = BlobStore(tmp_path)

    settled = TypeEngine.settle(TypeEngine.to_literal(value, Ambiguous), blobs)

    with holding(blobs):
        assert TypeEngine.to_python_value(settled, Ambiguous) == value


def test_variants_that_differ_have_no_tag():
    @dataclass
    class Clear:
        a: int | str | list[int] | DC | None

    assert data(Clear(1)) == {"a": 1}
    assert data(Clear(DC(1))) == {"a": {"a": 1, "b": "x"}}


SIMPLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.booleans(), st.none()
)


@given(st.lists(SIMPLE, min_size=1, max_size=25))
def test_any_plain_fields_come_back(values):
    kinds = [int | float | str | bool | None for _ in values]
    cls = make_dataclass("Row", [(f"f{i}", kind) for i, kind in enumerate(kinds)])
    value = cls(*values)

    found = there_and_back(value)

    assert found == value
    assert [type(getattr(found, f"f{i}")) for i in range(len(values))] == [type(item) for item in values]


@given(
    st.recursive(
        SIMPLE | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    )
)
def test_any_untyped_data_comes_back(value):
    @dataclass
    class Holder:
        a: Any

    assert there_and_back(Holder(value)).a == value
    assert there_and_back({"k": value}, dict) == {"k": value}
    assert there_and_back(value, Any) == value


@given(st.recursive(SIMPLE | st.binary(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_foreign_data_is_our_error_or_a_right_answer(plain):
    for kind in (DC, Times, Ambiguous, Point, Movie, Model, tuple[int, DC], dict[int, DC], dict):
        try:
            of_data(plain, kind)
        except TypeTransformerFailedError:
            continue


class Point(NamedTuple):
    x: int
    y: str = "y"


class Movie(TypedDict):
    title: str
    year: NotRequired[int]
    note: NotRequired[str | None]


class Model(BaseModel):
    a: int = Field(gt=0)
    b: str = "x"
    alias: int = Field(default=1, alias="otherName")
    many: list["Model"] = []

    @field_validator("b")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 3:
            raise ValueError("too long")
        return value


def test_named_tuples_accept_maps_and_tuples():
    assert there_and_back({"x": 1}, Point) == Point(1)
    assert there_and_back((1, "z"), Point) == Point(1, "z")
    assert type(there_and_back(Point(1))) is Point
    with pytest.raises(TypeTransformerFailedError, match=r"Point\.x: expected int"):
        TypeEngine.to_literal(Point("a"), Point)


def test_typed_dicts_know_missing_from_none():
    assert there_and_back({"title": "t"}, Movie) == {"title": "t"}
    assert there_and_back({"title": "t", "note": None}, Movie) == {"title": "t", "note": None}
    with pytest.raises(TypeTransformerFailedError, match="needs a value for 'title'"):
        TypeEngine.to_literal({}, Movie)


def test_models_come_back_with_aliases_and_nesting():
    value = Model(a=1, otherName=7, many=[Model(a=2)])

    assert there_and_back(value) == value
    assert there_and_back({"a": 1}, Model) == Model(a=1)


def test_a_model_error_is_one_line_that_names_the_field():
    with pytest.raises(
        TypeTransformerFailedError, match=r"^Model\.a: Input should be greater than 0, got 0$"
    ):
        TypeEngine.to_literal({"a": 0}, Model)
    with pytest.raises(TypeTransformerFailedError, match=r"Model\.b: Value error, too long"):
        of_data({"a": 1, "b": "long text"}, Model)


def test_schemas_follow_the_protocol():
    schema = TypeEngine.to_literal_type(DC).metadata

    assert schema == {
        "type": "object",
        "title": "DC",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string", "default": "x"}},
        "required": ["a"],
        "additionalProperties": False,
    }


class SubModel(Model):
    more: int = 0


class Opaque(BaseModel, arbitrary_types_allowed=True):
    thing: object
    by: dict[int, bytes] = {1: b"\xff"}


class Unwritable(BaseModel):
    a: int = 1

    @field_serializer("a")
    def _fail(self, value):
        raise RuntimeError("no")


def test_what_is_no_such_model_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="expected Model itself"):
        TypeEngine.to_literal(SubModel(a=1), Model)
    with pytest.raises(TypeTransformerFailedError, match="expected Model, got 5"):
        TypeEngine.to_literal(5, Model)
    with pytest.raises(TypeTransformerFailedError, match="Unwritable: "):
        TypeEngine.to_literal(Unwritable(), Unwritable)


def test_a_model_may_hold_what_only_a_store_can_keep(tmp_path):
    value = Opaque(thing=Circle(1))
    literal = TypeEngine.to_literal(value, Opaque)
    settled = TypeEngine.settle(literal, BlobStore(tmp_path))

    assert isinstance(literal.value, Live)
    assert TypeEngine.to_python_value(literal, Opaque) is value
    with holding(BlobStore(tmp_path)):
        assert TypeEngine.to_python_value(settled, Opaque) == value
    assert TypeEngine.to_literal_type(Opaque).metadata["title"] == "Opaque"


class Open(BaseModel, extra="allow"):
    anything: Any = None
    by: dict[str, Any] = {}
    inner: "list[Open]" = []


@pytest.mark.parametrize("thing", [(1, 2), {3}, {"a": (1,)}, Circle(1), b"\xff", 2.0, [1, None], {1: 2}, DC])
def test_what_a_model_holds_without_a_type_comes_back_as_it_was(thing, tmp_path):
    value = Open(anything=thing, by={"k": thing}, inner=[Open(anything=thing)], more=thing)
    settled = TypeEngine.settle(TypeEngine.to_literal(value, Open), BlobStore(tmp_path))

    with holding(BlobStore(tmp_path)):
        found = TypeEngine.to_python_value(settled, Open)

    assert found == value
    assert type(found.anything) is type(found.by["k"]) is type(found.inner[0].anything) is type(thing)
    assert type(found.more) is type(thing)


class Base(BaseModel):
    a: int = 1


class Derived(Base):
    b: int = 2


class Holder(BaseModel):
    one: Base
    many: dict[str, list[Base]] = {}


class Either(BaseModel):
    one: Derived | Base


class Numbers(RootModel[list[int]]):
    pass


def test_a_subclass_inside_of_a_model_is_refused_unless_it_is_declared():
    for value in (Holder(one=Derived()), Holder(one=Base(), many={"k": [Derived()]})):
        with pytest.raises(TypeTransformerFailedError, match="a subclass would lose what it adds"):
            TypeEngine.to_literal(value, Holder)
    assert there_and_back(Either(one=Derived(b=5))) == Either(one=Derived(b=5))


def test_a_root_model_is_its_root():
    assert data(Numbers([1, 2])) == [1, 2]
    assert there_and_back(Numbers([1, 2])) == Numbers([1, 2])
