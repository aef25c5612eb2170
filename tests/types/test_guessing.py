"""Types are guessed from literal types where no annotation is at hand."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from flyte_jupyter.types import LiteralType, TypeEngine
from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir
from flyte_jupyter.types.guessing import guess
from flyte_jupyter.types.handles import DataFrame
from flyte_jupyter.types.literal import SimpleType


class Color(Enum):
    RED = 1


@dataclass
class Inner:
    x: int
    when: datetime = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Outer:
    a: int
    inner: Inner
    many: list[Inner] = field(default_factory=list)
    maybe: Inner | None = None
    lasts: timedelta = timedelta(1)
    raw: bytes = b""
    numbered: dict[int, float] = field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


@pytest.mark.parametrize(
    ("kind", "guessed"),
    [
        (int, int),
        (float, float),
        (str, str),
        (bool, bool),
        (datetime, datetime),
        (timedelta, timedelta),
        (None, type(None)),
        (list[int], list[int]),
        (dict[str, list[int]], dict[str, list[int]]),
        (int | None, int | None),
        (bytes, Any),
        (Any, Any),
        (File, File),
        (Dir, Dir),
        (pd.DataFrame, DataFrame),
        (np.ndarray, np.ndarray),
        (dict, Any),
        (dict[int, str], Any),
    ],
)
def test_a_type_is_guessed(kind, guessed):
    assert TypeEngine.guess_python_type(TypeEngine.to_literal_type(kind)) == guessed


def test_an_enumeration_is_made_anew():
    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(Color))

    assert TypeEngine.to_python_value(TypeEngine.to_literal(Color.RED, Color), guessed) is guessed.RED
    assert guess(LiteralType(enum=("not a name",))).__args__ == ("not a name",)


def test_a_structure_is_a_dataclass_with_the_same_fields():
    value = Outer(1, Inner(2), [Inner(3)], Inner(4), raw=b"x", numbered={1: 0.5})
    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(Outer))

    found = TypeEngine.to_python_value(TypeEngine.to_literal(value, Outer), guessed)

    assert guessed.__name__ == "Outer"
    assert [f.name for f in dataclasses.fields(guessed)] == [f.name for f in dataclasses.fields(Outer)]
    assert (found.a, found.inner.x, found.many[0].x, found.maybe.x) == (1, 2, 3, 4)
    assert (found.inner.when, found.lasts, found.raw) == (value.inner.when, value.lasts, b"x")
    assert found.numbered == {1: 0.5}


def test_a_schema_that_refers_to_itself_ends():
    value = Tree(value=1, children=[Tree(value=2)])
    guessed = TypeEngine.guess_python_type(TypeEngine.to_literal_type(Tree))

    found = TypeEngine.to_python_value(TypeEngine.to_literal(value, Tree), guessed)

    assert found.value == 1
    assert found.children == [{"value": 2, "children": []}]


def test_a_type_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no Python type reads"):
        guess(LiteralType())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(), x, max_size=2),
    max_leaves=4,
)
WORDS = ["type", "properties", "items", "$ref", "$defs", "anyOf", "enum", "required", "title", "format"]
SCHEMAS = st.recursive(
    JSON | st.sampled_from(["object", "array", "string", "#/$defs/a"]),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.sampled_from(WORDS), x, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(WORDS), SCHEMAS, max_size=4))
def test_any_schema_is_a_type_or_our_error(schema):
    try:
        guess(LiteralType(simple=SimpleType.STRUCT, metadata=schema))
    except ValueError:
        return
