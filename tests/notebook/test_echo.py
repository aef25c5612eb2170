"""A cell shows a part of much output and says where the rest is; the log has all of it."""

import pytest

from flyte_jupyter.notebook.echo import Echo

SETUP = """
env = flyte.TaskEnvironment("t")

@env.task
def chatty(n: int) -> int:
    for i in range(n):
        print("line of output number", i)
    return n

@env.task
def several(k: int, n: int) -> int:
    return sum(chatty(n + i) for i in range(k))
"""
LINES = 100_000


@pytest.fixture(autouse=True)
def tasks(kernel):
    assert kernel.run(SETUP).status == "ok"


def logged(kernel):
    return kernel.run("r.store.flush(); sum(row.text.count('\\n') for row in r.logs())").value


def test_output_that_fits_is_shown_as_it_is():
    echo = Echo(10)

    assert [echo.show("one\n", "r"), echo.show("two\n", "r")] == ["one\n", "two\n"]


def test_what_does_not_fit_ends_with_a_whole_line_and_a_note():
    echo = Echo(10)
    shown = echo.show("one\ntwo\nthree\nfour\n", "r1")

    assert shown.startswith("one\ntwo\n… ")
    assert shown.endswith("%flyte logs r1\n")
    assert echo.show("five\n", "r1") == ""


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_many_lines_leave_the_notebook_small_and_are_all_in_the_log(kernel, isolation):
    done = kernel.run(f"r = flyte.with_runcontext(isolation={isolation!r}).run(chatty, {LINES})")
    name = kernel.run("print(r.name)").stdout.strip()

    assert done.status == "ok"
    assert done.bytes() < 1_000_000
    assert done.stdout.startswith("line of output number 0\nline of output number 1\n")
    assert done.stdout.rstrip().endswith(f"everything is in the log: %flyte logs {name}")
    assert logged(kernel) == str(LINES)


def test_all_actions_of_a_cell_share_the_room_and_the_next_cell_has_its_own(kernel):
    first = kernel.run("r = flyte.run(several, 4, 5000); r = flyte.run(several, 4, 5000)")
    second = kernel.run("r = flyte.run(chatty, 10)")

    assert first.bytes() < 300_000
    assert first.stdout.count("everything is in the log") == 1
    assert second.stdout.count("\n") == 10


def test_printing_in_a_task_takes_no_longer_than_in_a_cell(kernel):
    plain, task = [], []
    for _ in range(3):
        plain.append(kernel.run(f"for i in range({LINES}): print('line of output number', i)").seconds)
        task.append(kernel.run(f"r = flyte.run(chatty, {LINES});").seconds)

    assert min(task) <= min(plain)
