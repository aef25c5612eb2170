"""``runs``: which are listed, and what is said of each."""

import subprocess
import sys

from clis import variables_for

from flyte_jupyter.terminal.listing import chosen

FAILING = """
import flyte_jupyter as flyte

env = flyte.TaskEnvironment("e")


@env.task
def child(x: int) -> int:
    return 1 // x


@env.task
def parent() -> int:
    return child(1) + child(0)


try:
    flyte.run(parent)
except ZeroDivisionError:
    pass
"""


def names(result):
    return [line.split()[0] for line in result.out.splitlines()[1:]]


def test_runs_are_listed_newest_first(cli):
    result = cli("runs")

    assert result.status == 0
    assert result.out.splitlines()[0].split() == [
        "RUN", "TASK", "PHASE", "STARTED", "TOOK", "ACTIONS", "NOTEBOOK"
    ]  # fmt: skip
    assert names(result) == ["third", "second", "first"]


def test_a_row_tells_phase_task_and_what_came_from_the_cache(cli):
    rows = {line.split()[0]: line for line in cli("runs").out.splitlines()[1:]}

    assert "✗ failed" in rows["third"]
    assert "shop.refuse" in rows["third"]
    assert "3 (1 cached)" in rows["second"]
    assert "cached" not in rows["first"]


def test_the_failed_actions_of_a_row_are_those_below_the_root(own, tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    subprocess.run([sys.executable, str(script)], env=variables_for(own.home), check=True)

    (row,) = own("runs").out.splitlines()[1:]
    assert "2 (1 failed)" in row


def test_runs_are_filtered_by_phase_task_text_and_number(cli):
    assert names(cli("runs", "--phase", "failed")) == ["third"]
    assert names(cli("runs", "--task", "bill")) == ["second", "first"]
    assert names(cli("runs", "--task", "shop.bill", "--limit", "1")) == ["second"]
    assert names(cli("runs", "--text", "blue")) == ["second"]


def test_a_task_is_not_taken_for_one_whose_name_contains_it(cli):
    assert names(cli("runs", "--task", "bil")) == []


def test_an_unknown_phase_names_the_accepted_ones(cli):
    result = cli("runs", "--phase", "broken")

    assert result.status == 2
    assert "'broken' is no phase" in result.err
    assert "timed_out" in result.err


def test_no_such_runs_are_told_of_and_are_no_failure(cli):
    result = cli("runs", "--text", "nothing like this")

    assert (result.status, result.out) == (0, "")
    assert "no such runs" in result.err


def test_looking_for_runs_makes_no_store(own):
    result = own("runs")

    assert result.status == 0
    assert "nothing has run here yet" in result.err
    assert not own.home.exists()


def test_a_pipe_gets_no_escape_sequences(cli):
    for words in (["runs"], ["show", "third"], ["logs", "first"], ["why", "price"], ["cache", "ls"]):
        result = cli(*words)
        assert "\x1b" not in result.out + result.err, words


def test_the_limit_counts_what_fits_the_task(store):
    assert chosen(store, task="none", limit=1) == []
