"""The README's examples are run, and its two commands are where the continuous integration looks for them."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from books import Books

from flyte_jupyter.cli import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    return Books(tmp_path_factory.mktemp("readme"))


def test_the_python_examples_print_what_they_say(books):
    script = books.folder / "readme.py"
    script.write_text("\n\n".join(blocks("python")))
    expected = re.findall(r"^print\(.*\)  # (.*)$", script.read_text(), re.MULTILINE)

    done = subprocess.run(
        [sys.executable, str(script)], env=books.variables, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected
    assert len(expected) == 5


def test_the_notebook_examples_run(books):
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source.strip("\n")) for source in blocks("ipython")]
    nbformat.write(book, books.folder / "readme.ipynb")

    books.run("run", "readme.ipynb")

    assert len(book.cells) == 3


def test_the_two_commands_are_one_line_each():
    lines = [line for line in README.splitlines() if line.startswith("    python3 -m venv")]

    assert [line.rsplit("&& ", 1)[1] for line in lines] == [
        ".venv/bin/flyte-jupyter demo",
        ".venv/bin/pytest",
    ]
    assert re.findall(r"^    (.*pytest.*)$", README, re.MULTILINE) == [lines[1].strip()]


def test_the_commands_that_it_names_exist():
    named = set(re.findall(r"flyte-jupyter ([a-z]+)", README)) - {"demo"}

    assert named <= {command.name.split()[0] for command in COMMANDS}
