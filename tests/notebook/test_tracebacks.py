"""Errors: of the user's class, with the user's frames only, ending at the cell's line."""

import re

import pytest

SETUP = """
env = flyte.TaskEnvironment("t")
class Wrong(ValueError): pass
def helper(x):
    return {}[x]
"""


@pytest.fixture(autouse=True)
def names(kernel):
    kernel.run(SETUP)


def clean(done, last):
    """Whether the traceback has the user's frames only and ends at a line."""
    assert "site-packages" not in done.traceback, done.traceback
    assert "flyte_jupyter" not in done.traceback, done.traceback
    assert "hidden" not in done.traceback
    arrow = [line for line in done.traceback.splitlines() if line.startswith("-") and "-> " in line][-1]
    assert last in arrow, done.traceback


def test_in_a_task_of_the_same_cell(kernel):
    done = kernel.run("@env.task\ndef f(x: int) -> float:\n    y = 0\n    return x / y\nflyte.run(f, 1)")

    assert done.error == "ZeroDivisionError: division by zero"
    clean(done, "4     return x / y")


def test_in_a_helper_of_another_cell(kernel):
    done = kernel.run("@env.task\ndef f(x: int) -> int:\n    return helper(x)\nflyte.run(f, 1)")

    assert done.error == "KeyError: 1"
    clean(done, "return {}[x]")


def test_in_a_comprehension(kernel):
    done = kernel.run(
        "@env.task\ndef f(x: int) -> int:\n    return [1 / i for i in range(x)]\nflyte.run(f, 1)"
    )

    assert done.error == "ZeroDivisionError: division by zero"
    assert "Cell In[" in done.traceback
    assert "line 3, in f.<locals>.<listcomp>" in done.traceback
    assert "flyte_jupyter" not in done.traceback


def test_in_a_child_of_a_child(kernel):
    done = kernel.run(
        "@env.task\ndef a() -> int:\n    return b()\n@env.task\ndef b() -> int:\n    return c()\n"
        "@env.task\ndef c() -> int:\n    raise Wrong('deep')\nflyte.run(a)"
    )

    assert done.error == "Wrong: deep"
    clean(done, "9     raise Wrong('deep')")
    assert done.traceback.count("Cell In[") == 4


def test_in_a_worker_of_a_task_that_uses_a_module_which_another_cell_imports(kernel):
    kernel.run("import math\nimport time as clock")
    done = kernel.run(
        "@env.task\ndef f(x: int) -> float:\n    clock.sleep(0.0)\n    g = lambda y: math.sqrt(y)\n"
        "    return g(x) / x\nflyte.with_runcontext(isolation='process').run(f, 0)"
    )

    assert done.error == "ZeroDivisionError: float division by zero"
    clean(done, "5     return g(x) / x")


def test_a_worker_shows_the_lines_that_a_thread_shows(kernel):
    kernel.run(
        "filler = 1\n"
        * 12
        + "def inner(z):\n    a = 1\n    return [1 /\n        z for _ in 'a']\n\n@env.task\n"
        "def boom(x: int) -> int:\n    y = x - x\n    q = 2\n    inner(y)\n    return q"
    )
    run = "flyte.with_runcontext(isolation={!r}).run(boom, 3)"
    shown = [kernel.run(run.format(place)).traceback for place in ("thread", "process")]
    plain = [re.sub(r"\(.*\)|In\[\d+\]|-+", "", text.partition("Cell ")[2]) for text in shown]

    assert "inner(y)" in shown[0]
    assert plain[1].replace("process", "thread") == plain[0]


def test_in_an_awaited_run_of_asynchronous_tasks(kernel):
    done = kernel.run(
        "import asyncio\n@env.task\nasync def a() -> int:\n"
        "    return sum(await asyncio.gather(*(b(i) for i in range(3))))\n"
        "@env.task\nasync def b(i: int) -> int:\n    raise Wrong(i)\nawait flyte.run.aio(a)"
    )

    assert done.error.startswith("Wrong: ")
    clean(done, "7     raise Wrong(i)")


