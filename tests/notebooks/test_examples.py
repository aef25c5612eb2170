"""Every example notebook: clean as committed, and it runs."""

import ast

import nbformat
import pytest
from books import EXAMPLES, Books

from flyte_jupyter.terminal import demo

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_a_notebook_is_committed_without_outputs(file):
    book = nbformat.read(file, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]

    nbformat.validate(book)
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert len({cell.id for cell in book.cells}) == len(book.cells)
    assert book.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda f: f.stem)
def test_the_code_of_a_notebook_is_python_but_for_its_magics(file):
    for cell in nbformat.read(file, as_version=4).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
            ast.parse("\n".join(lines))


def test_the_failures_run_to_their_end(tmp_path):
    books = Books(tmp_path)

    books.run("run", str(EXAMPLES / "failures.ipynb"), "-o", "out.ipynb")

    states = {state.root.short: state for state in books.states()}
    assert {name: state.phase.value for name, state in states.items()} == {
        "fetch": "SUCCEEDED",
        "parse": "FAILED",
        "wait": "TIMED_OUT",
        "parse_all": "SUCCEEDED",
        "count": "SUCCEEDED",
    }
    assert len(states["fetch"].root.attempts) == 3
    assert len(states["parse"].root.attempts) == 1


def test_the_demo_runs_and_ends_with_its_table(tmp_path):
    books = Books(tmp_path)

    out, err = books.run("demo")

    assert "United Air Lines Inc." in out
    assert len(out.splitlines()) == 17
    assert "flyte-jupyter demo --lab" in err
    nbformat.validate(nbformat.read(books.home / "demo" / "quickstart.ipynb", as_version=4))


def test_what_the_demo_lacks_is_named():
    assert demo.missing({"no_such_module": "no-such-package", "json": "json"}) == ["no-such-package"]
    assert demo.missing() == []


def test_the_copy_for_jupyterlab_keeps_changes(tmp_path):
    file = demo.copied(tmp_path)
    assert file.read_bytes() == (EXAMPLES / "quickstart.ipynb").read_bytes()

    file.write_text("changed")

    assert demo.copied(tmp_path).read_text() == "changed"
