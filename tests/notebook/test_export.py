"""Exported modules run by themselves and do what the notebook does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cellfiles import notebooks
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.export import as_notebook, drift, export, export_file

EXAMPLES = Path(__file__).parents[2] / "examples" / "notebooks"
OFFICIAL = os.environ.get("FLYTE_OFFICIAL_PYTHON", "")

SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.colors = "NoColor"
shell.displayhook.write_output_prompt = lambda: None
shell.displayhook.write_format_data = lambda data, md=None: print(data["text/plain"])
shell.displayhook.finish_displayhook = lambda: None
for cell in json.load(open(sys.argv[1])):
    result = shell.run_cell(cell, store_history=True)
    if result.error_in_exec or result.error_before_exec:
        sys.exit(1)
"""


def book(*cells):
    return {
        "cells": [
            {"cell_type": "code", "id": f"c{at}", "source": text, "metadata": {}, "outputs": []}
            for at, text in enumerate(cells, 1)
        ]
    }


def play(*command, cwd, **env):
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def run_module(text, folder, python=sys.executable, **env):
    (folder / "exported.py").write_text(text)
    return play(python, "exported.py", cwd=folder, **env)


def run_cells(cells, folder):
    """What IPython itself prints for the cells."""
    (folder / "cells.json").write_text(json.dumps(cells))
    (folder / "shell.py").write_text(SHELL)
    return play(sys.executable, "shell.py", "cells.json", cwd=folder)


CASES = notebooks("exported_notebooks.txt")
TASKS = notebooks("exported_tasks.txt")


@pytest.mark.parametrize("cells", CASES.values(), ids=CASES)
def test_a_module_prints_what_the_notebook_prints(cells, tmp_path):
    for folder in ("there", "here"):
        (tmp_path / folder / "lib").mkdir(parents=True)
        (tmp_path / folder / "lib" / "near.py").write_text("WORD = 3")
    expected = run_cells(cells, tmp_path / "there")
    # what IPython says about its own magics is no result
    lines = [line for line in expected.stdout.split("\n") if not _is_about_magics(line)]

    found = run_module(export(book(*cells)).text, tmp_path / "here")

    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n") == lines


def _is_about_magics(line):
    starts = (
        "CPU times",
        "Wall time",
        "Writing ",
        "env: ",
        "/",
        "Signature:",
        "\x1b[",
        "<IPython.core.display",
    )
    return line.startswith(starts)


EXPECTED = {
    "tasks": "18\n",
    "the magic": "8 fast 1\n1Gi 1 True\n",
    "the magic below others": "told\n8\n",
    "the magic without an environment or import": "notebook.one 3\n7\n",
    "dataclasses between tasks": "2\n",
    "definitions in a later cell": "6\n",
    "maps": "[0, 1, 4, 9]\n",
}


@pytest.mark.parametrize("name", TASKS)
def test_a_module_with_tasks_runs_by_itself(name, tmp_path):
    found = run_module(export(book(*TASKS[name])).text, tmp_path)

    assert found.returncode == 0, found.stderr
    assert found.stdout == EXPECTED[name]


@pytest.mark.parametrize("name", TASKS)
def test_tasks_of_a_module_can_be_imported_by_another(name, tmp_path):
    (tmp_path / "exported.py").write_text(export(book(*TASKS[name])).text)

    found = play(sys.executable, "-c", "import exported; print(sorted(vars(exported))[:0])", cwd=tmp_path)

    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


@pytest.mark.skipif(
    not OFFICIAL, reason="set FLYTE_OFFICIAL_PYTHON to a Python that has the official SDK (flyte)"
)
@pytest.mark.parametrize(
    "name", ["tasks", "dataclasses between tasks", "definitions in a later cell", "maps"]
)
def test_a_module_works_with_the_official_sdk_after_one_import_is_changed(name, tmp_path):
    text = export(book(*TASKS[name])).text
    official = text.replace("import flyte_jupyter as flyte\n", "import flyte\n")

    found = run_module(official, tmp_path, OFFICIAL)

    assert official != text
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith(EXPECTED[name])


@pytest.mark.skipif(
    not OFFICIAL, reason="set FLYTE_OFFICIAL_PYTHON to a Python that has the official SDK (flyte)"
)
def test_what_the_magic_stands_for_is_defined_in_the_official_sdk_too(tmp_path):
    text = export(book(*TASKS["the magic"][:-2])).text

    found = run_module(text.replace("import flyte_jupyter as flyte\n", "import flyte\n"), tmp_path, OFFICIAL)

    assert found.returncode == 0, found.stderr


