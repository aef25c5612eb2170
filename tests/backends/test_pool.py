"""A task in a warm process gives what it gives on a thread."""

import asyncio
import collections
import contextlib
import dataclasses
import enum
import logging
import os
import subprocess
import sys
import threading
import time
import typing
from pathlib import Path

import pytest

import flyte_jupyter as flyte


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=list)


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class TroubleError(Exception):
    def __init__(self, where: str, level: int) -> None:
        super().__init__(f"trouble in {where}")
        self.where = where
        self.level = level


OFFSET = 10
COUNTS = collections.Counter("aab")


def shifted(x: int) -> int:
    return x + OFFSET


def test_a_body_runs_in_another_process_and_helpers_come_along(env, run):
    @env.task
    def work(x: int) -> tuple[int, int]:
        return shifted(x), os.getpid()

    value, pid = run(work, 1).outputs()

    assert value == 11
    assert pid != os.getpid()


def test_a_worker_is_used_again_by_the_tasks_of_an_environment(env, run):
    @env.task
    def one() -> int:
        return os.getpid()

    @env.task
    async def two() -> int:
        return os.getpid()

    assert len({run(task).outputs()[0] for task in (one, two, one, two)}) == 1


def test_a_changed_helper_counts_from_the_next_call_on(env, run, monkeypatch):
    @env.task
    def work(x: int) -> int:
        return shifted(x)

    before = run(work, 1).outputs()[0]
    monkeypatch.setitem(globals(), "OFFSET", 100)

    assert (before, run(work, 1).outputs()[0]) == (11, 101)


VALUES = {
    "int": (int, 3),
    "text": (str, "ä\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")),
    "bytes": (bytes, bytes(range(256)) * 100),
    "list": (list[int], list(range(1000))),
    "dict": (dict[str, float], {"a": 0.5}),
    "union": (int | str | None, "x"),
    "dataclass": (Point, Point(3, tags=["a"])),
    "dataclasses": (list[Point], [Point(n) for n in range(50)]),
    "enum": (Colour, Colour.BLUE),
    "any": (typing.Any, {1: {2, 3}}),
    "tuple": (typing.Any, (1, "a", None)),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_are_on_a_thread(env, run, name):
    kind, value = VALUES[name]

    def work(x):
        return x

    work.__annotations__ = {"x": kind, "return": kind}
    task = env.task(work)
    there = run(task, value).outputs()[0]
    here = flyte.run(task, value).outputs()[0]

    assert there == here == value
    assert type(there) is type(here)


def test_files_and_folders_come_back(env, run, tmp_path):
    @env.task
    def work(f: flyte.io.File) -> flyte.io.File:
        with f.open_sync("r") as lines:
            text = lines.read()
        path = Path(os.environ["OUT"]) / "b.txt"
        path.write_text(text.upper())
        return flyte.io.File.from_local_sync(path)

    (tmp_path / "a.txt").write_text("abc")
    os.environ["OUT"] = str(tmp_path)
    try:
        found = run(work, flyte.io.File.from_local_sync(tmp_path / "a.txt")).outputs()[0]
    finally:
        del os.environ["OUT"]

    with found.open_sync("r") as lines:
        assert lines.read() == "ABC"


def test_an_exception_is_the_users_own_and_ends_at_the_users_line(env, run):
    @env.task
    def work() -> int:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise TroubleError("work", 3) from inner

    with pytest.raises(TroubleError, match="trouble in work") as caught:
        run(work)

    assert (caught.value.where, caught.value.level) == ("work", 3)
    assert isinstance(caught.value.__cause__, KeyError)
    frame = caught.traceback[-1]
    assert frame.path.name == "test_pool.py"
    assert "raise TroubleError" in str(frame.statement)


def test_an_exception_that_cannot_travel_is_told(env, run):
    @env.task
    def work() -> int:
        class HiddenError(Exception):
            pass

        raise HiddenError(threading.Lock())

    with pytest.raises(flyte.errors.RuntimeUserError) as caught:
        run(work)

    assert caught.value.code == "HiddenError"


def test_what_is_printed_is_shown_and_kept_with_its_action(env, run, capfd):
    @env.task
    def work() -> None:
        print("from python", end=" ")
        print("here")
        print("wrong", file=sys.stderr)

    @env.task
    def low() -> None:
        os.write(1, b"from below\n")
        subprocess.run(["echo", "from a child"], check=True)

    one, two = run(work), run(low)
    shown = capfd.readouterr()

    assert [(r.stream, r.text) for r in one.logs() if r.stream == "stdout"] == [
        ("stdout", "from python here\n")
    ]
    assert "".join(r.text for r in one.logs() if r.stream == "stderr") == "wrong\n"
    assert "".join(r.text for r in two.logs()) == "from below\nfrom a child\n"
    assert "from python here" in shown.out
    assert "wrong" in shown.err


def test_log_records_go_to_the_handlers_of_the_kernel(env, run, caplog):
    @env.task
    def work() -> None:
        logging.getLogger("mine").info("%s is told", [1])
        try:
            raise ValueError("seen")
        except ValueError:
            logging.getLogger("mine").exception("failed")

    with caplog.at_level(logging.INFO):
        run(work)

    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("mine", "INFO", "[1] is told"),
        ("mine", "ERROR", "failed"),
    ]
    assert "ValueError: seen" in caplog.text


def test_lines_are_seen_while_the_body_runs(env, run):
    @env.task
    def work() -> None:
        print("begun")
        time.sleep(3600)

    seen = threading.Event()
    from flyte_jupyter.engine.setup import process

    store = process.setup.store()
    inner = store.log

    def log(run_name, action, attempt, stream, text):
        if "begun" in text:
            seen.set()
        inner(run_name, action, attempt, stream, text)

    store.log = log
    done = []
    thread = threading.Thread(target=lambda: done.append(_failed(lambda: run(work))))
    thread.start()
    assert seen.wait(10)
    next(iter(flyte.Run.listall())).abort()
    thread.join(10)

    assert isinstance(done[0], flyte.errors.ActionAbortedError)


