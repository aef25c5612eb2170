"""The official SDK, unchanged, runs tasks on the endpoint."""

import time
from pathlib import Path

import pytest
import serving
from serving import later, parent, run, submit, until, value

serving.need_extra()

import cloudpickle
import flyte
import flyte.errors
import flyte.remote
import psutil
import workflows
from flyte.models import ActionPhase

pytestmark = pytest.mark.usefixtures("connected")


def actions(found):
    return list(flyte.remote.Action.listall(for_run_name=found.name))


def by_name(found):
    return {
        action.pb2.metadata.task.short_name or action.pb2.metadata.trace.name: action
        for action in actions(found)
    }


def test_a_task_runs_with_its_default():
    assert value(run(workflows.add, x=2)) == 3


def test_what_it_prints_comes_back_line_by_line():
    found = run(workflows.add, x=2, y=5)
    lines = [line.strip() for line in found.get_logs()]
    assert "adding 2 5" in lines
    assert "to stderr" in lines


def test_children_run_below_their_parent():
    found = run(workflows.total, n=5)
    assert value(found) == 15
    children = [a for a in actions(found) if parent(a) == "a0"]
    assert len(children) == 5
    assert {a.task_name for a in children} == {"wf.add"}
    assert {str(a.phase) for a in children} == {"ActionPhase.SUCCEEDED"}


def test_parents_hold_no_slot():
    assert value(run(workflows.tower, depth=7)) == 7  # there are four slots


def test_map_in_a_group():
    found = run(workflows.mapped, n=3)
    assert value(found) == [10, 11, 12]
    assert {a.pb2.metadata.group for a in actions(found) if parent(a)} == {"wf.add_many"}


def test_a_group_is_kept():
    found = run(workflows.grouped)
    assert value(found) == 5
    assert {a.pb2.metadata.group for a in actions(found) if parent(a)} == {"pair"}


def test_traces_are_actions():
    found = run(workflows.traced, x=2)
    assert value(found) == 15
    traces = [a for a in actions(found) if a.pb2.metadata.HasField("trace")]
    assert [t.pb2.metadata.trace.name for t in traces] == ["helper", "helper"]


def test_a_condition_waits_for_its_signal():
    found = submit(workflows.asks, name="approve")
    (condition,) = until(lambda: list(flyte.remote.Condition.listall(run_name=found.name)))
    assert (condition.name, condition.expected_type) == ("approve", bool)
    assert condition.phase.endswith("PAUSED")
    assert found.name in [r.name for r in flyte.remote.Run.listall(paused_actions_only=True)]
    condition.signal(True)
    found.wait(quiet=True)
    assert value(found) == "yes"


def test_a_failure_is_told_with_its_text():
    found = run(workflows.fails, text="it broke")
    assert str(found.phase) == "ActionPhase.FAILED"
    assert "it broke" in found.details().action_details.error_info.message


@later
def test_a_failure_is_raised_as_what_it_was():
    found = run(workflows.fails, text="it broke")
    with pytest.raises(flyte.errors.RuntimeUserError, match="it broke"):
        found.raise_for_status()


def test_a_parent_catches_what_its_child_raised():
    text = value(run(workflows.catches, text="inside"))
    assert text.startswith("ValueError")
    assert "inside" in text


def test_attempts_up_to_success(tmp_path):
    found = run(workflows.flaky, folder=str(tmp_path), good=3)
    assert value(found) == 3
    details = found.details().action_details
    assert details.attempts == 3
    phases = [ActionPhase.from_protobuf(a.phase) for a in details.pb2.attempts]
    assert phases == [ActionPhase.FAILED, ActionPhase.FAILED, ActionPhase.SUCCEEDED]
    assert "try 1" in details.pb2.attempts[0].error_info.message


def test_what_cannot_be_recovered_is_not_tried_again(tmp_path):
    found = run(workflows.hopeless, folder=str(tmp_path))
    assert str(found.phase) == "ActionPhase.FAILED"
    assert (tmp_path / "hopeless").read_text() == "x"


def test_a_new_attempt_of_a_parent_calls_its_failed_child_again(tmp_path):
    assert value(run(workflows.again_with_child, folder=str(tmp_path))) == 7


def test_a_cached_task_runs_once(tmp_path):
    first, second = (run(workflows.remembered, folder=str(tmp_path), x=4) for _ in range(2))
    assert value(first) == value(second) == 8
    assert (tmp_path / "calls").read_text() == "x"
    assert [r.action.pb2.status.cache_status for r in (first, second)] == [3, 2]  # populated, a hit
    refreshed = run(workflows.remembered, folder=str(tmp_path), x=4, options={"overwrite_cache": True})
    assert value(refreshed) == 8
    assert (tmp_path / "calls").read_text() == "xx"


def test_serialized_tasks_run_one_after_the_other(tmp_path):
    assert value(run(workflows.singles, folder=str(tmp_path))) == 10
    assert (tmp_path / "singles").read_text() == "x"


def test_a_file_goes_from_task_to_task():
    assert value(run(workflows.there_and_back, text="päckchen")) == "päckchen"


