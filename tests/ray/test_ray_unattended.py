"""A run of mode remote goes on to its end without the kernel that asked for it, and other kernels pick it up."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import rays
from leftovers import exists, until

import flyte_jupyter as flyte
from flyte_jupyter.runs.state import Phase

SECRET = "known to nobody but the kernel"

NOTEBOOK = textwrap.dedent(
    """
    import getpass, json, linecache, os, sys, threading, time
    from dataclasses import dataclass
    from pathlib import Path

    import pandas as pd

    import flyte_jupyter as flyte

    env = flyte.TaskEnvironment(name="alone")
    folder = sys.argv[3]

    class OddError(Exception):
        pass

    @dataclass
    class Point:
        x: int
        y: float

    def begin(folder, what):
        with (Path(folder) / "begun").open("a") as file:
            file.write(f"{what} {os.getpid()}\\n")

    def gate(folder):
        while not (Path(folder) / "go").exists():
            time.sleep(0.02)

    @env.task
    def leaf(folder: str, x: int) -> int:
        begin(folder, x)
        print("begun", x, flush=True)
        if x == 0:
            gate(folder)
        print("ended", x)
        return x * 2

    @env.task
    def points(n: int) -> Point:
        return Point(n, n / 2)

    @env.task
    def frame(n: int) -> pd.DataFrame:
        return pd.DataFrame({"n": range(n)})

    @env.task
    def root(folder: str, way: str) -> tuple[list[int], Point, pd.DataFrame]:
        begin(folder, "root")
        if way == "fail":
            gate(folder)
            raise OddError("as it was said")
        found = [leaf(folder, x) for x in range(3)]
        return found, points(found[-1]), frame(3)

    @env.task(retries=flyte.RetryStrategy(2, flyte.Backoff(0)))
    def again(folder: str) -> int:
        begin(folder, flyte.ctx().attempt_number)
        gate(folder)
        if flyte.ctx().attempt_number < 3:
            raise ValueError("not yet")
        return flyte.ctx().attempt_number

    @env.task(secrets=[flyte.Secret("asked", as_env_var="ASKED")])
    def secretive(folder: str) -> str:
        begin(folder, "secretive")
        gate(folder)
        print("it is", os.environ["ASKED"])
        return str(len(os.environ["ASKED"]))

    @env.task(secrets=[flyte.Secret("asked", as_env_var="ASKED")])
    def tells() -> str:
        return os.environ["ASKED"]

    def submit(task, *args):
        return flyte.with_runcontext(mode="remote", name="it").run(task, folder, *args)

    def told(run):
        numbers, point, table = run.outputs()
        assert type(point) is Point, type(point)
        return [numbers, point.x, point.y, table["n"].tolist()]

    if __name__ == "__main__":
        flyte.init(backend=sys.argv[1])
        cell = f"/tmp/ipykernel_{os.getpid()}/1.py"  # its text is known to nobody else, as a notebook's
        linecache.cache[cell] = (0, None, sys.argv[2].splitlines(keepends=True), cell)
        exec(compile(sys.argv[2], cell, "exec"))
    """
)


@pytest.fixture
def kernel(tmp_path, place):
    """Start a kernel that has the notebook's definitions, and let it do something."""
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    started = []

    def start(what):
        word = f"ray:{rays.cluster().address}"
        command = [sys.executable, str(script), word, what, str(tmp_path)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    (tmp_path / "go").touch()
    for one in started:
        one.kill()
        one.communicate()


def begun(folder):
    path = folder / "begun"
    return dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}


def said(process):
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert err == ""
    return json.loads(out.splitlines()[-1])


def left(kernel, folder, what, until_begun="0"):
    """Let a kernel begin a run, kill it when a body has begun, and give the run."""
    first = kernel(f"{what}; time.sleep(100)")
    assert until(lambda: until_begun in begun(folder) or first.poll() is not None, 60)
    assert first.poll() is None, first.communicate()
    first.kill()
    first.wait()
    return flyte.Run.get("it")


