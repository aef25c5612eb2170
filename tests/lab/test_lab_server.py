"""The server extension: runs over REST, as the Lab extension asks for them."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys

import pytest
from eventlogs import Clock
from served import ROOT, TOKEN, part

import flyte_jupyter as flyte
from flyte_jupyter.lab.stores import Stores
from flyte_jupyter.lab.watching import Watch
from flyte_jupyter.runs.events import from_json
from flyte_jupyter.runs.state import advance, fold
from flyte_jupyter.runs.store import RunStore

EVIL = "<img src=x onerror=alert(1)>"
env = flyte.TaskEnvironment("lab")


@env.task
def square(x: int) -> int:
    print(f"{EVIL} line {x}")
    return x * x


@env.task(report=True)
def total(n: int) -> int:
    flyte.report.get_tab("T").log("<p>numbers</p>")
    print("\n".join(f"row {i}" for i in range(n * 10)))
    return sum(flyte.map(square, range(n)))


@env.task
def later(moment: dt.datetime, by: dt.timedelta) -> list[dt.datetime]:
    return [moment + by]


@pytest.fixture
def run():
    made = flyte.run(total, 3)
    made.store.flush()
    return made


def test_without_a_token_nothing_is_told(server, run):
    paths = ["status", "runs", f"runs/{run.name}", f"runs/{run.name}/row", f"runs/{run.name}/events"]
    paths += [f"runs/{run.name}/marks"]
    paths += [f"runs/{run.name}/compare/{run.name}"]
    paths += [
        f"runs/{run.name}/actions/a0/{what}" for what in ("logs", "values", "report", "frames/outputs/o0")
    ]

    assert [server.get(path, token=None).status for path in paths] == [403] * len(paths)
    assert server.ask("POST", f"runs/{run.name}/abort", token=None).status == 403
    assert server.get("runs", token="wrong").status == 403


def test_a_cookie_without_the_xsrf_token_cannot_act(server, run):
    signed_in = server.ask("GET", f"status?token={TOKEN}", token=None)
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]

    assert server.ask("GET", "runs", token=None, headers={"Cookie": cookie}).status == 200
    refused = server.ask("POST", f"runs/{run.name}/abort", token=None, headers={"Cookie": cookie})
    assert refused.status == 403
    assert "_xsrf" in refused.body


@pytest.mark.parametrize("near", ["../../etc/book.ipynb", "/../../../x.ipynb", "a/../../b/c.ipynb"])
def test_no_path_leads_out_of_the_served_folder(server, near):
    answer = server.get("runs", near=near)

    assert answer.status == 400
    assert "outside" in answer.json["message"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "..%2f..", "%00", "'; DROP TABLE runs; --", EVIL])
def test_a_strange_name_is_no_run(server, run, name):
    for path in (part(name), f"{part(name)}/events", f"{run.name}/actions/{part(name)}/values"):
        assert server.get(f"runs/{path}").status == 404


def test_the_list_has_a_run_with_all_that_its_row_needs(server, run):
    page = server.get("runs").json

    row = page["runs"][0]
    assert row["name"] == run.name
    assert row["phase"] == "SUCCEEDED"
    assert (row["actions"], row["done"], row["failed"]) == (4, 4, 0)
    assert row["task"] == run.state.task
    assert server.get(f"runs/{run.name}/row").json == row


def test_the_list_is_paged_by_a_cursor_in_any_order(server, run):
    for _ in range(5):
        flyte.run(square, 1)
    RunStore.here().flush()
    for sort in ("started", "duration", "task", "name", "actions"):
        for order in ("asc", "desc"):
            seen, cursor = [], None
            while True:
                page = server.get("runs", sort=sort, order=order, limit=2, cursor=cursor).json
                seen += page["runs"]
                assert len(page["runs"]) <= 2
                if (cursor := page["next"]) is None:
                    break
            assert len({row["name"] for row in seen}) == len(seen) == page["total"]
            if sort in seen[0]:
                values = [row[sort] for row in seen]
                assert values == sorted(values, reverse=order == "desc")


def test_the_list_is_filtered(server, run):
    flyte.run(square, 2).store.flush()

    assert {r["task"] for r in server.get("runs", text="TOTAL").json["runs"]} == {run.state.task}
    assert server.get("runs", phase="failed,aborted").json["total"] == 0
    assert server.get("runs", task=run.state.task, phase="SUCCEEDED").json["total"] >= 1
    assert server.get("runs", text="%_").json["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "nonsense"},
        {"order": "up"},
        {"phase": "GOOD"},
        {"limit": "-1"},
        {"limit": "9" * 30},
        {"cursor": "x"},
        {"cursor": "WyJhIl0="},
        {"cursor": "W1tdLCAxXQ=="},
    ],
)
def test_a_wrong_query_is_refused_with_what_is_accepted(server, run, query):
    answer = server.get("runs", **query)

    assert answer.status == 400
    assert next(iter(query)) in answer.json["message"]


def test_a_page_is_never_huge(server, run):
    assert server.get("runs", limit=10**9).status == 200
    assert len(server.get("runs", limit=10**9).json["runs"]) <= 500


def test_a_state_comes_with_the_number_from_which_events_go_on(server, run):
    found = server.get(f"runs/{run.name}").json

    assert found["last"] == run.store.last(run.name)
    assert next(a["name"] for a in found["state"]["actions"]) == "a0"
    assert all("inputs" not in a and "outputs" not in a for a in found["state"]["actions"])
    assert server.get(f"runs/{run.name}/events", after=found["last"]).json == {"events": [], "more": False}


def test_events_fold_to_the_state(server, run):
    events = server.get(f"runs/{run.name}/events").json["events"]

    state = fold(from_json(json.dumps(event)) for _, event in events)
    assert state.phase == "SUCCEEDED"
    assert len(state.actions) == 4
    half = [from_json(json.dumps(e)) for _, e in events[:5]]
    rest = server.get(f"runs/{run.name}/events", after=events[4][0]).json["events"]
    state = fold(half)
    for _, event in rest:
        state = advance(state, from_json(json.dumps(event)))
    assert state.phase == "SUCCEEDED"


def test_calls_of_one_task_are_told_apart_by_their_inputs(server, run):
    marks = server.get(f"runs/{run.name}/marks").json["marks"]

    calls = [action.name for action in run.state.actions.values() if action.task == square.name]
    assert {name: marks[name] for name in calls} == dict(zip(calls, "012", strict=True))
    assert "a0" not in marks


def test_logs_come_in_parts_and_are_searched(server, run):
    path = f"runs/{run.name}/actions/a0/logs"

    text = "".join(row[4] for row in server.get(path).json["rows"])
    assert text.splitlines() == [f"row {i}" for i in range(30)]
    assert [line[-1] for line in server.get(path, search="ROW 2").json["lines"]][:2] == ["row 2", "row 20"]
    assert server.get(path, after=10**9).json["rows"] == []
    assert server.get(path, size=0).status == 200
    assert server.get(path, tail=5).json["begins"] >= 0


def test_values_are_drawn_as_text(server, run):
    found = server.get(f"runs/{run.name}/actions/a0/values").json

    assert found["inputs"] == [{"name": "n", "kind": "value", "text": "3"}]
    assert found["outputs"][0]["text"] == "5"


def test_moments_and_lengths_of_time_are_drawn_as_people_write_them(server):
    made = flyte.run(later, dt.datetime(2024, 2, 28, 9, 30, tzinfo=dt.UTC), dt.timedelta(days=2, minutes=5))
    made.store.flush()

    found = server.get(f"runs/{made.name}/actions/a0/values").json

    assert [one["text"] for one in found["inputs"]] == ["2024-02-28 09:30:00+00:00", "2 days, 0:05:00"]
    assert found["outputs"][0]["text"] == "['2024-03-01 09:35:00+00:00']"


def test_a_report_is_a_page_in_a_sandbox(server, run):
    answer = server.get(f"runs/{run.name}/actions/a0/report")

    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox allow-scripts;" in policy
    assert "default-src 'none'" in policy
    assert "allow-same-origin" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<p>numbers</p>" in answer.body


def test_runs_are_compared(server, run):
    other = flyte.run(total, 4)
    other.store.flush()

    found = server.get(f"runs/{run.name}/compare/{other.name}").json

    assert found["inputs"] == [{"name": "n", "before": "3", "after": "4"}]
    assert found["same_outputs"] is False
    assert [row["task"] for row in found["tasks"]] == [run.state.task, square.name]


def test_a_store_that_was_asked_for_before_it_was_there_is_told_of_when_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("FLYTE_JUPYTER_HOME")
    told = []
    stores = Stores(tmp_path)
    watch = Watch(stores, told.append)
    (tmp_path / "pyproject.toml").touch()
    assert stores.near("book.ipynb") is None
    assert watch.look() == []

    store = RunStore.open(tmp_path / ".flyte")
    for event in Clock("first").begin():
        store.append(event)
    store.flush()

    (change,) = watch.look()
    assert [run["run"] for run in change["runs"]] == ["first"]
    assert watch.look() == []
    stores.close()
    store.close()


def test_where_nothing_was_recorded_nothing_is_made(tmp_path, home, server):
    folder = server.folder / "project"
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    # the server's environment names a store, so its stores are the same everywhere
    assert server.get("runs", near="project/book.ipynb").json["store"]
    assert not (folder / ".flyte").exists()


RUNNING = """
import threading, flyte_jupyter as flyte
env = flyte.TaskEnvironment("t")

