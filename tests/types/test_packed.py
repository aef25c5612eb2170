"""Packed literals: compact, complete, and safe to read from anywhere."""

from datetime import UTC, datetime, timedelta

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import Literal, LiteralType, TypeEngine
from flyte_jupyter.types.literal import Binary, Blob, Live, Map, SimpleType, StructuredDataset, Variant
from flyte_jupyter.types.packed import pack, pack_value, unpack, unpack_value
from flyte_jupyter.types.packed_types import of_type, to_type

PRIMITIVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(),
)
SIMPLE_TYPES = st.builds(LiteralType, simple=st.sampled_from(SimpleType), tag=st.text(max_size=3))
TYPES = st.recursive(
    SIMPLE_TYPES,
    lambda inner: st.one_of(
        st.builds(LiteralType, collection=inner),
        st.builds(LiteralType, map_value=inner, annotation=st.just({"a": [1, {"b": None}]})),
        st.builds(LiteralType, union=st.lists(inner, max_size=3).map(tuple)),
        st.builds(LiteralType, enum=st.lists(st.text(max_size=3)).map(tuple), metadata=st.just({"t": 1.5})),
        st.builds(LiteralType, blob=st.tuples(st.text(max_size=3), st.booleans())),
        st.builds(LiteralType, dataset=st.tuples(st.text(max_size=3), st.just((("c", LiteralType()),)))),
    ),
    max_leaves=4,
)
LEAVES = st.one_of(
    PRIMITIVES,
    st.builds(Binary, st.binary(), st.text(max_size=5).filter(lambda tag: "\0" not in tag)),
    st.builds(Blob, st.text(), st.text(), st.booleans()),
    st.builds(
        StructuredDataset, st.text(), st.text(), st.just((("c", LiteralType(simple=SimpleType.FLOAT)),))
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner).map(tuple),
        st.dictionaries(st.text(), inner).map(Map),
        st.builds(Variant, inner, TYPES),
        st.builds(
            Literal, inner.filter(lambda v: type(v) is not Literal), st.text(min_size=1), st.just({"k": "v"})
        ),
    ),
    max_leaves=10,
)
LITERALS = st.dictionaries(
    st.text(), VALUES.map(lambda value: value if type(value) is Literal else Literal(value)), max_size=4
)


@given(LITERALS)
def test_literals_come_back_in_order(literals):
    found = unpack(pack(literals))

    assert found == literals
    assert list(found) == list(literals)


@given(VALUES)
def test_values_come_back(value):
    assert unpack_value(pack_value(value)) == value


@given(TYPES)
def test_types_come_back(literal_type):
    assert to_type(
        msgpack.unpackb(msgpack.packb(of_type(literal_type)), use_list=False, object_pairs_hook=Map)
    ) == (literal_type)


def _ours(data):
    for read in (unpack, unpack_value):
        try:
            read(data)
        except TypeTransformerFailedError:
            continue


@given(st.binary(max_size=300))
def test_random_bytes_are_our_error(data):
    _ours(data)
    _ours(b"\1\0\0\0\0" + data)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(-9, 9), inner)
        | st.builds(msgpack.ExtType, st.integers(0, 8), inner.map(msgpack.packb))
    ),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_random_messagepack_is_our_error_or_a_literal(body, types):
    header = msgpack.packb(types)
    _ours(b"\1" + len(header).to_bytes(4, "big") + header + msgpack.packb(body))
    _ours(b"\1\0\0\0\0" + msgpack.packb(body))


@given(LITERALS, st.data())
def test_damaged_bytes_are_our_error_or_literals(literals, data):
    packed = bytearray(pack(literals))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))

    _ours(bytes(packed))
    _ours(bytes(packed[:place]))


def test_deep_nesting_is_our_error():
    deep: tuple = ()
    for _ in range(100_000):
        deep = (deep,)

    with pytest.raises(TypeTransformerFailedError):
        pack_value(deep)
    bomb = msgpack.packb(1)
    for _ in range(3000):
        bomb = msgpack.packb(msgpack.ExtType(5, b"\x92" + bomb + b"\0"))
    _ours(b"\1\0\0\0\0" + bomb)
    _ours(b"\1\0\0\0\0" + b"\x91" * 100_000)
    _ours(b"\1\0\0\0\0" + b"\xdd\xff\xff\xff\xff")


def test_a_live_value_must_be_settled_first():
    with pytest.raises(TypeTransformerFailedError, match="settle it first"):
        pack({"x": Literal((Live(object(), object),))})


def test_a_newer_version_is_named():
    with pytest.raises(TypeTransformerFailedError, match="version 9"):
        unpack(b"\x09\0\0\0\0\x80")


def test_ten_thousand_integers_are_thirty_kilobytes():
    assert len(pack({"x": TypeEngine.to_literal(list(range(10_000)), list[int])})) < 30_100


def test_the_type_of_many_variants_is_written_once():
    literal = TypeEngine.to_literal([1, None] * 1000, list[int | None])

    assert len(pack({"x": literal})) < 12_100


def test_text_that_is_no_unicode_is_our_error():
    with pytest.raises(TypeTransformerFailedError, match="cannot be packed"):
        pack({"x": TypeEngine.to_literal("\ud800", str)})


def test_extreme_times_come_back():
    extremes = (
        timedelta.max,
        timedelta.min,
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
    )

    assert unpack_value(pack_value(extremes)) == extremes