def go(folder, run):
    (folder / "go").touch()
    assert run.wait(30).done()
    return run


def leaves_nothing(pid, store_folder):
    assert until(lambda: not exists(pid), 20)
    names = [path for name in ("stop", "locks", "journal") for path in (store_folder / name).glob("*")]
    alive = {path.stem for path in (store_folder / "journal").glob("*.lock")}
    assert [path for path in names if path.stem not in alive] == []
    assert not list((store_folder / "blobs").glob("ray/*"))
    return True


def test_it_goes_on_to_its_end_and_a_new_kernel_has_typed_results(kernel, tmp_path, store_folder):
    run = left(kernel, tmp_path, "submit(root, 'all')")
    assert run.phase is Phase.RUNNING
    pid = rays.conductor()

    second = kernel(
        "run = flyte.Run.get('it'); print(run.phase, flush=True); run.wait(); "
        "logs = ''.join(row.text for row in run.logs()).splitlines(); "
        "run.show_logs(); print(json.dumps([told(run), logs]))"
    )
    assert second.stdout.readline() == "RUNNING\n", "it is followed while it goes on"
    (tmp_path / "go").touch()
    outputs, logs = said(second)

    assert outputs == [[0, 2, 4], 4, 2.0, [0, 1, 2]]
    assert logs == [f"{word} {x}" for x in range(3) for word in ("begun", "ended")], "each once"
    assert run.phase is Phase.SUCCEEDED
    assert until(lambda: not rays.held(), 20)
    assert [action.task_name for action in run.actions] == [
        "alone.root", *["alone.leaf"] * 3, "alone.points", "alone.frame"
    ]  # fmt: skip
    assert leaves_nothing(pid, store_folder)


def test_retries_are_counted_and_a_failure_is_recorded_without_a_kernel(kernel, tmp_path):
    run = go(tmp_path, left(kernel, tmp_path, "submit(again)", "1"))

    assert run.outputs() == (3,)
    assert [attempt.failure and attempt.failure.message for attempt in run.root.attempts] == [
        "not yet", "not yet", None
    ]  # fmt: skip


def test_a_failure_has_its_own_class_in_the_living_kernel_and_its_message_after_it(kernel, tmp_path):
    code = """
import traceback
run = submit(root, "fail")
(Path(folder) / "go").touch()
try:
    run.outputs()
except OddError as error:
    frames = [(frame.name, frame.line) for frame in traceback.extract_tb(error.__traceback__)]
    print(json.dumps([str(error), frames]))
"""
    message, frames = said(kernel(code))
    assert message == "as it was said"
    assert frames[-1] == ["root", 'raise OddError("as it was said")']
    assert not any("flyte_jupyter" in str(frame) for frame in frames[1:])

    (tmp_path / "go").unlink()
    (tmp_path / "begun").unlink()
    first = kernel("submit(root, 'fail'); time.sleep(100)")
    assert until(lambda: "root" in begun(tmp_path) or first.poll() is not None, 60)
    first.kill()
    run = go(tmp_path, flyte.Run.get("it-2"))
    assert run.phase is Phase.FAILED
    failure = run.root.error_info
    assert (failure.code, failure.message) == ("OddError", "as it was said")
    with pytest.raises(flyte.errors.RuntimeUserError, match="OddError: as it was said"):
        run.outputs()


def aborted_by_another_kernel(kernel, name):
    said(kernel(f"run = flyte.Run.get({name!r}); run.abort(); run.wait(5); print(json.dumps(run.done()))"))


def aborted_by_the_terminal(_kernel, name):
    done = subprocess.run(
        [sys.executable, "-m", "flyte_jupyter", "abort", name], capture_output=True, text=True, check=True
    )
    assert "aborted" in done.stdout + done.stderr


def aborted_by_the_server(_kernel, name):
    from flyte_jupyter.lab.stopping import stop

    assert stop(flyte.Run.get(name).store, name) is Phase.ABORTED