@env.task
def forever() -> None:
    print("begun", flush=True)
    threading.Event().wait()

flyte.run(forever)
"""


@pytest.fixture
def busy(home):
    """A process that runs a task for ever."""
    command = [sys.executable, "-c", RUNNING]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLYTE_JUPYTER_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout.readline() == b"begun\n"
        yield process
        process.kill()


def running(server, until):
    """Ask until a run of the busy process is as wanted."""
    while True:
        rows = server.get("runs", text="forever").json["runs"]
        if rows and until(rows[0]):
            return rows[0]


def test_a_run_of_another_process_is_stopped(server, run, busy):
    row = running(server, lambda row: row["phase"] == "RUNNING")

    answer = server.ask("POST", f"runs/{row['name']}/abort")

    assert answer.json == {"phase": "ABORTED"}
    assert busy.wait(10) != 0
    again = server.ask("POST", f"runs/{row['name']}/abort")
    assert again.json == {"phase": "ABORTED"}


def test_a_run_whose_process_was_killed_is_told_as_interrupted(server, run, busy):
    running(server, lambda row: row["phase"] == "RUNNING")

    busy.send_signal(signal.SIGKILL)

    assert running(server, lambda row: row["phase"] != "RUNNING")["phase"] == "INTERRUPTED"


def test_two_servers_show_one_store(server, run, home, tmp_path):
    from served import Server

    other = Server(tmp_path, home)
    try:
        assert other.get("runs").json["runs"][0] == server.get("runs").json["runs"][0]
        assert other.get("status").json == server.get("status").json
    finally:
        other.close()
