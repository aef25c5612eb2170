"""The endpoint is killed at any moment, and the next one goes on."""

import asyncio
import sqlite3
import threading

import psutil
import pytest
import serving
from serving import Served, submit, until, value

serving.need_extra()

import flyte.remote
import workflows

from flyte_jupyter.runs.store import RunStore

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
def own(tmp_path):
    """An endpoint of this test's own; afterwards the SDK is connected to that of the session again."""
    found = Served(tmp_path / "store").start()
    serving.connect(found.url)
    yield found
    if found.process.poll() is None:
        found.stop()


def finished(own):
    """The actions that have ended well, as the endpoint wrote them."""
    with sqlite3.connect(own.folder / "state.db") as db:
        return {name for (name,) in db.execute("SELECT name FROM actions WHERE phase = 5 AND parent != ''")}


def lines(path):
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_killed_amid_thirty_actions_nothing_finished_is_lost_or_run_again(own, tmp_path):
    found = submit(workflows.marching, folder=str(tmp_path), count=32, seconds=0.1)
    waiting = threading.Thread(target=found.wait, kwargs={"quiet": True}, daemon=True)
    waiting.start()  # a client that watches all the time
    until(lambda: len(finished(own)) >= 3, what="three finished actions")
    own.kill()
    own.start()
    until(lambda: len(finished(own)) >= 8, what="eight finished actions")
    workers = [p for p in own.workers() if p.is_running()]
    url = own.url
    own.kill()
    before = finished(own)
    until(
        lambda: not [p for p in workers if p.is_running() and p.status() != "zombie"], what="the workers' end"
    )
    assert len(before) < 32

    own.start()
    assert own.url == url
    waiting.join(90)
    assert not waiting.is_alive()
    assert value(found) == sum(range(32))
    ran = lines(tmp_path / "ran")
    assert set(ran) == set(range(32))
    for name in before:  # what had ended ran once
        done = flyte.remote.ActionDetails.get(run_name=found.name, name=name)
        assert ran.count(asyncio.run(done.outputs())[0]) == 1
    store = RunStore.open(own.store)
    try:
        state = store.state(found.name)
        assert {action.phase.value for action in state.actions.values()} == {"SUCCEEDED"}
        assert len(state.children()) == 32
        assert store.run(found.name).actions == 33
    finally:
        store.close()


def test_a_kill_leaves_no_process_and_a_condition_still_waits(own, tmp_path):
    asked = submit(workflows.asks, name="later")
    until(lambda: list(flyte.remote.Condition.listall(run_name=asked.name)))
    sleeping = submit(workflows.waits_for_sleeper, folder=str(tmp_path))
    pids = until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().split())
    processes = [psutil.Process(int(pid)) for pid in pids]
    own.kill()
    until(lambda: not any(p.is_running() and p.status() != "zombie" for p in processes), what="their end")

    own.start()
    (condition,) = flyte.remote.Condition.listall(run_name=asked.name)
    condition.signal(False)
    asked.wait(quiet=True)
    assert value(asked) == "no"
    sleeping.abort()
    sleeping.wait(quiet=True)


def test_attempts_are_numbered_on_after_a_restart(own, tmp_path):
    first = serving.run(workflows.flaky, folder=str(tmp_path), good=2)
    own.stop()
    own.start()
    again = flyte.remote.Run.get(first.name)
    assert value(again) == 2
    assert again.details().action_details.attempts == 2


def test_what_ended_just_before_a_kill_is_not_run_again(own, tmp_path):
    found = serving.run(workflows.marks, folder=str(tmp_path), number=4, seconds=0.0)
    own.stop()
    with sqlite3.connect(own.folder / "state.db") as db:  # as if it was killed before it wrote the end
        db.execute("UPDATE actions SET phase = 4, ended = NULL, outputs = ''")
    own.start()
    again = flyte.remote.Run.get(found.name)
    again.wait(quiet=True)
    assert value(again) == 4
    assert lines(tmp_path / "ran") == [4]
    with sqlite3.connect(own.folder / "state.db") as db:  # as if it was killed when the worker had just ended
        db.execute("UPDATE actions SET phase = 4, ended = NULL")
        db.execute("UPDATE attempts SET phase = 4, ended = NULL")
    own.stop()
    own.start()
    again.wait(quiet=True)
    assert value(flyte.remote.Run.get(found.name)) == 4
    assert lines(tmp_path / "ran") == [4]
