"""Every command: its help, its errors, its exit status."""

import shlex

import nbformat
import pytest

from flyte_jupyter import __version__
from flyte_jupyter.cli import COMMANDS, GROUPS
from flyte_jupyter.loading import load


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_a_command_has_help_with_an_example(cli, command):
    result = cli(*command.name.split(), "--help")

    assert result.status == 0
    assert f"flyte-jupyter {command.example}" in result.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_an_example_is_a_call_of_its_command(command):
    assert shlex.split(command.example)[: len(command.name.split())] == command.name.split()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_what_a_command_does_is_there(command):
    assert callable(load(f"flyte_jupyter.terminal.{command.act}"))


def test_the_help_names_every_command(cli):
    out = cli("--help").out

    assert all(command.name.split()[0] in out for command in COMMANDS)


@pytest.mark.parametrize("words", [[], ["shwo"], ["runs", "--limit", "many"], *([group] for group in GROUPS)])
def test_wrong_usage_ends_with_two_and_no_traceback(cli, words):
    result = cli(*words)

    assert result.status == 2
    assert "Traceback" not in result.err


def test_the_version_is_told(cli):
    assert cli("--version").out == f"flyte-jupyter {__version__}\n"


def test_a_bad_setting_is_one_line(cli, monkeypatch):
    monkeypatch.setenv("FLYTE_JUPYTER_KEEP_RUNS", "many")

    result = cli("runs")

    assert (result.status, result.err.count("\n")) == (1, 1)
    assert "keep_runs" in result.err


def test_a_store_that_is_no_store_is_one_line(own):
    own.home.mkdir()
    (own.home / "runs.db").write_text("not a database")

    result = own("runs")

    assert (result.status, result.err.count("\n")) == (1, 1)
    assert str(own.home) in result.err


def test_a_reader_that_goes_away_is_no_error(cli):
    process = cli.start("logs", "first")
    process.stdout.close()

    assert "Traceback" not in process.stderr.read()
    process.wait(60)


def test_a_name_that_would_move_a_terminal_does_not(cli):
    result = cli("show", "\x1b[2Jx\ny")

    assert "\x1b" not in result.err
    assert result.err.count("\n") == 1


TASK = """import flyte_jupyter as flyte

env = flyte.TaskEnvironment("t")

@env.task
def f(x: int) -> int:
    return x
"""


def book(file, *cells):
    made = [nbformat.v4.new_code_cell(text, execution_count=n) for n, text in enumerate(cells, 1)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), file)
    return str(file)


def test_export_writes_a_module_beside_the_notebook(cli, tmp_path):
    name = book(tmp_path / "a.ipynb", TASK, "print(flyte.run(f, 3).outputs()[0])")
    result = cli("export", name)
    printed = cli("export", name, "-o", "-")

    assert result.status == 0
    assert "with f" in result.err
    assert printed.out.strip() == (tmp_path / "a.py").read_text().strip()
    compile(printed.out, "a.py", "exec")


def test_lint_ends_with_one_where_it_finds_something(cli, tmp_path):
    found = cli("lint", book(tmp_path / "bad.ipynb", "from math import *"))

    assert cli("lint", book(tmp_path / "fine.ipynb", TASK)).status == 0
    assert found.status == 1
    assert "FJ005" in found.out
