"""Runs at a real endpoint: values, logs, tree, reports, errors, attempts and abort, as in local mode."""

import asyncio
import dataclasses
import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import endpoints
import pandas as pd
import pytest
import work

import flyte_jupyter as flyte
from flyte_jupyter.backends.flyte_uploads import in_pieces
from flyte_jupyter.engine.calls import Calls
from flyte_jupyter.engine.live import LiveRun
from flyte_jupyter.engine.reports import Reports
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import (
    ActionAbortedError,
    MaxRuntimeExceededError,
    RuntimeUserError,
    TaskTimeoutError,
)
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.context import RunScope

pytestmark = pytest.mark.usefixtures("connected")


def remote(task, *args, **inputs):
    return flyte.with_runcontext(mode="remote").run(task, *args, **inputs)


def hybrid(task, *args, **inputs):
    return flyte.with_runcontext(mode="hybrid").run(task, *args, **inputs)


def lines(run, action=None):
    return "".join(row.text for row in run.logs(action)).splitlines()


def test_a_run_is_submitted_and_goes_on_by_itself():
    began = time.monotonic()
    run = remote(work.sleeps, 1.5)
    assert time.monotonic() - began < 10
    assert not run.done()
    assert run.state.mode == "remote"
    assert run.outputs() == ("awake",)
    assert lines(run) == ["asleep"]
    assert [(a.place, a.number) for a in run.root.attempts] == [("flyte", 1)]


def test_children_groups_and_traces_become_the_tree():
    run = remote(work.many, 4)
    assert run.outputs() == ([1, 2, 5, 10],)
    by_task = {}
    for action in run.actions:
        by_task.setdefault(action.task_name, []).append(action.state)
    assert {name: len(found) for name, found in by_task.items()} == {
        "work.many": 1,
        "work.square": 4,
        "work.added": 1,
        "noted": 4,
    }
    assert {a.group for a in by_task["work.square"]} == {"squares"}
    assert {a.parent for a in by_task["work.square"]} == {"a0"}
    assert {(a.parent, a.what) for a in by_task["noted"]} == {(by_task["work.added"][0].name, "trace")}
    assert sorted(lines(run)) == [f"square of {i}" for i in range(4)]
    child = run.action(by_task["work.added"][0].name)
    assert child.outputs() == ([1, 2, 5, 10],)
    assert child.inputs() == {"found": [0, 1, 4, 9]}
    row = next(row for row in run.store.runs() if row.name == run.name)
    assert (row.actions, row.done, row.failed) == (10, 10, 0)


@pytest.mark.parametrize("how", [remote, hybrid], ids=["remote", "hybrid"])
def test_values_come_back_as_this_process_own_classes(how, env):
    @env.task
    async def parent(point: work.Point) -> tuple[work.Point, work.Colour, work.Model]:
        return await work.shapes.aio(point, work.Colour.RED, work.Model(name="ab"))

    point, colour, model = how(parent, work.Point(4)).outputs()
    assert type(point) is work.Point
    assert point == work.Point(5, 3, ["a"])
    assert colour is work.Colour.BLUE
    assert type(model) is work.Model
    assert model == work.Model(name="abab")


def test_named_tuples_and_pickles(env):
    @env.task
    async def parent() -> bool:
        found = await work.pair.aio(3)
        return type(found) is work.Pair and found == work.Pair(3, "3")

    assert hybrid(parent).outputs() == (True,)

    @env.task
    def anything(x):
        return {x, complex(1, x)}

    assert remote(anything, 2).outputs() == ({2, 1 + 2j},)


def test_files_and_frames(env, tmp_path):
    (tmp_path / "in.txt").write_text("content")

    @env.task
    def copied(file: flyte.io.File, frame: pd.DataFrame) -> tuple[flyte.io.File, pd.DataFrame]:
        with file.open_sync("rb") as opened:
            text = opened.read().decode()
        Path("out.txt").write_text(text * 2)
        return flyte.io.File.from_local_sync("out.txt"), frame.assign(c=frame.a * 2)

    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    file, made = remote(copied, flyte.io.File.from_local_sync(tmp_path / "in.txt"), frame).outputs()
    with file.open_sync("r") as opened:
        assert opened.read() == "contentcontent"
    pd.testing.assert_frame_equal(made, frame.assign(c=[2, 4, 6]))


def test_variables_of_the_task_and_of_the_run(env):
    @work.env.task
    def variables() -> str:
        import os

        return os.environ["WORK"] + os.environ["MORE"]

    run = flyte.with_runcontext(mode="remote", env_vars={"MORE": "!"}).run(variables)
    assert run.outputs() == ("here!",)


