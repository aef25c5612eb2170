"""The main job: the quickstart on real flights, run again, edited, killed and run twice at once."""

import os
import signal
import time
from collections import Counter

import pytest
from books import EXAMPLES, SMALL, Books, table

from flyte_jupyter.runs.state import Phase
from flyte_jupyter.runs.store import RunStore


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """The quickstart, run twice on one store."""
    made = Books(tmp_path_factory.mktemp("quickstart"))
    made.first = made.quickstart("first")
    made.second = made.quickstart("second")
    return made


def names(actions):
    return Counter(action.short for action in actions)


def test_everything_runs_the_first_time(books):
    ran = names(books.checked("first", "miss"))

    assert {"load", "clean", "join", "prepare", "features", "train", "predict", "airport"} <= set(ran)
    assert ran["features"] == ran["train"] == 3
    assert all(state.phase is Phase.SUCCEEDED for state in books.states("first"))


def test_the_second_run_takes_everything_from_the_cache(books):
    assert names(books.checked("second", "miss")) == {}
    assert set(names(books.checked("second", "hit"))) == {"prepare", "airport", "load", "airline"}


def test_both_runs_give_the_same_table(books):
    assert table(books.first) == table(books.second)
    assert "United Air Lines Inc." in table(books.first)


def test_frames_and_runs_are_shown_inline(books):
    shown = [o.data for cell in books.first.cells for o in cell.get("outputs", []) if "data" in o]

    assert sum("application/vnd.flyte-jupyter.run.v1+json" in data for data in shown) == 2
    assert all("text/html" in data and "text/plain" in data for data in shown)


def test_the_report_has_plots_in_tabs(books):
    reported = [a for state in books.states("first") for a in state.actions.values() if a.report]
    page, _ = books.run("report", "last", "-o", "-")

    assert [(action.short, action.tabs) for action in reported] == [
        ("report", ("Hours", "Models", "Airlines"))
    ]
    assert page.count("data:image/png;base64,") == 2


def test_what_a_task_prints_is_in_its_log(books):
    run = next(state.name for state in books.states("first") if state.root.short == "prepare")

    out, _ = books.run("logs", run, "clean")

    assert out == "20,000 of 336,776 flights\n"


def test_editing_a_helper_runs_exactly_what_depends_on_it(books):
    edited = books.quickstart("edited", ("return delay > LATE", "return LATE < delay"))

    missed = books.checked("edited", "miss")
    assert names(missed) == {"prepare": 1, "clean": 1}
    assert all("`is_late` changed" in action.cache_reason for action in missed)
    assert table(edited) == table(books.first)


def test_why_names_the_helper(books):
    books.quickstart("reason", ("shares.shift(hours)", "shares.shift(periods=hours)"))

    out, _ = books.run("why", "features")

    assert "function `hours_before` changed" in out.splitlines()[1]
    assert names(books.checked("reason", "miss"))["features"] == 3
    assert not {"clean", "join", "load", "prepare"} & set(names(books.checked("reason", "miss")))


def test_editing_a_constant_runs_what_depends_on_it(books):
    books.quickstart("constant", ("LATE = 15", "LATE = 30"))

    assert "LATE" in next(a.cache_reason for a in books.checked("constant", "miss") if a.short == "clean")
    assert "load" not in names(books.checked("constant", "miss"))


def test_comments_and_formatting_run_nothing_again(books):
    books.quickstart(
        "comment",
        ("    return delay > LATE", "    # the limit is in minutes\n    return (delay > LATE)"),
        ("    flights = joined[", "\n    flights = joined["),
    )

    assert names(books.checked("comment", "miss")) == {}


def test_a_killed_kernel_loses_no_finished_action(tmp_path):
    books = Books(tmp_path)
    book = EXAMPLES / "quickstart.ipynb"
    process = books.start("run", str(book), *SMALL)
    state = once_made(books, "features")
    os.kill(int(state.source["pid"]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "the kernel died" in err

    killed = next(one for one in books.states() if one.name == state.name)
    actions = [action for one in books.states() for action in one.actions.values()]
    finished = {a.cache_key for a in actions if a.cache == "miss" and a.phase is Phase.SUCCEEDED}
    before = len(books.states())
    books.run("run", str(book), *SMALL)
    again = [action for one in books.states()[before:] for action in one.actions.values()]
    hits = {action.cache_key for action in again if action.cache == "hit"}
    inside = {
        a.cache_key for a in actions if a.short in {"load", "clean", "join"}
    }  # of prepare, which is a hit

    assert killed.phase is Phase.INTERRUPTED
    assert finished - inside <= hits
    assert {"prepare", "features"} <= set(names(a for a in again if a.cache == "hit"))


def test_two_kernels_run_it_at_once_on_one_store(tmp_path):
    books = Books(tmp_path)
    words = ("run", str(EXAMPLES / "quickstart.ipynb"), *SMALL)
    both = [books.start(*words, "-o", f"{name}.ipynb") for name in ("one", "two")]

    errors = [process.communicate(timeout=240)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], errors
    assert [state.phase for state in books.states()] == [Phase.SUCCEEDED] * 4
    assert len({state.source["pid"] for state in books.states()}) == 2


def once_made(books, task):
    """Wait until a task has a result while its run goes on; gives the run's state."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if (books.home / "runs.db").exists():
            store = RunStore.open(books.home)
            try:
                while time.monotonic() < end:
                    for row in store.runs(phase="running", limit=1):
                        state = store.state(row.name)
                        if any(
                            a.short == task and a.phase is Phase.SUCCEEDED for a in state.actions.values()
                        ):
                            return state
                    time.sleep(0.005)
            finally:
                store.close()
        time.sleep(0.05)
    raise TimeoutError(f"{task} made no result")