def test_a_file_is_uploaded_and_read_back(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("from here")
    file = flyte.io.File.from_local_sync(str(path))
    assert value(run(workflows.reads, file=file)) == "from here"


def test_a_frame_goes_there_and_back():
    import pandas as pd

    frame = flyte.io.DataFrame.wrap_df(pd.DataFrame({"a": [1, 2, 3]}))
    back = value(run(workflows.doubled, frame=frame))
    found = pd.concat(pd.read_parquet(p) for p in Path(back.uri).rglob("*") if p.is_file())
    assert list(found["a"]) == [2, 4, 6]


def test_a_report_is_downloaded():
    found = run(workflows.reports, words="hello report")
    assert value(found) == "hello report"
    assert "<b>hello report</b>" in found.get_report()


def test_variables_of_task_and_run_arrive_and_those_of_the_endpoint_stay():
    found = value(run(workflows.variables, options={"env_vars": {"FROM_RUN": "run"}}))
    assert found == {"FROM_TASK": "task", "FROM_RUN": "run", "FLYTE_JUPYTER_HOME": ""}


def test_a_secret_arrives_and_is_seen_nowhere(served):
    found = run(workflows.tells)
    assert value(found) == len(served.token)
    assert any("the token is ***" in line for line in found.get_logs())
    kept = [p for p in served.store.rglob("*") if p.is_file() and served.token.encode() in p.read_bytes()]
    assert kept == []


def test_a_worker_that_dies_is_told_with_its_last_line():
    found = run(workflows.dies, code=3)
    message = found.details().action_details.error_info.message
    assert "exit status 3" in message
    assert "last words" in message


@later
def test_a_timeout_ends_the_attempt():
    started = time.monotonic()
    found = run(workflows.slow)
    assert str(found.phase) == "ActionPhase.TIMED_OUT"
    assert time.monotonic() - started < 20
    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        found.raise_for_status()


def test_abort_ends_parent_child_and_what_they_started(tmp_path):
    found = submit(workflows.waits_for_sleeper, folder=str(tmp_path))
    pids = until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().split())
    processes = [psutil.Process(int(pid)) for pid in pids]
    found.abort("enough")
    found.wait(quiet=True)
    assert str(found.phase) == "ActionPhase.ABORTED"
    until(lambda: not any(p.is_running() and p.status() != "zombie" for p in processes), what="their end")
    assert {str(a.phase) for a in actions(found)} == {"ActionPhase.ABORTED"}
    assert flyte.remote.ActionDetails.get(run_name=found.name, name="a0").abort_info.reason == "enough"


def test_one_child_is_aborted_alone(tmp_path):
    found = submit(workflows.waits_for_sleeper, folder=str(tmp_path))
    until((tmp_path / "pids").exists)
    (child,) = (a for a in actions(found) if parent(a))
    child.abort("only this")
    found.wait(quiet=True)
    assert str(found.phase) == "ActionPhase.FAILED"
    assert "aborted" in found.details().action_details.error_info.message


@later
def test_a_deadline_holds_over_all_attempts(tmp_path):
    found = run(workflows.never_done, folder=str(tmp_path))
    assert str(found.phase) == "ActionPhase.TIMED_OUT"
    with pytest.raises(flyte.errors.DeadlineExceededError):
        found.raise_for_status()


def test_a_condition_that_nobody_signals_times_out():
    assert "imed" in value(run(workflows.asks_briefly))


def test_a_run_bounds_how_many_of_its_actions_run_at_once(tmp_path):
    bound = {"max_action_concurrency": 2}
    assert value(run(workflows.crowd, folder=str(tmp_path), count=5, options=bound)) <= 2


def test_a_trace_is_not_run_again_by_the_next_attempt(tmp_path):
    assert value(run(workflows.traced_twice, folder=str(tmp_path))) == 1
    assert (tmp_path / "traced").read_text() == "x"


def test_reusable_environments_run():
    assert value(run(workflows.reused, x=1)) == 2


def test_what_is_pickled_runs_as_well():
    cloudpickle.register_pickle_by_value(workflows)
    try:
        assert value(run(workflows.total, n=3, options={"interactive_mode": True})) == 6
    finally:
        cloudpickle.unregister_pickle_by_value(workflows)


def test_changes_of_runs_are_watched(served):
    found = submit(workflows.asks, name="watched")
    until(lambda: list(flyte.remote.Condition.listall(run_name=found.name)))
    where = {"projectId": {"organization": "local", "domain": "development", "name": "flytesnacks"}}
    with serving.stream(served.url, "workflow.RunService/WatchRuns", where) as runs:
        first = next(runs)
        assert found.name in [r["action"]["id"]["run"]["name"] for r in first["runs"]]
        found.abort()
        for message in runs:
            phases = {
                r["action"]["id"]["run"]["name"]: r["action"]["status"]["phase"] for r in message["runs"]
            }
            if phases.get(found.name) == "ACTION_PHASE_ABORTED":
                break
    named = {"org": "local", "project": "flytesnacks", "domain": "development", "name": found.name}
    of = {"runId": named}
    with serving.stream(served.url, "workflow.RunService/WatchActions", of) as actions_of:
        names = [a["action"]["id"]["name"] for a in next(actions_of)["enrichedActions"]]
    assert "a0" in names
    assert len(names) == 2