def test_under_the_magic_lines_count_from_the_cells_first(kernel):
    done = kernel.run("%%flyte_task --run 0\n\n\ndef f(x: int) -> float:\n    # why\n    return 1 / x")

    clean(done, "6     return 1 / x")
    assert "run_cell_magic" not in done.traceback
    assert done.traceback.count("Cell In[") == 1


def test_under_the_magic_and_behind_blank_lines(kernel):
    done = kernel.run("\n\n%%flyte_task\ndef f() -> int: return 1\n1 / 0")

    clean(done, "5 1 / 0")


def test_a_statement_beside_the_functions(kernel):
    done = kernel.run("%%flyte_task\ndef f() -> int: return 1\nhelper(2)")

    clean(done, "return {}[x]")
    assert "3 helper(2)" in done.traceback


def test_a_statement_that_awaits_beside_the_functions(kernel):
    done = kernel.run(
        "%%flyte_task\nimport asyncio\nawait asyncio.sleep(0)\ndef f() -> int: return 1\nhelper(2)"
    )

    clean(done, "return {}[x]")
    assert "5 helper(2)" in done.traceback


def test_a_cell_that_is_no_python_names_its_line(kernel):
    done = kernel.run("%%flyte_task\n\ndef f(:\n    pass")

    assert done.error.startswith("SyntaxError")
    assert "line 3" in done.traceback
    assert "flyte_jupyter" not in done.traceback


def test_a_wrong_call_ends_at_the_users_line(kernel):
    kernel.run("@env.task\ndef f(x: int) -> int:\n    return x")
    for call in ("flyte.run(f, 'a')", "flyte.run(f)", "flyte.run(len, 1)", "flyte.TaskEnvironment('A B')"):
        done = kernel.run(call)
        assert done.status == "error"
        clean(done, f"1 {call}")
        assert done.traceback.count("Traceback") == 1, done.traceback


def test_groups_of_exceptions_show_no_frame_of_ours(kernel):
    done = kernel.run(
        "import asyncio\n@env.task\nasync def a() -> None:\n    async with asyncio.TaskGroup() as g:\n"
        "        g.create_task(b())\n@env.task\nasync def b() -> None:\n"
        "    raise Wrong('in a group')\nflyte.run(a)"
    )
    shown = done.stderr + done.traceback

    assert done.status == "error"
    assert "in a group" in shown
    assert "flyte_jupyter" not in shown


def test_errors_without_us_are_left_alone(kernel):
    done = kernel.run("import json\njson.loads('{')")

    assert "JSONDecodeError" in done.error
    assert "json/decoder.py" in done.traceback


def test_debug_lands_in_the_users_frame(kernel):
    kernel.run("@env.task\ndef f(x: int) -> float:\n    secret = 42\n    return x / 0\nflyte.run(f, 1)")
    found = kernel.run(
        "import sys\ntb = sys.last_traceback\nwhile tb.tb_next: tb = tb.tb_next\n"
        "tb.tb_frame.f_locals['secret']"
    )

    assert found.value == "42"


def test_a_handler_of_the_users_own_stays(fresh_kernel):
    fresh_kernel.run("%unload_ext flyte_jupyter")
    fresh_kernel.run(
        "get_ipython().set_custom_exc((KeyError,), lambda *a, **k: print('theirs'))\n%load_ext flyte_jupyter"
    )
    first = fresh_kernel.run("{}[1]")
    fresh_kernel.run("%unload_ext flyte_jupyter")
    second = fresh_kernel.run("{}[1]")

    assert "theirs" in first.stdout
    assert "theirs" in second.stdout


def test_the_record_names_cells_as_people_know_them(kernel):
    kernel.run("@env.task\ndef f(x: int) -> int:\n    return helper(x)\nflyte.run(f, 1)")
    stored = kernel.run("print(next(iter(flyte.Run.listall(limit=1))).state.root.failure.traceback)")
    shown = kernel.run("%flyte show last")

    assert "Cell In[" in stored.stdout
    assert ", line 3, in f\n    return helper(x)" in stored.stdout
    assert "ipykernel" not in stored.stdout
    assert ", line 3, in f" in shown.displays[0]["text/html"]
    assert "ipykernel" not in shown.displays[0]["text/html"]