def _failed(call):
    try:
        return call()
    except BaseException as error:
        return error


def test_the_context_is_there(env):
    @env.task
    def child() -> dict[str, str]:
        return dict(flyte.get_custom_context())

    @env.task(report=True)
    def work() -> dict[str, typing.Any]:
        task = flyte.ctx()
        flyte.report.get_tab("main").log("<b>told</b>")
        task.checkpoint.save_sync(b"abc")
        with flyte.custom_context(more="2"), flyte.group("g"):
            inner = child()
        return {
            "mode": task.mode, "attempt": task.attempt_number, "action": task.action.name, "inner": inner,
            "custom": dict(flyte.get_custom_context()), "saved": str(task.checkpoints.checkpoint_path),
        }  # fmt: skip

    run = flyte.with_runcontext(isolation="process", custom_context={"a": "1"}).run(work)
    found = run.outputs()[0]

    assert (found["mode"], found["attempt"], found["action"]) == ("local", 1, "a0")
    assert found["custom"] == {"a": "1"}
    assert found["inner"] == {"a": "1", "more": "2"}
    assert Path(found["saved"]).read_bytes() == b"abc"
    assert "told" in run.report()
    assert [a.group for a in run.state.children()] == ["g"]


def test_variables_and_secrets_are_set_for_real_and_put_back(env, run, monkeypatch, capfd):
    monkeypatch.setenv("MY_TOKEN", "hush-hush-value")

    @env.task(env_vars={"COLOUR": "red"}, secrets=[flyte.Secret(key="MY_TOKEN", as_env_var="TOKEN")])
    def work() -> str:
        print(os.environ["TOKEN"])
        return subprocess.run(
            "echo $COLOUR", shell=True, capture_output=True, text=True, check=True
        ).stdout.strip()

    @env.task
    def after() -> list[str]:
        return [name for name in ("COLOUR", "TOKEN") if name in os.environ]

    first = run(work)

    assert first.outputs()[0] == "red"
    assert run(after).outputs()[0] == []
    assert "hush" not in "".join(r.text for r in first.logs())
    assert "hush" not in capfd.readouterr().out


def test_a_traced_helper_is_an_action_of_its_own(env, run):
    @flyte.trace
    def helper(x: int) -> int:
        print("in helper")
        return x + 1

    @flyte.trace
    async def bad() -> None:
        raise ValueError("no")

    @env.task
    async def work() -> int:
        with contextlib.suppress(ValueError):
            await bad()
        return helper(1)

    found = run(work)

    assert found.outputs()[0] == 2
    children = found.state.children()
    assert [(c.short, c.phase.value) for c in children] == [("bad", "FAILED"), ("helper", "SUCCEEDED")]
    assert [r.text for r in found.logs(children[1].name)] == ["in helper\n"]


def test_kernel_state_goes_along(env, run, tmp_path, monkeypatch):
    @env.task
    def work() -> tuple[str, str, bool]:
        return str(Path.cwd()), os.environ.get("HELLO", ""), "/nowhere" in sys.path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELLO", "there")
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere"])

    assert run(work).outputs() == (str(tmp_path), "there", True)


def test_random_numbers_differ_between_workers(env, run):
    pytest.importorskip("numpy")

    @env.task
    def draw() -> float:
        import numpy as np

        time.sleep(0.1)
        return float(np.random.random())  # noqa: NPY002 - the state that a fork would share

    @env.task
    async def work() -> list[float]:
        return await asyncio.gather(draw.aio(), draw.aio())

    assert len(set(run(work).outputs()[0])) == 2


def test_a_value_that_cannot_be_written_as_code_goes_as_a_pickle_and_is_named(env, run):
    @env.task
    def work(x: str) -> int:
        return COUNTS[x]

    with pytest.warns(UserWarning, match="COUNTS"):
        found = run(work, "a")

    assert found.outputs()[0] == 2


def test_what_cannot_be_sent_at_all_says_so(env, run):
    lock = threading.Lock()

    @env.task
    def work() -> bool:
        return lock.locked()

    with pytest.raises(flyte.errors.CodeBundleError, match="lock"):
        run(work)


HELD = threading.Lock()


def test_what_cannot_be_sent_is_named(env, run):
    @env.task
    def work() -> bool:
        return HELD.locked()

    with pytest.raises(flyte.errors.CodeBundleError, match="HELD is a lock"):
        run(work)


def test_numerical_libraries_take_the_cores_that_are_asked_for(env):
    @env.task(resources=flyte.Resources(cpu=1))
    def one() -> tuple[str | None, set[int]]:
        import os

        import sklearn  # noqa: F401 - brings threadpoolctl
        import threadpoolctl

        pools = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        return os.environ.get("OMP_NUM_THREADS"), pools

    @env.task(env_vars={"OMP_NUM_THREADS": "3"}, resources=flyte.Resources(cpu=1))
    def told() -> str | None:
        import os

        return os.environ.get("OMP_NUM_THREADS")

    @env.task
    def unasked() -> str | None:
        import os

        return os.environ.get("OMP_NUM_THREADS")

    run = flyte.with_runcontext(isolation="process").run

    first, again = run(one).outputs(), run(one).outputs()
    assert first == again == ("1", {1})
    assert run(told).outputs() == ("3",)
    assert run(unasked).outputs() == (os.environ.get("OMP_NUM_THREADS"),)
