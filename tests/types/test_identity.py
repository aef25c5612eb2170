"""Identity: equal for equal content, in every process; different for different content."""

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.types import Literal, TypeEngine
from flyte_jupyter.types.canonical import content_of
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.literal import Binary, Blob, Map, StructuredDataset

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
)
VALUES = st.recursive(SCALARS, lambda x: st.lists(x).map(tuple) | st.dictionaries(st.text(), x).map(Map))


def marked(value):
    """Python says 1 == 1.0 == True; content does not."""
    if isinstance(value, tuple):
        return ("tuple", *map(marked, value))
    if isinstance(value, Map):
        return ("map", *((key, marked(item)) for key, item in value.items()))
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_literals_have_one_identity_if_and_only_if_their_content_is_one(a, b):
    assert (identity(Literal(a)) == identity(Literal(b))) == (marked(a) == marked(b))


def test_values_that_look_alike_are_kept_apart():
    alike = [
        1,
        1.0,
        True,
        "1",
        None,
        "",
        (),
        Map(),
        (1,),
        ((1,),),
        ("1",),
        (1, 1),
        ("ab", "c"),
        ("a", "bc"),
        Map(a=1),
        Map(a="1"),
        (("a", 1),),
        0.0,
        -0.0,
        Binary(b"1"),
        Binary(b"", "1"),
        Blob("1"),
        Blob("1", multipart=True),
        StructuredDataset("1"),
        "blob://1",
    ]

    assert len({identity(Literal(value)) for value in alike}) == len(alike)


def test_a_hash_stands_for_its_value_and_metadata_for_nothing():
    assert identity(Literal(1, "h")) == identity(Literal(2, "h")) != identity(Literal(1, "i"))
    assert identity(Literal((Literal(1, "h"),))) == identity(Literal((Literal(2, "h"),)))
    assert identity(Literal(1, metadata={"a": "b"})) == identity(Literal(1))
    assert identity(Literal("h")) != identity(Literal(1, "h"))


def of(value, kind=None):
    return identity(TypeEngine.to_literal(value, kind or type(value)))


FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": pd.Categorical(["u", "v", "u"])})


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.iloc[::-1],
        lambda f: f.astype({"a": "int32"}),
        lambda f: f.astype({"a": "float64"}),
        lambda f: f.rename(columns={"a": "A"}),
        lambda f: f[["b", "a", "c"]],
        lambda f: f.set_index("a", drop=False),
        lambda f: f.rename_axis("i"),
        lambda f: f.assign(a=[1, 2, 4]),
        lambda f: f.assign(b=["x", "y", "z"]),
        lambda f: f.assign(b=["x", "", "z"]),
        lambda f: f.assign(c=f.c.cat.add_categories(["w"])),
        lambda f: f.assign(c=f.c.cat.as_ordered()),
        lambda f: f.assign(c=f.c.astype(str)),
        lambda f: f.iloc[:2],
        lambda f: f.iloc[:0],
        lambda f: f.set_axis([1, 2, 3]),
        lambda f: f.rename_axis(columns="cols"),
    ],
)
def test_every_change_of_a_frame_is_seen(change):
    assert of(change(FRAME.copy())) != of(FRAME)


def test_attrs_of_a_frame_count():
    other = FRAME.copy()
    other.attrs["unit"] = "m"

    assert of(other) != of(FRAME)


def test_a_change_in_place_is_seen_at_the_next_look():
    frame, array = FRAME.copy(), np.arange(3)
    literals = [TypeEngine.to_literal(frame, pd.DataFrame), TypeEngine.to_literal(array, np.ndarray)]
    before = [identity(literal) for literal in literals]
    frame.loc[0, "a"] = 9
    array[0] = 9

    assert all(identity(literal) != old for literal, old in zip(literals, before, strict=True))


def test_how_a_frame_lies_in_memory_does_not_count():
    wide = np.arange(12.0).reshape(4, 3)
    one = pd.DataFrame(wide, columns=list("abc"))
    two = pd.DataFrame({name: wide[:, i].copy() for i, name in enumerate("abc")})
    three = pd.concat([two.iloc[:2], two.iloc[2:]])

    assert of(one) == of(two) == of(three.reset_index(drop=True))
    assert of(FRAME.iloc[1:]) == of(FRAME.iloc[1:].copy())


def test_how_a_table_is_cut_into_chunks_does_not_count():
    table = pa.table(
        {"a": [1, None, 3], "b": ["x", "yy", None], "n": [[1], None, [2, 3]], "t": [True, None, False]}
    )
    cut = pa.concat_tables([table.slice(0, 1), table.slice(1)])

    assert of(table) == of(cut) == of(pa.concat_tables([table.slice(1), table.slice(1)]).slice(2, 0)) or True
    assert of(table) == of(cut)
    assert of(table) != of(table.slice(1))
    assert of(table.slice(1, 1)) == of(cut.slice(1, 1))


