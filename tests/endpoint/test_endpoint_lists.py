"""Deployed tasks, lists, reruns and the official command line."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import serving
from serving import later, parent, run, value

serving.need_extra()

import flyte
import flyte.errors
import flyte.remote
import workflows
from flyte.remote import TimeFilter

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture(scope="module")
def version(served):
    """The tasks of ``workflows``, deployed."""
    serving.connect(served.url)
    flyte.deploy(workflows.env, version="v-one")
    return "v-one"


@pytest.fixture(scope="module")
def mixed(served):
    """Some finished runs with labels: three that succeeded, one that failed."""
    serving.connect(served.url)
    begun = datetime.now(UTC)
    labels = {"options": {"labels": {"suite": "lists", "kind": "good"}}}
    good = [run(workflows.add, x=i, **labels) for i in range(3)]
    bad = run(workflows.fails, text="listed", options={"labels": {"suite": "lists", "kind": "bad"}})
    return begun, [r.name for r in good], bad.name


def names(**filters):
    return [r.name for r in flyte.remote.Run.listall(with_labels={"suite": "lists"}, **filters)]


def test_a_deployed_task_is_found_and_runs_by_its_name(version):
    for wanted in ({"version": version}, {"auto_version": "latest"}):
        found = flyte.remote.Task.get("wf.add", **wanted)
        assert value(run(found, x=20, y=1)) == 21


def test_a_deployed_parent_runs_its_children(version):
    assert value(run(flyte.remote.Task.get("wf.total", version=version), n=3)) == 6


def test_deploying_the_same_again_is_no_error(version):
    flyte.deploy(workflows.env, version=version)
    assert len(list(flyte.remote.Task.listall(by_task_name="wf.add"))) == 1


def test_tasks_are_listed_by_name_and_environment(version):
    assert [t.name for t in flyte.remote.Task.listall(by_task_name="wf.tower")] == ["wf.tower"]
    listed = [t.name for t in flyte.remote.Task.listall(by_task_env="wf", limit=5)]
    assert len(listed) >= 5
    assert list(flyte.remote.Task.listall(by_task_name="wf.none")) == []


def test_a_task_that_is_not_there_is_said_to_be_missing(version):
    with pytest.raises(flyte.errors.RemoteTaskNotFoundError, match=r"wf\.add"):
        flyte.remote.Task.get("wf.add", version="v-two").fetch()


def test_runs_are_listed_by_labels_phase_task_and_time(mixed):
    begun, good, bad = mixed
    assert names() == [*good, bad]  # the oldest first, as the SDK asks
    assert names(sort_by=("created_at", "desc")) == [bad, *reversed(good)]
    assert names(in_phase=("failed",)) == [bad]
    assert names(in_phase=("failed", "succeeded"), task_name="wf.add") == good
    assert names(created_at=TimeFilter(after=begun)) == [*good, bad]
    assert names(created_at=TimeFilter(before=begun - timedelta(hours=1))) == []
    found = flyte.remote.Run.listall(with_labels={"kind": "bad"}, with_label_keys=["suite"])
    assert [r.name for r in found] == [bad]
    assert list(flyte.remote.Run.listall(project="elsewhere")) == []


def test_lists_come_in_pages(served, mixed):
    _, good, bad = mixed
    seen, token = [], ""
    for _ in range(5):
        request = {
            "request": {"limit": 2, "token": token, "filters": [
                {"function": "EQUAL", "field": "labels.suite", "values": ["lists"]}]},
            "projectId": {"organization": "local", "domain": "development", "name": "flytesnacks"},
        }  # fmt: skip
        page = serving.call(served.url, "workflow.RunService/ListRuns", request)
        assert len(page.get("runs", [])) <= 2
        seen += [r["action"]["id"]["run"]["name"] for r in page.get("runs", [])]
        token = page.get("token", "")
        if not token:
            break
    assert seen == [*good, bad]


def test_an_unknown_filter_is_refused_by_name(served):
    request = {
        "request": {"limit": 2, "filters": [{"function": "EQUAL", "field": "colour", "values": ["red"]}]},
        "projectId": {"organization": "local", "domain": "development", "name": "flytesnacks"},
    }  # fmt: skip
    found = serving.call(served.url, "workflow.RunService/ListRuns", request, status=400)
    assert found["code"] == "invalid_argument"
    assert "'colour'" in found["message"]


@later
def test_actions_are_listed_by_parent_and_phase():
    found = run(workflows.catches, text="listed")
    listed = flyte.remote.Action.listall(for_run_name=found.name, in_phase=("failed",))
    assert [a.task_name for a in listed] == ["wf.fails"]
    assert found.first_failure().task_name == "wf.fails"


def test_a_run_is_run_again():
    first = run(workflows.add, x=30, y=4)
    again = flyte.rerun(first.name)
    again.wait(quiet=True)
    assert value(again) == 34
    assert again.name != first.name


@later
def test_a_run_is_recovered_what_succeeded_is_not_run_again(tmp_path):
    first = run(workflows.halfway, folder=str(tmp_path))
    assert str(first.phase) == "ActionPhase.FAILED"
    (tmp_path / "mended").touch()
    again = flyte.rerun(first.name, recover=True)
    again.wait(quiet=True)
    assert value(again) == 3
    assert sorted((tmp_path / "ran").read_text().split()) == ["0", "1", "2"]
    children = [a for a in flyte.remote.Action.listall(for_run_name=again.name) if parent(a)]
    assert {str(a.phase) for a in children} == {"ActionPhase.RECOVERED"}
    forced = flyte.rerun(first.name, recover=True, force_rerun_actions=[children[0].name])
    forced.wait(quiet=True)
    assert value(forced) == 3
    assert len((tmp_path / "ran").read_text().split()) == 4


def test_tasks_start_runs_and_call_deployed_tasks(version):
    assert value(run(workflows.spawns, x=4)) == 5
    assert value(run(workflows.by_name, x=6)) == 7


def test_a_name_is_given_once():
    named = {"options": {"name": "only-once"}}
    assert value(run(workflows.add, x=1, **named)) == 2
    with pytest.raises(flyte.errors.RuntimeUserError, match="already exists"):
        run(workflows.add, x=1, **named)


def test_inputs_and_outputs_are_read_back():
    found = flyte.remote.Run.get(run(workflows.add, x=5, y=6).name)
    assert dict(found.inputs()) == {"x": 5, "y": 6}
    assert found.outputs()[0] == 11


@later
def test_the_code_of_a_run_is_downloaded(tmp_path):
    found = run(workflows.add, x=1).download_code(dest=tmp_path)
    assert (Path(found) / "workflows.py").is_file()


def flyte_command(served, *words, cwd):
    command = [
        str(Path(sys.executable).with_name("flyte")),
        "--endpoint",
        served.url,
        "--insecure",
        "--org",
        "local",
    ]
    environment = {**os.environ, "DO_NOT_TRACK": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_official_command_line(served, tmp_path):
    where = ("-p", "flytesnacks", "-d", "development")
    (tmp_path / "shell.py").write_text(
        "import flyte\nenv = flyte.TaskEnvironment(name='shell')\n"
        "@env.task\ndef hello(name: str) -> str:\n    print('printed by', name)\n    return 'hi ' + name\n"
    )
    flyte_command(served, "run", *where, "--follow", "shell.py", "hello", "--name", "shell", cwd=tmp_path)
    listed = flyte_command(served, "get", "run", *where, "--limit", "100", cwd=tmp_path)
    assert "shell.hello" in listed
    (name,) = (r.name for r in flyte.remote.Run.listall(task_name="shell.hello"))
    assert "hi shell" in flyte_command(served, "get", "io", *where, name, "a0", cwd=tmp_path)
    assert "printed by shell" in flyte_command(served, "get", "logs", *where, name, cwd=tmp_path)
    assert "shell" in flyte_command(served, "get", "action", *where, name, cwd=tmp_path)
    assert "flytesnacks" in flyte_command(served, "get", "project", cwd=tmp_path)
    flyte_command(served, "deploy", *where, "--version", "v1", "shell.py", "env", cwd=tmp_path)
    assert "shell.hello" in flyte_command(served, "get", "task", *where, cwd=tmp_path)


def test_json_is_understood_as_well(served):
    found = serving.call(served.url, "auth.IdentityService/UserInfo", {})
    assert json.dumps(found)
    assert found["subject"] == "owner"
