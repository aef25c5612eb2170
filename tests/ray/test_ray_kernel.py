"""Who drives a run is killed: what it began on Ray goes on, and the next kernel takes it over."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import rays

import flyte_jupyter as flyte
from flyte_jupyter.backends.ray_link import connected
from flyte_jupyter.backends.wire import Wire

NOTEBOOK = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path

    import flyte_jupyter as flyte

    env = flyte.TaskEnvironment(name="kernels")

    def begin(folder, what):
        with (Path(folder) / "begun").open("a") as file:
            file.write(f"{what}\\n")

    @env.task
    def leaf(folder: str, x: int) -> int:
        begin(folder, x)
        print("begun", x, flush=True)
        while not (Path(folder) / "go").exists():
            time.sleep(0.02)
        if x == 2 and (Path(folder) / "fail").exists():
            raise ValueError("it was two")
        print("ended", x)
        return x * 2

    @env.task
    def quick(x: int) -> int:
        return x + 1

    @env.task
    def root(folder: str) -> list[int]:
        begin(folder, "root")
        first = quick(0)
        return [quick(0) - first, *flyte.map(leaf, [folder] * 3, [0, 1, 2])]

    flyte.init(backend=sys.argv[1])
    if sys.argv[2] == "again":
        handle = flyte.rerun("it")
    else:
        handle = flyte.with_runcontext(mode=sys.argv[2], name="it").run(root, sys.argv[3])
    handle.wait()
    actions = [(a.task_name, a.phase.value) for a in handle.actions]
    print(json.dumps({"outputs": handle.outputs()[0], "logs": "".join(row.text for row in handle.logs()).splitlines(), "actions": actions}))
    """
)


@pytest.fixture
def kernel(tmp_path, place):
    """Start a kernel that runs the notebook."""
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    started = []

    def start(how):
        word = f"ray:{rays.cluster().address}"
        command = [sys.executable, str(script), word, how, str(tmp_path)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    assert found
    return found


def begun(folder):
    path = folder / "begun"
    return sorted(path.read_text().split()) if path.exists() else []


def killed(kernel, mode, folder):
    """Let a kernel begin a run; kill it, and what conducts the run for it, when all leaves have begun."""
    first = kernel(mode)
    until(lambda: len(begun(folder)) == 4 or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    first.kill()
    first.wait()
    if mode == "remote":
        os.kill(rays.conductor(), signal.SIGKILL)


def heard():
    """What the run of the second kernel has heard of the leaves."""
    runs = list(flyte.Run.listall())
    return "".join(row.text for row in runs[0].logs()).splitlines() if len(runs) == 2 else []


def told(process):
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert err == ""
    return json.loads(out.splitlines()[-1])


def test_what_ended_without_a_kernel_is_taken_and_not_run_again(kernel, tmp_path, store_folder):
    killed(kernel, "hybrid", tmp_path)
    (tmp_path / "go").touch()
    records = store_folder / "blobs" / "ray"
    until(lambda: records.exists() and len([p for p in records.iterdir() if p.name[0] != "."]) == 3)

    found = told(kernel("again"))

    assert found["outputs"] == [0, 0, 2, 4]
    assert begun(tmp_path) == ["0", "1", "2", "root", "root"], (
        "the parent runs in the kernel; the leaves ran once"
    )
    assert sorted(found["logs"]) == [f"{word} {x}" for word in ("begun", "ended") for x in range(3)]
    assert list(records.iterdir()) == []


def test_what_goes_on_without_a_kernel_is_heard_again(kernel, tmp_path):
    killed(kernel, "remote", tmp_path)

    again = kernel("again")
    until(lambda: len(heard()) == 3 or again.poll() is not None)
    (tmp_path / "go").touch()
    found = told(again)

    assert found["outputs"] == [0, 0, 2, 4]
    assert begun(tmp_path) == ["0", "1", "2", "root"], "nothing began twice"
    assert sorted(found["logs"]) == [f"{word} {x}" for word in ("begun", "ended") for x in range(3)]
    assert all(phase == "SUCCEEDED" for _, phase in found["actions"])
    assert len(found["actions"]) == 6


def test_a_failure_without_a_kernel_is_known_too(kernel, tmp_path, store_folder):
    killed(kernel, "hybrid", tmp_path)
    (tmp_path / "fail").touch()
    (tmp_path / "go").touch()
    records = store_folder / "blobs" / "ray"
    until(lambda: records.exists() and len([p for p in records.iterdir() if p.name[0] != "."]) == 3)

    again = kernel("again")
    _, err = again.communicate(timeout=90)

    assert again.returncode == 1
    assert "ValueError: it was two" in err
    assert begun(tmp_path).count("2") == 1


def test_a_kernel_that_is_gone_before_it_says_what_to_run_leaves_nothing(env, run, place, store_folder):
    @env.task
    def one() -> int:
        return 1

    assert run(one).outputs() == (1,)
    lease = place._linked(store_folder).lease({"CPU": 1.0}, memory=None, cpu=None, wanted=(), path=())
    wire = Wire(connected(*lease.up.result(20)))
    wire.send(("hello", lease.name, lease.secret))
    wire.send(("attempt", 1, "run", "a0", "key", str(store_folder / "blobs"), (b"", b""), {}, (), 0.0))
    wire.close()

    how, _ = lease.gone.result(20)
    assert how is not None
    assert how["status"] in (-9, 0), "killed, or gone by itself as its connection closed"
    assert not list((store_folder / "blobs").glob("ray/*"))