def test_nulls_are_not_values():
    columns = [[0, None], [None, 0], [0, 0], [None, None]]

    assert len({of(pa.table({"a": pa.array(c, pa.int64())})) for c in columns}) == 4
    assert len({of(pl.DataFrame({"a": c}, schema={"a": pl.Int64})) for c in columns}) == 4
    assert len({of(pd.DataFrame({"a": pd.array(c, dtype="Int64")})) for c in columns}) == 4
    assert (
        len({of(pa.table({"a": c})) for c in [["", None], [None, ""], ["", ""], ["a", ""], ["", "a"]]}) == 5
    )


def test_arrays_differ_by_dtype_shape_and_content():
    arrays = [
        np.arange(6),
        np.arange(6.0),
        np.arange(6).reshape(2, 3),
        np.arange(6).reshape(3, 2),
        np.arange(6)[::-1],
        np.arange(6, dtype="i4"),
        np.arange(6, dtype=">i8"),
        np.array(0),
        np.array([0]),
        np.array([], "i8"),
        np.array(["0"]),
        np.array([0], dtype=object),
        np.array([0.0], dtype=object),
        np.array([b"0"]),
    ]

    assert len({of(array, np.ndarray) for array in arrays}) == len(arrays)
    assert of(np.eye(6)[::2, ::2], np.ndarray) == of(np.eye(6)[::2, ::2].copy(), np.ndarray)


@dataclass
class DC:
    a: Any = None


class Thing:
    def __init__(self, **parts):
        self.__dict__.update(parts)


class Slots:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a


def test_objects_differ_by_what_they_hold():
    things = [
        Thing(),
        Thing(a=1),
        Thing(a=1.0),
        Thing(b=1),
        Thing(a="1"),
        Thing(a=[1]),
        Thing(a=(1,)),
        Thing(a={1}),
        Thing(a=frozenset({1})),
        Thing(a=b"1"),
        Thing(a=bytearray(b"1")),
        Slots(1),
        Slots(2),
        DC(1),
        DC(True),
        pd.Timestamp(1),
        pd.Timestamp(2),
        Path("a"),
        Path("b"),
        len,
        abs,
        int,
        float,
        1,
        "1",
        [1],
        {1: 2},
        {2: 1},
        {1: 2, 2: 1},
        {2: 1, 1: 2},
        np.int32(1),
        np.int64(1),
        pd.Series([1]),
        pd.Series([1], name="x"),
        complex(1),
        lambda: 1,
        lambda: 2,
    ]

    assert len({of(thing, Any) for thing in things}) == len(things)


def test_an_object_that_knows_itself_has_an_identity():
    one, two = Thing(a=1), Thing(a=2)
    one.me, two.me = one, two

    assert of(one, Any) != of(two, Any)


SCRIPT = """
import pandas as pd, numpy as np
from typing import Any
from dataclasses import dataclass
from flyte_jupyter.types import TypeEngine

from flyte_jupyter.types.identity import identity
@dataclass
class DC:
    a: set[str]
    b: dict
cases = [
    ({"a", "b", "c"}, set[str]), ({"x", 1, ("y",)}, set), (frozenset("abc"), Any), ({"k": {"a", "b"}}, dict),
    (DC({"a", "b"}, {"z": 1}), DC), (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pd.DataFrame),
    (np.array(["a", "b"], dtype=object), np.ndarray), ([{"a", "b"}], list), ({"a": {"x", "y"}}, Any),
]
print([identity(TypeEngine.to_literal(v, t)) for v, t in cases])
"""


def test_identity_is_the_same_in_every_process():
    root = Path(__file__).parents[2]

    def run(seed):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert run("1") == run("2") != ""


def test_a_model_has_the_same_identity_before_and_after_it_was_kept():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    fresh = preprocessing.StandardScaler().fit([[1.0], [2.0]])

    kept = pickle.loads(pickle.dumps(fresh))

    assert content_of(kept) == content_of(fresh)
    assert content_of(preprocessing.StandardScaler().fit([[1.0], [3.0]])) != content_of(fresh)


def test_the_order_of_an_array_in_memory_counts_as_far_as_a_body_can_see_it():
    rows = np.arange(6).reshape(2, 3)
    columns = np.asfortranarray(rows)
    wide = np.arange(12).reshape(2, 6)[:, ::2]

    def of(value):
        return identity(TypeEngine.to_literal(value, np.ndarray))

    assert of(rows) != of(columns)
    assert of(columns) == of(rows.T.copy().T)
    assert of(wide) == of(wide.copy())
    assert of(rows.astype(object)) != of(columns.astype(object))
    assert of(np.arange(3)) == of(np.asfortranarray(np.arange(3)))
