"""A run says what differed from the kernel where its bodies ran."""

import os
import sys

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.backends.facts import compared, facts
from flyte_jupyter.notebook.render.card import card
from flyte_jupyter.notebook.render.parity import parity_lines
from flyte_jupyter.runs.events import PlaceCompared, RunStarted
from flyte_jupyter.runs.state import fold

pytestmark = pytest.mark.filterwarnings("ignore:.*goes to its worker as a pickle")


def places(run):
    run.store.flush()
    return [event for _, event in run.store.events(run.name) if isinstance(event, PlaceCompared)]


def test_a_worker_process_is_like_the_kernel(env, run):
    @env.task
    def work(x: int) -> int:
        return x

    @env.task
    def parent() -> int:
        return work(1) + work(2)

    made = run(parent)

    assert made.parity() == ()
    assert made.details()["parity"] == []
    assert {(event.task, event.place) for event in places(made)} == {
        (work.name, "process"),
        (parent.name, "process"),
    }
    assert "Not as here" not in card(made.state)


def test_a_run_on_threads_is_compared_with_nothing(env):
    @env.task
    def work() -> int:
        return 1

    assert places(flyte.run(work)) == []


def test_each_run_is_compared_also_where_the_worker_is_warm(env, run):
    @env.task
    def work() -> int:
        return 1

    assert [len(places(run(work))) for _ in range(2)] == [1, 1]


def test_facts_tell_versions_and_names_of_variables_and_no_value(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "hunter2")
    found = facts(["pytest", "nothing_of_that_name"])

    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["package pytest"] == pytest.__version__
    assert found["package nothing_of_that_name"] == ""
    assert found["variable A_TOKEN"] == "set"
    assert "hunter2" not in str(found)


def test_only_what_differs_is_left():
    here = {"python": "3.11.7", "package a": "1", "package b": "2", "variable X": "set", "variable Y": "set"}
    there = {
        "python": "3.11.7",
        "package a": "1.1",
        "package b": "",
        "variable Y": "set",
        "variable Z": "set",
    }

    assert compared(here, there) == (
        {"package a": "1", "package b": "2", "variable X": "set"},
        {"package a": "1.1", "variable Z": "set"},
    )


def test_it_is_shown_in_a_line_with_a_table_below():
    at = {"run": "r", "action": "a0", "time": 1.0}
    here = {"python": "3.11.7", "package numpy": "1.26", "variable HOME": "set", "variable <b>": "set"}
    event = PlaceCompared(
        **at, task="m.f", place="container", image="app:1", here=here, there={"python": "3.11.2"}
    )
    state = fold([RunStarted(**at, task="m.f"), event])

    assert parity_lines(state) == [
        "container app:1: Python 3.11.2, not 3.11.7; numpy none, not 1.26; 2 variables"
    ]
    shown = card(state)
    assert "Not as here in container app:1: Python 3.11.2, not 3.11.7" in shown
    assert "HOME" in shown
    assert "&lt;b&gt;" in shown


def test_what_a_task_uses_is_compared(env, run):
    @env.task
    def work() -> str:
        import numpy as np

        return f"{np.__version__} {os.getpid()}"

    made = run(work)

    assert made.outputs()[0]
    assert made.parity() == ()
