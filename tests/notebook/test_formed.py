"""A cell that is a task by its metadata, in a real kernel."""

import pytest
from IPython.core.error import UsageError

from flyte_jupyter.notebook.formed import line_of


def test_metadata_is_a_line():
    meta = {
        "flyte": {
            "task": "train",
            "cpu": 2,
            "report": True,
            "wait": False,
            "secret": ["a", "b"],
            "ignore": ["x", "y"],
        }
    }

    assert line_of(meta) == "train --cpu 2 --report --secret a --secret b --ignore x,y"
    assert line_of({"flyte": {"cpu": 2}}) is None
    assert line_of({}) is None


def test_an_unknown_key_is_named():
    with pytest.raises(UsageError, match="'cpus'"):
        line_of({"flyte": {"task": True, "cpus": 2}})


def test_a_cell_with_metadata_defines_tasks(kernel):
    meta = {"task": True, "env": "formed", "cpu": 2, "run": "20"}
    done = kernel.run("K = 2\ndef f(n: int) -> int:\n    return n * K + 2", cell="c-1", flyte=meta)

    assert done.value == "42"
    assert "Task formed.f" in done.displays[0]["text/plain"]
    assert kernel.run("f.resources.cpu").value == "'2'"


def test_a_cell_without_it_is_plain(kernel):
    done = kernel.run("def g(n: int) -> int:\n    return n", cell="c-2", tags=["x"])

    assert done.displays == []
    assert kernel.run("type(g).__name__").value == "'function'"


def test_its_errors_end_at_the_cells_line(kernel):
    done = kernel.run(
        "\ndef f(n: int) -> float:\n    return 1 / n", cell="c", flyte={"task": True, "run": "0"}
    )

    assert "line 3, in f" in done.traceback


def test_it_may_await_and_use_magics(kernel):
    code = "import asyncio\nwords = !echo hi\nawait asyncio.sleep(0)\ndef f() -> str:\n    return words[0]"
    done = kernel.run(code, cell="c", flyte={"task": True, "run": True})

    assert done.value == "'hi'", done.traceback


def test_a_wrong_option_is_one_line(kernel):
    for meta in ({"task": True, "cpus": 2}, {"task": True, "cache": "maybe"}):
        done = kernel.run("def f() -> int: return 1", cell="c", flyte=meta)

        assert done.status == "error"
        assert done.stderr.count("\n") == 1
        assert done.traceback == ""
