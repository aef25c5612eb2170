"""The lint: what it finds, and above all what it does not."""

from pathlib import Path

import pytest
from cellfiles import notebooks
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.lint import RULES, findings_text, lint, lint_file

EXAMPLES = Path(__file__).parents[2] / "examples" / "notebooks"


def book(*cells, counts=None, **facts):
    counts = counts or [None] * len(cells)
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {
                "cell_type": "code", "id": f"c{number}", "source": source.splitlines(keepends=True),
                "metadata": {}, "outputs": [], "execution_count": count, **facts,
            }
            for number, (source, count) in enumerate(zip(cells, counts, strict=True), 1)
        ],
    }  # fmt: skip


def codes(*cells, **facts):
    return [(one.code, one.cell, one.line) for one in lint(book(*cells, **facts))]


FINE = notebooks("fine_notebooks.txt")
"""Cells of notebooks that are fine, by what they are about."""


@pytest.mark.parametrize("cells", FINE.values(), ids=FINE)
def test_nothing_is_found_in(cells):
    assert lint(book(*cells)) == []


KEYS = st.sampled_from(["source", "cell_type", "metadata", "tags", "outputs", "id"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


class TestNames:
    def test_a_name_that_is_defined_below(self):
        found = lint(book("print(x)", "x = 1"))

        assert [(one.code, one.cell, one.line, one.id) for one in found] == [("FJ001", 1, 1, "c1")]
        assert found[0].message == "'x' is defined only below, in cell 2"
        assert found[0].fix == "Move cell 2 above this one"

    def test_a_name_that_is_defined_nowhere(self):
        found = lint(book("\n\ny = 1\nprint(frmae, y)", "frame = 1"))

        assert [(one.code, one.line) for one in found] == [("FJ001", 4)]
        assert found[0].fix == "Did you mean 'frame'?"

    def test_a_name_whose_cell_was_deleted(self):
        found = lint(book("print(gone)", counts=[5]))

        assert found[0].code == "FJ002"
        assert "no cell defines it" in found[0].message

    def test_a_cell_that_failed_is_no_proof_of_hidden_state(self):
        error = {"output_type": "error", "ename": "NameError", "evalue": "", "traceback": []}

        assert [one.code for one in lint(book("print(gone)", counts=[5], outputs=[error]))] == ["FJ001"]

    def test_a_name_in_a_function_that_nobody_defines(self):
        assert codes("def f():\n    return missing") == [("FJ001", 1, 2)]

    def test_a_function_that_is_called_before_what_it_needs(self):
        found = lint(book("def f(): return later", "f()", "later = 1"))

        assert [(one.code, one.cell) for one in found] == [("FJ001", 2)]
        assert found[0].message == "f() needs 'later', which is defined only below, in cell 3"

    def test_a_deleted_name(self):
        found = lint(book("x = 1", "del x", "print(x)"))

        assert found[0].message == "'x' was deleted before this cell runs"

    def test_a_name_that_is_changed_before_it_is_there(self):
        assert codes("total += 1") == [("FJ001", 1, 1)]

    def test_a_default_and_a_decorator_are_needed_at_once(self):
        assert codes("@deco\ndef f(x=default): ...", "deco = default = 1") == [
            ("FJ001", 1, 1),
            ("FJ001", 1, 2),
        ]

    def test_a_name_in_a_timed_line(self):
        assert codes("%time y = f(x)") == [("FJ001", 1, 1), ("FJ001", 1, 1)]

    def test_the_line_counts_from_the_cells_first_one(self):
        assert codes("%%flyte_task\n\n\ndef f(x: int) -> int:\n    return missing") == [("FJ001", 1, 5)]

    def test_timeit_keeps_its_names(self):
        assert codes("%%timeit\nx = 1", "x") == [("FJ001", 2, 1)]

    def test_each_name_is_told_once_a_cell(self):
        assert codes("x\nx\nx") == [("FJ001", 1, 1)]

    def test_a_cell_that_is_skipped_defines_nothing(self):
        content = book("x = 1", "x")
        content["cells"][0]["metadata"] = {"tags": ["skip-execution"]}

        assert [(one.code, one.cell) for one in lint(content)] == [("FJ001", 2)]


class TestStyle:
    def test_cells_that_were_executed_out_of_order(self):
        found = lint(book("x = 1", "y = 2", "z = 3", counts=[1, 5, 3]))

        assert [(one.code, one.cell) for one in found] == [("FJ003", 3)]
        assert found[0].message == "In[3] was executed before In[5], which stands above it"

    def test_a_cell_that_was_left_out(self):
        assert codes("x = 1", "y = 2", "z = 3", counts=[1, None, 3]) == [("FJ004", 2, 1)]

    def test_gaps_and_cells_at_the_end_are_fine(self):
        assert codes("x = 1", "y = 2", "z = 3", counts=[4, 9, None]) == []

    def test_star_imports(self):
        assert codes("import os\nfrom math import *", "sqrt(2)") == [("FJ005", 1, 2)]

    @pytest.mark.parametrize(
        "path",
        ["/home/me/data", "/Users/me/x.csv", r"C:\data\x.csv", "C:/data", "/content/drive/x",
         "/srv/files/x.parquet", r"\\server\share\x", "file:///home/me/x"],
    )  # fmt: skip
    def test_paths_of_one_machine(self, path):
        found = lint(book(f"x = 1\nopen({path!r})"))

        assert [(one.code, one.line) for one in found] == [("FJ006", 2)]

    def test_paths_in_magics(self):
        assert codes("%cd /home/me/project") == [("FJ006", 1, 1)]

    def test_paths_in_f_strings(self):
        assert codes("n = 1\nf'/home/me/{n}.csv'") == [("FJ006", 1, 2)]

    def test_cells_that_are_no_python(self):
        found = lint(book("x = 1", "\ny = (1"))

        assert [(one.code, one.cell) for one in found] == [("FJ010", 2)]


class TestTasks:
    SETUP = "import flyte_jupyter as flyte\nenv = flyte.TaskEnvironment('a')"

    def test_missing_types(self):
        found = lint(book(self.SETUP, "@env.task\ndef f(a, b: int, *, c): return a"))

        assert [(one.code, one.cell, one.line) for one in found] == [("FJ007", 2, 2), ("FJ007", 2, 2)]
        assert "a, c has no type" in found[0].message
        assert found[0].fix == "Annotate it, such as a: int"

    def test_missing_types_under_the_magic(self):
        assert codes("%%flyte_task\ndef f(a): return a\ndef _helper(b): return b") == [("FJ007", 1, 2)] * 2

    def test_missing_types_in_a_cloned_environment(self):
        cells = (self.SETUP, "other = env.clone_with('b')\n@other.task(retries=2)\ndef f(): return 1")

        assert codes(*cells) == [("FJ007", 2, 3)]

    def test_magics_in_a_task(self):
        cell = "@env.task\ndef f() -> None:\n    !ls\n    %cd ..\n    x = !pwd\n    print(x)"

        assert codes(self.SETUP, cell) == [("FJ008", 2, 3), ("FJ008", 2, 4), ("FJ008", 2, 5)]

    def test_magics_beside_tasks_are_fine(self):
        assert codes("%%flyte_task\n%matplotlib inline\n!ls\ndef f() -> None: ...") == []

    def test_magics_in_a_cell_that_is_a_task(self):
        assert codes("%%flyte_task clean\n!ls\nx = 1") == [("FJ008", 1, 2)]

    def test_a_task_in_two_cells(self):
        found = lint(
            book(self.SETUP, "@env.task\ndef f() -> None: ...", "%%flyte_task\ndef f() -> None: ...")
        )

        assert [(one.code, one.cell) for one in found] == [("FJ009", 3)]
        assert "is defined in cell 2 already" in found[0].message


class TestCached:
    ENV = "import flyte_jupyter as flyte, importlib, random, time\nimport numpy as np\nX = 1\n"

    @pytest.mark.parametrize(
        ("head", "is_told"),
        [
            ("env = flyte.TaskEnvironment(name='e')\n@env.task(cache='auto')\n", True),
            ("env = flyte.TaskEnvironment(name='e')\n@env.task(cache=flyte.Cache('auto'))\n", True),
            ("env = flyte.TaskEnvironment(name='e', cache='auto')\n@env.task\n", True),
            ("env = flyte.TaskEnvironment(name='e', cache='auto')\n@env.task(cache='disable')\n", False),
            ("env = flyte.TaskEnvironment(name='e')\n@env.task\n", False),
            ("env = flyte.TaskEnvironment(name='e')\n@env.task(cache=flyte.Cache('auto', 'v1'))\n", False),
        ],
    )
    def test_only_tasks_that_are_cached_by_their_code(self, head, is_told):
        found = codes(self.ENV + head + "def f(x: str) -> str:\n    return globals()[x]")

        assert [code for code, _, _ in found] == (["FJ011"] if is_told else [])

    @pytest.mark.parametrize(
        ("options", "is_told"),
        [
            ("--cache auto", True),
            ("--cache=auto", True),
            ("", False),
            ("--cache auto --cache-version 1", False),
        ],
    )
    def test_tasks_of_the_magic(self, options, is_told):
        found = codes(f"%%flyte_task {options}\ndef f(x: str) -> float:\n    return eval(x)")

        assert found == ([("FJ011", 1, 3)] if is_told else [])

    @pytest.mark.parametrize(
        "expression",
        ["globals()[x]", "eval(x)", "exec(x)", "__import__(x)", "importlib.import_module(x)"],
    )
    def test_names_that_cannot_be_seen_also_in_helpers(self, expression):
        task = "%%flyte_task --cache auto\ndef f(x: str) -> str:\n    return helper(x)"
        found = lint(book(f"{self.ENV}def helper(x):\n    return {expression}", task))

        assert [(one.code, one.cell, one.line) for one in found] == [("FJ011", 1, 5)]
        assert found[0].message.startswith("cached task f: helper uses ")
        assert "--cache-version" in found[0].fix

    @pytest.mark.parametrize(
        ("body", "is_told"),
        [
            ("time.time()", True),
            ("random.random()", True),
            ("np.random.rand(3)", True),
            ("np.random.default_rng().random()", True),
            ("np.random.default_rng(1).random()", False),
            ("random.Random(1).random()", False),
            ("(random.seed(1), random.random())", False),
            ("time.perf_counter()", False),
            ("globals()['X']", False),
            ("eval('X + 1')", False),
        ],
    )
    def test_what_differs_from_call_to_call(self, body, is_told):
        found = codes(f"{self.ENV}X", f"%%flyte_task --cache auto\ndef f() -> float:\n    return {body}")

        assert found == ([("FJ012", 2, 3)] if is_told else [])


class TestReading:
    def test_the_examples_have_nothing(self):
        paths = sorted(EXAMPLES.glob("*.ipynb"))

        assert paths
        assert {path.name: lint_file(path) for path in paths} == {path.name: [] for path in paths}

    def test_findings_read_in_a_terminal(self):
        text = findings_text(lint(book("print(x)", "x = 1")))

        assert "FJ001  'x' is defined only below, in cell 2. Move cell 2 above this one" in text
        assert text.endswith("1 finding")

    def test_a_notebook_with_nothing(self):
        assert findings_text(lint(book())) == "nothing found"

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', "\x00"])
    def test_what_is_no_notebook_is_refused_in_one_line(self, tmp_path, content):
        path = tmp_path / "a.ipynb"
        path.write_text(content)

        with pytest.raises(Error, match="is no notebook"):
            lint_file(path)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(Error, match="cannot be read"):
            lint_file(tmp_path / "none.ipynb")

    def test_every_code_is_documented(self):
        assert list(RULES) == [f"FJ{number:03}" for number in range(1, len(RULES) + 1)]

    @given(st.lists(st.text(), max_size=4))
    def test_any_text_in_cells_is_read(self, texts):
        for one in lint(book(*texts)):
            assert one.code in RULES

    @given(value=JSON)
    def test_any_json_in_cells_is_read(self, value):
        content = {
            "cells": [{"cell_type": "code", "source": value, "metadata": value, "outputs": value}, value]
        }

        for one in lint(content):
            assert one.code in RULES