@pytest.mark.parametrize("how", [remote, hybrid], ids=["remote", "hybrid"])
def test_the_users_exception_with_its_frames(how, env):
    @env.task
    def parent() -> int:
        return work.fails(5)

    with pytest.raises(work.WrongError) as info:
        how(parent).outputs()
    assert (info.value.code, info.value.args, str(info.value)) == (5, (5, "as asked"), "wrong 5")
    frames = [(entry.path.name, entry.name) for entry in info.traceback]
    assert frames[-1] == ("work.py", "fails")
    assert ("test_remote.py", "parent") in frames


def test_leaving_python_fails_the_task(env):
    @env.task
    def leaves() -> int:
        import sys

        sys.exit(3)

    run = remote(leaves)
    with pytest.raises(RuntimeUserError, match=r"called sys.exit\(3\)"):
        run.outputs()
    assert (run.phase, run.root.error_info.code) == ("FAILED", "SystemExit")


def test_failures_are_on_record_with_the_users_frames(env):
    run = remote(work.caught, 7)
    assert run.outputs() == ("caught 7",)
    (child,) = (a for a in run.actions if a.task_name == "work.fails")
    assert (child.error_info.code, child.error_info.message) == ("WrongError", "wrong 7")
    assert "in fails" in child.error_info.traceback
    assert "flyte-jupyter:" not in child.error_info.traceback


def test_attempts_and_backoff_of_the_endpoint(env, tmp_path):
    note = str(tmp_path / "note")

    @env.task(retries=flyte.RetryStrategy(2, backoff=flyte.Backoff(0.1)))
    def flaky(path: str) -> int:
        with Path(path).open("a") as file:
            file.write("x")
        count = Path(path).stat().st_size
        if count < 3:
            raise ValueError(f"attempt {flyte.ctx().attempt_number}")
        return flyte.ctx().attempt_number

    run = remote(flaky, note)
    assert run.outputs() == (3,)
    assert [(a.number, a.failure.message if a.failure else None) for a in run.root.attempts] == [
        (1, "attempt 1"),
        (2, "attempt 2"),
        (3, None),
    ]


pieces = pytest.mark.skipif(
    endpoints.IS_OLDEST, reason="flyte 2.5 sends line by line: pip install 'flyte>=2.12'"
)


@pieces
def test_files_go_in_large_pieces_and_who_looks_on_stays():
    progress = load("flyte.remote._progress")
    assert progress.current_handler() is None
    with in_pieces():
        ours = progress.current_handler()
        with in_pieces():
            assert progress.current_handler() is ours is not None
        assert progress.current_handler() is ours
    assert progress.current_handler() is None
    with progress.report_uploads(ours), in_pieces():
        assert progress.current_handler() is ours
    assert progress.current_handler() is None


@pieces
def test_a_file_of_a_million_lines_arrives(env, tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"\n" * 1_000_000)

    @env.task
    def size(file: flyte.io.File) -> int:
        with file.open_sync() as lines:
            return len(lines.read())

    assert remote(size, flyte.io.File(path=str(path))).outputs() == (1_000_000,)


def test_a_limit_of_time(env):
    @env.task(timeout=1)
    def slow() -> None:
        time.sleep(30)

    run = remote(slow)
    with pytest.raises(TaskTimeoutError if endpoints.IS_OLDEST else MaxRuntimeExceededError):
        run.outputs()
    assert run.phase == "TIMED_OUT"


def test_the_report_of_a_task():
    run = remote(work.reported, "Title")
    assert run.outputs() == (5,)
    assert "<h1>Title</h1>" in run.report()


def test_the_report_of_a_task_that_fails(env):
    @env.task(report=True)
    def failing() -> None:
        flyte.report.log("<p>until then</p>")
        raise ValueError("then")

    run = remote(failing)
    with pytest.raises(ValueError, match="then"):
        run.outputs()
    assert "<p>until then</p>" in run.report()


def test_live_objects_in_a_hybrid_parent(env):
    lock = threading.Lock()

    @env.task
    def parent(n: int) -> int:
        with lock:
            return sum(work.square(i) for i in range(n))

    run = hybrid(parent, 3)
    assert run.outputs() == (5,)
    assert run.root.attempts[0].place == "thread"
    assert {a.attempts[0].place for a in run.actions if a.name != "a0"} == {"flyte"}
    assert sorted(lines(run)) == ["square of 0", "square of 1", "square of 2"]


def test_children_of_a_hybrid_parent_run_at_once_and_theirs_stand_below_them(env):
    @env.task
    async def parent() -> list[list[int]]:
        return list(await asyncio.gather(work.many(2), work.many(3)))

    run = hybrid(parent)
    assert run.outputs() == ([[1, 2], [1, 2, 5]],)
    parents = {a.name for a in run.actions if a.task_name == "work.many"}
    assert len(parents) == 2
    assert {a.parent_name for a in run.actions if a.task_name == "work.square"} == parents


def test_a_map_over_a_task(env):
    @env.task
    def parent(n: int) -> list[int]:
        return list(flyte.map(work.square, range(n)))

    assert remote(parent, 3).outputs() == ([0, 1, 4],)
    assert hybrid(parent, 3).outputs() == ([0, 1, 4],)


