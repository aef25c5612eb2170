"""What other clients run on the endpoint is in the run store, as what notebooks run."""

import os
import subprocess
import sys

import pytest
import serving
from serving import run, submit, until, value

serving.need_extra()

import flyte.remote
import workflows

from flyte_jupyter.endpoint import asking
from flyte_jupyter.errors import InitializationError
from flyte_jupyter.lab.stopping import stop
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.types.packed import unpack

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture(scope="module")
def store(served):
    found = RunStore.open(served.store)
    yield found
    found.close()


def state_of(store, found):
    """The state of a run, once its end is recorded."""
    return until(
        lambda: (state := store.state(found.name)).ended is not None and state, what="the recorded end"
    )


def command(served, *words, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "flyte_jupyter", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "FLYTE_JUPYTER_HOME": str(served.store), "COLUMNS": "150"},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_the_tree_with_groups_inputs_and_outputs(served, store):
    found = run(workflows.grouped)
    state = state_of(store, found)
    assert (state.task, state.mode, state.phase.value) == ("wf.grouped", "remote", "SUCCEEDED")
    children = state.children()
    assert [c.short for c in children] == ["add", "add"]
    assert {c.group for c in children} == {"pair"}
    assert sorted(unpack(c.inputs)["x"].value for c in children) == [1, 2]
    assert unpack(state.root.outputs)["o0"].value == 5
    assert children[0].attempts[0].place == "forked"
    assert children[0].attempts[0].peak > 1 << 20


def test_traces_and_conditions(served, store):
    found = run(workflows.traced, x=2)
    state = state_of(store, found)
    assert [(c.what, c.short, unpack(c.outputs)["o0"].value) for c in state.children()] == [
        ("trace", "helper", 6), ("trace", "helper", 9),
    ]  # fmt: skip


def test_attempts_with_their_failures(served, store, tmp_path):
    state = state_of(store, run(workflows.flaky, folder=str(tmp_path), good=3))
    assert [a.failure.message if a.failure else "" for a in state.root.attempts] == ["try 1", "try 2", ""]
    failed = state_of(store, run(workflows.fails, text="recorded"))
    assert failed.phase.value == "FAILED"
    assert (failed.root.failure.code, failed.root.failure.kind) == ("ValueError", "user")
    assert "recorded" in failed.root.failure.message


def test_a_cache_hit_and_a_timeout(served, store, tmp_path):
    states = [state_of(store, run(workflows.remembered, folder=str(tmp_path), x=1)) for _ in range(2)]
    assert [s.root.cache for s in states] == ["miss", "hit"]
    assert unpack(states[1].root.outputs)["o0"].value == 2
    assert state_of(store, run(workflows.slow)).phase.value == "TIMED_OUT"


def test_logs_and_the_report(served, store):
    found = run(workflows.reports, words="for the record")
    state = state_of(store, found)
    assert b"for the record" in store.blobs.get(state.root.report)
    printed = run(workflows.chatty, lines=200)
    state_of(store, printed)
    rows = store.logs(printed.name, "a0", 1)
    assert "".join(r.text for r in rows if r.stream == "stdout").splitlines() == [
        f"line {n}" for n in range(200)
    ]


def test_the_command_line_shows_and_aborts(served, store, tmp_path):
    found = submit(workflows.waits_for_sleeper, folder=str(tmp_path))
    until((tmp_path / "pids").exists)
    assert "wf.waits_for_sleeper" in command(served, "runs", "--limit", "3")
    assert "aborted" in command(served, "abort", found.name)
    found.wait(quiet=True)
    assert str(found.phase) == "ActionPhase.ABORTED"
    shown = command(served, "show", found.name)
    assert "sleeps" in shown
    assert served.process.poll() is None


def test_lab_stops_a_run_through_its_endpoint(served, store, tmp_path):
    found = submit(workflows.waits_for_sleeper, folder=str(tmp_path))
    until((tmp_path / "pids").exists)
    assert stop(store, found.name).value == "ABORTED"
    found.wait(quiet=True)
    details = flyte.remote.ActionDetails.get(run_name=found.name, name="a0")
    assert details.abort_info.reason == "stopped in JupyterLab"


def test_the_record_does_not_tell_the_url(served, store):
    found = run(workflows.add, x=1)
    state_of(store, found)
    secret = served.url.rpartition("/")[2].encode()
    holding = [p.name for p in served.store.glob("runs.db*") if secret in p.read_bytes()]
    assert holding == []


def test_mirrored_runs_are_not_recorded_twice(served, store):
    found = run(workflows.total, n=2, options={"labels": {"flyte-jupyter/mirror": "k1"}})
    assert value(found) == 3
    assert found.name not in [row.name for row in store.runs(limit=1000)]
    assert any("adding" in line for child in [found] for line in _all_logs(child))


def _all_logs(found):
    return [line for a in flyte.remote.Action.listall(for_run_name=found.name) for line in a.get_logs()]


def test_asking_where_nothing_serves_says_how_to_start(tmp_path):
    with pytest.raises(InitializationError, match="flyte-jupyter serve"):
        asking.abort_run(tmp_path, "r1", "a/b/c", "no reason")
