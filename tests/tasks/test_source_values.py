"""Captured values count by content, in every process the same."""

import copy
import datetime as dt
import decimal
import enum
import pathlib
import re
import subprocess
import sys
import textwrap
import types
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.tasks.slicing.values import OpaqueError, fingerprint


def refer(value: object) -> str | None:
    code = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
    return f"{value.__module__}.{value.__qualname__}" if code else None


def content(value: object) -> str:
    return fingerprint(value, refer)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.frozensets(st.text())
    ),
)


def shape(value: object) -> object:
    """Tell apart what == does not: types, signs of zero, order of keys."""
    if isinstance(value, list | tuple):
        return (type(value).__name__, [shape(v) for v in value])
    if isinstance(value, dict):
        return ("dict", [(shape(k), shape(v)) for k, v in value.items()])
    return (type(value).__name__, sorted(value) if isinstance(value, frozenset) else repr(value))


@given(values, values)
def test_equal_digests_mean_equal_values(a, b):
    assert (content(a) == content(b)) == (shape(a) == shape(b))


@given(values)
def test_a_copy_has_the_same_digest(value):
    assert content(value) == content(copy.deepcopy(value))


DIFFERENT = [
    [[1], [2]],
    [[1, 2]],
    [[1, 2], []],
    [[], [1, 2]],
    {"a": {"b": 1}},
    {"ab": {"": 1}},
    {"a": {}, "b": {}},
    [1, True],
    [True, 1],
    [1.0, 1],
    ["1", 1],
    [b"1", 1],
    0.0,
    -0.0,
    float("nan"),
    bytearray(b"a"),
    b"a",
    {1, 2},
    frozenset({1, 2}),
    OrderedDict(a=1),
    {"a": 1},
    defaultdict(int, a=1),
    defaultdict(str, a=1),
    Counter("a"),
    deque([1]),
    deque([1], maxlen=2),
    range(3),
    range(0, 3, 2),
    slice(1),
    dt.datetime(2024, 1, 1),  # noqa: DTZ001 - without a zone is the case
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.date(2024, 1, 1),
    dt.timedelta(1),
    decimal.Decimal("1.0"),
    decimal.Decimal("1.00"),
    pathlib.Path("a"),
    re.compile("a"),
    re.compile("a", re.IGNORECASE),
    enum.Enum("E", "A B").A,
    enum.Enum("E", "A B").B,
    types.SimpleNamespace(a=1),
    types.MappingProxyType({"a": 1}),
    int | str,
    list[int],
    list[str],
    np.float64(1),
    np.float32(1),
    np.int64(1),
    np.array([1]),
    np.array([1.0]),
    np.array([[1]]),
    np.array([1], dtype=">i8"),
    np.array(["a"], dtype=object),
    np.array(["a"]),
    np.array(["2024-01-01"], dtype="M8[D]"),
    np.array([(1, 2.0)], dtype=[("x", "i8"), ("y", "f8")]),
    np.array([(1, 2.0)], dtype=[("x", "i8"), ("z", "f8")]),
    np.ma.array([1], mask=[True]),
    np.dtype("i4"),
    np.array([]),
    np.array([], dtype="i4"),
    pd.Series([1]),
    pd.Series([1], name="a"),
    pd.Series([1], index=[1]),
    pd.Series(["a"]),
    pd.Series(["a"], dtype=object),
    pd.Series(["a"], dtype="category"),
    pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"])),
    pd.Series([1, None], dtype="Int64"),
    pd.Series([1, 0], dtype="Int64"),
    pd.Series(pd.to_datetime(["2024-01-01"])),
    pd.Series(pd.to_datetime(["2024-01-01"], utc=True)),
    pd.Series([pd.Timedelta(1)]),
    pd.Series([pd.Period("2024-01")]),
    pd.Series([1], dtype="int64[pyarrow]"),
    pd.Series([pd.Interval(0, 1)]),
    pd.Series([[1, 2]]),
    pd.DataFrame({"a": [1]}),
    pd.DataFrame({"b": [1]}),
    pd.DataFrame({"a": [1.0]}),
    pd.DataFrame({"a": [1]}, index=["x"]),
    pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])),
    pd.DataFrame({"a": [1], "b": [2]}),
    pd.DataFrame({"b": [2], "a": [1]}),
    pd.DataFrame(),
    pd.Index([1]),
    pd.RangeIndex(1),
    pd.Timestamp("2024-01-01"),
    pd.NA,
    pd.NaT,
    pa.table({"a": [1]}),
    pa.table({"a": [1.0]}),
    pa.table({"a": [None]}),
    pa.array([1]),
    pa.array([1, None]),
    pa.chunked_array([[1], [2]]),
    pa.RecordBatch.from_pydict({"a": [1]}),
    pa.int64(),
    pl.DataFrame({"a": [1]}),
    pl.Series("a", [1]),
]