def test_results_are_found_again(env):
    @env.task(cache="auto")
    def kept(x: int) -> int:
        print("executed")
        return x

    first = remote(kept, 1).wait()
    second = remote(kept, 1)
    assert second.outputs() == (1,)
    assert (first.root.state.cache, second.root.state.cache) == ("miss", "hit")
    assert (len(first.root.attempts), len(second.root.attempts)) == (1, 0)
    assert (lines(first), lines(second)) == (["executed"], [])


@pytest.mark.parametrize("how", ["remote", "hybrid"])
def test_abort_stops_it_there(how, env, connected, caplog):
    @env.task
    def parent() -> str:
        return work.sleeps(60)

    task, inputs = (work.sleeps, {"seconds": 60.0}) if how == "remote" else (parent, {})
    ends = []
    thread = threading.Thread(target=lambda: ends.append(raised(task, how, inputs)))
    thread.start()
    store = process.setup.store()
    run = flyte.Run(store, endpoints.until(lambda: [row.name for row in store.runs()])[0])
    endpoints.until(lambda: lines(run) == ["asleep"])
    child = next(a.name for a in run.actions if a.task_name == "work.sleeps")
    began = time.monotonic()
    run.abort("enough")
    run.wait(10)
    assert time.monotonic() - began < 2.5
    thread.join(10)
    assert ends == [ActionAbortedError]
    assert (run.phase, run.action(child).phase) == ("ABORTED", "ABORTED")
    gc.collect()
    assert not [record for record in caplog.records if "Request was cancelled" in record.getMessage()]
    assert (
        ended(load("flyte_jupyter.backends.flyte:remote_name")(run.name, child, str(store.runs_folder)))
        == "ABORTED"
    )


def raised(task, how, inputs):
    try:
        flyte.with_runcontext(mode=how).run(task, **inputs).outputs()
    except BaseException as error:
        return type(error)


def ended(name):
    """The phase of a run at the endpoint, once it has ended."""
    import flyte as official

    def found():
        run = official.remote.Run.get(name)
        return run.done() and run.phase.value.upper()

    return endpoints.until(found, 10)


def test_the_same_spec_again_is_the_same_run(env, connected):
    first = remote(work.square, 6)
    assert first.outputs() == (36,)
    backend = process.setup.place()
    scope = RunScope(name=first.name, mode="remote", folder=first.store.runs_folder)
    live = LiveRun(scope, Reports(first.name, first.store), first.store, lambda _: backend)
    spec = Calls(live, None).spec(work.square, (6,), {})

    async def again():
        return (await backend._submit(spec, backend._translator.shipped(spec.task))).name

    assert asyncio.run(again()) == first.name
    with pytest.raises(RuntimeUserError, match="has another run"):
        asyncio.run(other(backend, spec))


async def other(backend, spec):
    other = dataclasses.replace(spec, run=dataclasses.replace(spec.run, folder=spec.run.folder / "other"))
    await backend._submit(other, backend._translator.shipped(spec.task))


def test_the_endpoint_is_killed_and_started_again(env, tmp_path):
    @env.task
    def step(i: int) -> int:
        time.sleep(0.3)
        return i

    @env.task
    def steps(n: int) -> int:
        return sum(step(i) for i in range(n))

    own = endpoints.Endpoint(tmp_path / "store").start()
    flyte.init(endpoint=own.url)
    run = remote(steps, 5)
    endpoints.until(lambda: sum(a.done() for a in run.actions) >= 2)
    own.process.kill()
    own.process.wait()
    (own.store / "endpoint.json").unlink()
    again = endpoints.Endpoint(own.store).start()
    try:
        assert again.url == own.url
        assert run.outputs() == (10,)
        assert sorted(a.phase for a in run.actions) == ["SUCCEEDED"] * 6
    finally:
        again.stop()


SUBMITTED = """
import os, sys, time
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="gone")

@env.task
def double(x: int) -> int:
    import time
    time.sleep(2)
    print("doubling", x)
    return 2 * x

flyte.init(endpoint=sys.argv[1])
run = flyte.with_runcontext(mode="remote").run(double, 21)
while run.phase.value == "QUEUED":
    time.sleep(0.05)
run.store.flush()
print(run.name, flush=True)
os._exit(0)
"""


def test_a_run_whose_process_is_gone_is_picked_up_here(connected, tmp_path):
    script = tmp_path / "gone.py"
    script.write_text(SUBMITTED)
    done = subprocess.run(
        [sys.executable, str(script), connected.url], capture_output=True, text=True, check=True
    )
    name = done.stdout.split()[-1]

    run = flyte.remote.Run.get(name)

    assert run.wait().outputs()[0] == 42
    assert "doubling 21" in "".join(row.text for row in run.logs())