def aborted_by_a_signal(_kernel, name):
    os.kill(rays.conductor(), signal.SIGINT)


@pytest.mark.parametrize(
    "abort",
    [aborted_by_another_kernel, aborted_by_the_terminal, aborted_by_the_server, aborted_by_a_signal],
)
def test_it_is_aborted_from_anywhere_with_its_bodies(kernel, tmp_path, store_folder, abort):
    run = left(kernel, tmp_path, "submit(root, 'all')")
    pid, body = rays.conductor(), int(begun(tmp_path)["0"])

    abort(kernel, run.name)

    assert until(run.done)
    assert run.phase is Phase.ABORTED
    assert until(lambda: not exists(body))
    assert not (tmp_path / "go").exists()
    assert leaves_nothing(pid, store_folder)


def test_a_killed_conductor_leaves_an_interrupted_run_that_is_taken_over(kernel, tmp_path, store_folder):
    run = left(kernel, tmp_path, "submit(root, 'all')")
    os.kill(rays.conductor(), signal.SIGKILL)
    assert until(run.done)
    assert run.phase is Phase.INTERRUPTED

    again = kernel("run = flyte.rerun('it'); print(run.name, flush=True); print(json.dumps(told(run)))")
    name = again.stdout.readline().strip()
    assert until(lambda: "begun 0" in "".join(row.text for row in flyte.Run.get(name).logs()), 20)
    (tmp_path / "go").touch()

    assert said(again) == [[0, 2, 4], 4, 2.0, [0, 1, 2]]
    started = [line.split()[0] for line in (tmp_path / "begun").read_text().splitlines()]
    assert sorted(started) == ["0", "1", "2", "root"], "nothing began twice"
    assert leaves_nothing(rays.conductor(), store_folder)


def test_the_kernel_hears_that_its_conductor_was_killed(kernel, tmp_path):
    first = kernel(
        "run = submit(root, 'all')\n"
        "try: run.outputs()\n"
        "except flyte.errors.ActionAbortedError as error: print(json.dumps([str(error), run.phase.value]))"
    )
    assert until(lambda: "0" in begun(tmp_path) or first.poll() is not None, 60)
    os.kill(rays.conductor(), signal.SIGKILL)

    said_so, phase = said(first)

    assert "is gone; flyte.rerun('it') goes on from what is done" in said_so
    assert phase == "INTERRUPTED"


