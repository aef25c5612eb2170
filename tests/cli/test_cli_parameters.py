"""Parameters: how values are read, and how they get into a notebook."""

import ast

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.terminal import parameters
from flyte_jupyter.terminal.screen import UsageError

literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def notebook(*cells):
    made = nbformat.v4.new_notebook()
    for source, *tags in cells:
        made.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}))
    return made


@given(literals)
def test_a_python_literal_is_read_as_itself(value):
    assert parameters.value(repr(value)) == value


@given(st.text())
def test_any_text_gives_a_value_that_can_be_written_as_python(text):
    value = parameters.value(text)

    assert ast.literal_eval(repr(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("1e3", 1000.0), ("True", True), ("true", True), ("null", None), ("None", None),
        ("[1, 2]", [1, 2]), ('{"a": true}', {"a": True}), ("'1'", "1"), ("abc", "abc"), ("", ""),
        ("a=b", "a=b"), ("2013-10-11", "2013-10-11"), ("007", "007"), ("NaN", "NaN"), ("1e999", "1e999"),
        ("(" * 5000, "(" * 5000),
    ],
)  # fmt: skip
def test_values_are_literals_or_text(text, value):
    assert parameters.value(text) == value
    assert type(parameters.value(text)) is type(value)


@pytest.mark.parametrize("pair", ["name", "=1", "1a=2", "for=3", "a b=1"])
def test_what_is_no_pair_is_refused(pair):
    with pytest.raises(UsageError, match="name=value"):
        parameters.parse([pair])


def test_a_name_that_comes_twice_is_refused():
    with pytest.raises(UsageError, match="twice"):
        parameters.parse(["a=1", "a=2"])


def test_values_are_injected_behind_the_cell_that_declares_them():
    book = notebook(("import os",), ("a = 1\nb: int = 2", "parameters"), ("print(a)",))

    parameters.inject(book, {"a": "x", "b": 3})

    assert [cell.source for cell in book.cells][2] == "# Parameters\na = 'x'\nb = 3"
    assert book.cells[2].metadata.tags == ["injected-parameters"]
    nbformat.validate(book)


def test_an_earlier_injected_cell_is_replaced():
    book = notebook(("a = 1", "parameters"), ("a = 2", "injected-parameters"), ("a",))

    parameters.inject(book, {"a": 3})

    assert [cell.source for cell in book.cells] == ["a = 1", "# Parameters\na = 3", "a"]


def test_an_unknown_name_is_refused_with_the_closest_one():
    book = notebook(("sample = 1\ndepth = 2", "parameters"))

    with pytest.raises(
        UsageError, match=r"no parameter 'sampel'; did you mean 'sample'\? It has sample, depth"
    ):
        parameters.inject(book, {"sampel": 3})


def test_an_unknown_name_that_is_close_to_none_is_refused_in_whole_sentences():
    with pytest.raises(UsageError, match=r"no parameter 'x'\. It has sample"):
        parameters.inject(notebook(("sample = 1", "parameters")), {"x": 3})


def test_a_notebook_without_parameters_takes_none():
    with pytest.raises(UsageError, match="no cell has the tag 'parameters'"):
        parameters.inject(notebook(("a = 1",)), {"a": 3})


def test_a_notebook_is_left_alone_where_no_value_is_given():
    book = notebook(("a = 1", "injected-parameters"))

    parameters.inject(book, {})

    assert len(book.cells) == 1


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1", ["a", "b"]),
        ("a, (b, *c) = 1, (2, 3)", ["a", "b", "c"]),
        ("a: int", []),
        ("%time a = 1\nb = 2", ["b"]),
        ("a =", []),
    ],
)
def test_declared_names_are_those_that_are_assigned(source, names):
    assert parameters.declared(source) == names
