"""``graph`` and ``stale`` in a terminal."""

import nbformat
import pytest


@pytest.fixture
def book(tmp_path):
    def write(*cells):
        made = [nbformat.v4.new_code_cell(text, execution_count=n) for text, n in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=made), tmp_path / "book.ipynb")
        return str(tmp_path / "book.ipynb")

    return write


def test_a_notebook_in_order_has_nothing_stale(cli, book):
    result = cli("stale", book(("a = 1", 1), ("b = a", 2)))

    assert (result.status, result.out) == (0, "nothing is out of date\n")


def test_what_ran_before_a_cell_that_it_takes_from_is_stale_and_all_behind_it(cli, book):
    name = book(("a = 2", 4), ("b = a", 2), ("c = b", 3), ("other = 1", 1), ("d = other", None))
    result = cli("stale", name)

    assert result.status == 1
    assert result.out.splitlines() == [
        "d: it has not run",
        "In[2] b: `a` changed",
        "In[3] c: it takes from In[2] b, which is out of date",
    ]


def test_the_graph_of_a_notebook_in_words(cli, book):
    result = cli("graph", book(("a = 2", 3), ("b = a", 2), ("%%flyte_task last\nc = b + a", 4)))

    assert result.out.splitlines() == [
        "In[3] a: fresh",
        "In[2] b: stale because `a` changed; takes a of In[3] a",
        "In[4] last: stale because it takes from In[2] b, which is out of date; takes b of In[2] b; a of In[3] a",
    ]


def test_the_graph_of_a_run_in_words(cli):
    lines = cli("graph", "first").out.splitlines()

    assert lines[0] == "bill: 1 succeeded"
    assert "  pay: 1 succeeded" in lines


def test_a_notebook_that_is_not_there_is_one_line(cli):
    result = cli("stale", "nothing.ipynb")

    assert (result.status, result.err.count("\n")) == (1, 1)