@pytest.mark.parametrize("end", ["sys.exit(0)", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)"])
def test_a_kernel_that_ends_leaves_it_going(kernel, tmp_path, store_folder, end):
    first = kernel(
        f"import signal; submit(root, 'all')\nwhile not (Path(folder) / 'begun').exists(): time.sleep(.02)\n{end}"
    )
    _, err = first.communicate(timeout=60)
    assert err == ""
    run = flyte.Run.get("it")
    pid = rays.conductor()
    assert run.phase is Phase.RUNNING
    assert go(tmp_path, run).phase is Phase.SUCCEEDED
    assert leaves_nothing(pid, store_folder)


def test_what_only_the_kernel_knows_is_known_and_is_on_no_disk(kernel, tmp_path, store_folder):
    asks = f"getpass.getpass = lambda prompt: {SECRET!r}; getpass.getpass.__module__ = 'kernel'"
    run = left(kernel, tmp_path, f"{asks}; submit(secretive)", "secretive")
    go(tmp_path, run)

    assert run.outputs() == (str(len(SECRET)),)
    assert [row.text for row in run.logs()] == ["it is ***\n"]
    told = said(
        kernel(f"{asks}; print(json.dumps(flyte.with_runcontext(mode='remote').run(tells).outputs()))")
    )
    assert told == [SECRET], "the living kernel gets what the record may not hold"
    everything = [path.read_bytes() for path in store_folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in everything)


def test_results_are_found_by_whoever_looks_for_them(kernel, tmp_path):
    code = """
import warnings
warnings.filterwarnings("once", message=".*TABLE: a DataFrame")
env = flyte.TaskEnvironment(name="kept", cache="auto")
FACTOR = 3
TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", None]})

class Plain:
    def __init__(self, n): self.n = n
    def twice(self): return 2 * self.n

def scaled(x): return x * FACTOR * int(TABLE["a"].sum())

@env.task
def child(point: Point, table: pd.DataFrame, more: dict[str, list[int]]) -> int:
    return scaled(point.x) + len(table) + Plain(2).twice()

@env.task
def parent(point: Point, table: pd.DataFrame, plain: Plain) -> int:
    return child(point, table, {"a": [1], "b": []}) + plain.n

def asks(mode):
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None], "t": pd.to_datetime(["2024-01-01", None])}, index=[3, 4])
    found = flyte.with_runcontext(mode=mode).run(task, *[Point(1, 2.0), table, *rest])
    found.wait()
    return [found.root.state.cache, found.outputs()[0]]

cells = []
for task in (child, parent):
    for modes in (("local", "remote", "hybrid"), ("remote", "local")):
        rest = [{"c": [len(modes)]}] if task is child else [Plain(len(modes))]
        cells.append([asks(mode)[0] for mode in modes])
print(json.dumps(cells))
"""
    out, err = kernel(code).communicate(timeout=60)

    assert json.loads(out) == [["miss", "hit", "hit"], ["miss", "hit"]] * 2
    assert err.count("UserWarning") == 2, "each task says once, here, that it goes as a pickle"


def test_what_cannot_travel_is_refused_by_its_name_and_nothing_is_on_record(kernel):
    code = """
lock = threading.Lock()

@env.task
def held() -> int:
    with lock:
        return 1

try: flyte.with_runcontext(mode="remote").run(held)
except flyte.errors.CodeBundleError as error: print(json.dumps([str(error), len(list(flyte.Run.listall()))]))
"""
    message, runs = said(kernel(code))

    assert "alone.held cannot be sent" in message
    assert "lock is a lock" in message
    assert runs == 0


def test_what_it_is_made_of_is_the_kernels_own_again(kernel, tmp_path):
    (tmp_path / "helpers.py").write_text(
        "class Thing:\n    def __init__(self, n): self.n = n\n    def more(self): return Thing(self.n + 1)\n"
    )
    code = """
import logging
import helpers
from helpers import Thing
logging.basicConfig(level=logging.INFO, format="%(levelname)s says %(message)s")

class Unnamed:
    def __init__(self, n): self.n = n

@env.task(cache="auto")
def grown(thing: Thing) -> Thing:
    return thing.more()

@env.task
def both(thing: Thing, other):
    logging.getLogger("mine").info("so")
    return [grown(thing).more(), other]

@dataclass(frozen=True)
class Doubling:
    times: int

class Doubled(flyte.extend.AsyncFunctionTaskTemplate):
    async def post(self, found):
        return found * self.plugin_config.times

flyte.extend.TaskPluginRegistry.register(Doubling, Doubled)

@env.task(plugin_config=Doubling(2), cache=flyte.Cache("auto"))
def five() -> int:
    return 5

def plugin(mode):
    found = flyte.with_runcontext(mode=mode).run(five)
    return [found.outputs()[0], found.wait().root.state.cache]

flyte.with_runcontext(mode="local").run(grown, Thing(1))
run = flyte.with_runcontext(mode="remote").run(both, Thing(1), Unnamed(2))
(thing, other), = run.outputs()
told = [type(thing) is helpers.Thing, thing.n, type(other) is Unnamed, other.n, run.actions[1].state.cache]
print(json.dumps(told))
print(json.dumps([plugin(mode) for mode in ("remote", "local")]))
"""
    out, err = kernel(code).communicate(timeout=60)

    assert out, err
    assert [json.loads(line) for line in out.splitlines()] == [
        [True, 3, True, 2, "hit"],
        [[10, "miss"], [10, "hit"]],
    ]
    assert "INFO says so\n" in err, "as the kernel writes its own log"