def test_no_two_different_values_look_alike():
    seen: dict[str, object] = {}
    alike = [
        (seen[c], value) for value in DIFFERENT if seen.setdefault(c := content(value), value) is not value
    ]

    assert alike == []


def test_each_value_has_the_digest_of_its_copy():
    copied = [value for value in DIFFERENT if not isinstance(value, types.MappingProxyType)]

    assert [value for value in copied if content(value) != content(copy.deepcopy(value))] == []


def test_how_memory_is_cut_does_not_count():
    whole = np.arange(12).reshape(3, 4)
    frame = pd.DataFrame(whole, columns=list("abcd"))
    table = pa.table({"a": list(range(10))})

    assert content(whole) == content(np.hstack([whole, whole])[:, :4])
    assert content(frame) == content(pd.DataFrame({c: frame[c].to_numpy().copy() for c in "abcd"}))
    assert content(table) == content(pa.concat_tables([table.slice(0, 4), table.slice(4)]))
    assert content(table.slice(2, 3)) == content(pa.table({"a": [2, 3, 4]}))


def test_large_frames_count_by_each_cell():
    frame = pd.DataFrame({"a": np.arange(100_000), "s": [f"x{i % 7}" for i in range(100_000)]})
    before = content(frame)
    other = frame.copy()
    other.loc[99_999, "s"] = "y"

    assert content(frame.copy()) == before != content(other)


def test_what_has_no_content_is_refused_by_its_type(tmp_path):
    with (tmp_path / "a").open("w") as file:
        for value in ((i for i in ()), file):
            with pytest.raises(OpaqueError, match=type(value).__name__):
                content([value])


def test_loops_and_deep_nesting_end():
    loop: list = [1]
    loop.append(loop)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]

    assert content(loop) == content(copy.deepcopy(loop))
    with pytest.raises(OpaqueError, match="deep"):
        content(deep)


SCRIPT = """
    import linecache, sys, re, pathlib
    import numpy as np, pandas as pd
    from flyte_jupyter.tasks.source import version_of
    text = '''
    from dataclasses import dataclass
    from enum import Enum
    class Color(Enum):
        RED = 1
        BLUE = 2
    @dataclass
    class Config:
        names: set
        color: Color = Color.RED
        def go(self, x): return {x in {"a", "b", "c"}, self.color}
    WORDS = {"alpha", "beta", "gamma", "delta"}
    CONFIG = Config({"x", "y", "z"})
    FRAME = pd.DataFrame({"s": ["a", None], "n": [1.5, 2], "c": pd.Categorical(["u", "v"])})
    TABLE = {k: frozenset({k, k * 2}) for k in "abc"}
    PATTERN, PATH, ARRAY = re.compile("a+"), pathlib.Path("x"), np.arange(5)
    make = lambda k: lambda x: x + k
    add = make(3)
    def helper(x, *, among={"p", "q"}): return x in {"k", "l", "m"} or add(x)
    def work(x, config=CONFIG):
        return helper(x), WORDS, config.go(x), FRAME, TABLE, PATTERN, PATH, ARRAY
    '''
    import textwrap
    text = textwrap.dedent(text)
    name = sys.argv[1]
    if name != "-":
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": "__main__", "pd": pd, "np": np, "re": re, "pathlib": pathlib}
    exec(compile(text, name, "exec"), space)
    print(version_of(space["work"]))
"""


@pytest.mark.parametrize("names", [("/tmp/ipykernel_1/2.py", "/tmp/ipykernel_99/77.py"), ("-", "-")])
def test_versions_are_the_same_in_every_process(names):
    def version(name: str, seed: str) -> str:
        command = [sys.executable, "-c", textwrap.dedent(SCRIPT), name]
        out = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        return out.stdout

    assert version(names[0], "1") == version(names[1], "2") != ""


def test_the_order_of_a_captured_array_in_memory_counts():
    rows = np.arange(6).reshape(2, 3)
    columns = np.asfortranarray(rows)

    assert content(rows) != content(columns)
    assert content(columns) == content(rows.T.copy().T)
    assert content(np.arange(12).reshape(2, 6)[:, ::2]) == content(np.array([[0, 2, 4], [6, 8, 10]]))