class TestText:
    def test_each_task_tells_its_cell_and_the_hash_of_its_slice(self):
        found = export(book(*TASKS["tasks"]))

        assert found.tasks == ("child", "parent")
        assert "# task child: cell c4, slice " in found.text
        assert "# task parent: cell c5, slice " in found.text

    def test_constants_and_definitions_are_at_the_top(self):
        text = export(book(*TASKS["tasks"])).text

        assert (
            text.index("FACTOR = 3")
            < text.index("def helper")
            < text.index("def child")
            < text.index("def main")
        )

    def test_comments_and_formatting_stay(self):
        text = export(book("# the rate\nRATE = 0.10  # a year", "def f( x ):\n    return x*RATE  # yes")).text

        assert "# the rate\nRATE = 0.10  # a year" in text
        assert "def f( x ):\n    return x*RATE  # yes" in text

    def test_what_was_removed_is_told(self):
        assert "# removed: %matplotlib inline" in export(book("%matplotlib inline\nprint(1)")).text

    def test_questions_are_removed(self, tmp_path):
        found = export(book("import json\njson.dumps?\nprint(1)"))

        assert "# removed: %pinfo json.dumps" in found.text
        assert run_module(found.text, tmp_path).stdout == "1\n"

    def test_what_is_not_translated_is_told_and_fails_when_it_is_reached(self, tmp_path):
        found = export(book("print(1)", "%strange thing", "print(2)"))

        result = run_module(found.text, tmp_path)

        assert found.notes == ("%strange thing is not translated",)
        assert "# Note: %strange thing is not translated." in found.text
        assert (result.stdout, result.returncode) == ("1\n", 1)
        assert "NotImplementedError: %strange thing of the notebook is not translated" in result.stderr

    def test_a_cell_that_is_no_python_is_refused_by_its_number(self):
        with pytest.raises(Error, match=r"cell 2 is no Python: .* \(line 2\)"):
            export(book("x = 1", "y = 2\nz = ("))

    def test_a_wrong_line_is_refused_by_the_number_of_its_cell(self):
        with pytest.raises(Error, match=r"cell 1: .*--cpus"):
            export(book("%%flyte_task --cpus 2\ndef f() -> None: ..."))

    def test_a_cell_that_is_a_task_is_plain_code(self, tmp_path):
        found = run_module(
            export(book("raw = [3, 1]", "%%flyte_task clean\nkept = sorted(raw)", "kept")).text, tmp_path
        )

        assert found.stdout == "[1, 3]\n"

    def test_an_empty_notebook_is_an_empty_module(self, tmp_path):
        assert run_module(export(book("", "# nothing")).text, tmp_path).returncode == 0


class TestFiles:
    @pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
    def test_the_examples_are_written(self, path, tmp_path):
        found = export_file(path, tmp_path / "out.py")

        assert (tmp_path / "out.py").read_text() == found.text
        assert found.notes == ()
        compile(found.text, "out.py", "exec")

    def test_the_failing_example_runs(self, tmp_path):
        found = run_module(export_file(EXAMPLES / "failures.ipynb").text, tmp_path)

        assert found.returncode == 0, found.stderr
        assert "attempt 3: asking https://example.org\n'an answer'\n" in found.stdout

    def test_a_file_that_cannot_be_written_is_one_line(self, tmp_path):
        with pytest.raises(Error, match="cannot be written"):
            export_file(EXAMPLES / "failures.ipynb", tmp_path / "no" / "out.py")

    def test_the_history_of_a_kernel_is_a_notebook(self, tmp_path):
        cells = [("a", "x = 1"), ("b", "print(x + K)"), ("a", "x = 5"), ("", "K = 2"), ("b", "print(x * K)")]

        found = run_module(export(as_notebook(cells)).text, tmp_path)

        assert found.stdout == "10\n"


class TestDrift:
    CELLS = TASKS["tasks"]

    def test_nothing_has_changed(self):
        assert drift(export(book(*self.CELLS)).text, book(*self.CELLS)) == []

    def test_comments_and_formatting_do_not_count(self):
        text = export(book(*self.CELLS)).text
        changed = ["# more\n" + cell if "helper" in cell else cell for cell in self.CELLS]

        assert drift(text.replace("FACTOR = 3", "FACTOR   =  3  # three"), book(*changed)) == []

    def test_a_constant_that_was_changed_in_the_notebook(self):
        text = export(book(*self.CELLS)).text
        changed = ["FACTOR = 4" if cell == "FACTOR = 3" else cell for cell in self.CELLS]

        found = drift(text, book(*changed))

        assert [(one.task, one.cell, one.module, one.notebook) for one in found] == [
            ("child", "c4", False, True),
            ("parent", "c5", False, True),
        ]

    def test_a_task_that_was_changed_in_the_module(self):
        text = export(book(*self.CELLS)).text

        found = drift(text.replace("range(n)", "range(n + 1)"), book(*self.CELLS))

        assert [(one.task, one.module, one.notebook) for one in found] == [("parent", True, False)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([cell for cells in CASES.values() for cell in cells]), max_size=8))
def test_cells_in_any_order_make_a_module_that_compiles(cells):
    compile(export(book(*cells)).text, "exported.py", "exec")


def test_a_magic_that_hides_a_task_is_refused_by_its_cell():
    with pytest.raises(
        Error, match="cell 2: %%time stands below %%flyte_task .* put %%time on the line above"
    ):
        export(book("x = 1", "%%flyte_task\n%%time\ny = 2"))
