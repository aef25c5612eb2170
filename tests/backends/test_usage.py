"""What attempts use is measured where they run, and shown beside what they ask for."""

import os
import time
from pathlib import Path

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.backends import usage
from flyte_jupyter.backends.gpus import GpuMeter, nvml
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.render.card import card
from flyte_jupyter.notebook.render.tree import disk, gpu
from flyte_jupyter.runs.events import ActionQueued, ActionSucceeded, AttemptStarted, AttemptUsed, RunStarted
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import fold

MEGABYTES = 8


def write(folder: str, megabytes: int) -> int:
    """Write to a file system that is on a disk."""
    return (Path(folder) / "written").write_bytes(os.urandom(megabytes << 20))


@pytest.fixture
def last():
    return lambda run: run.state.root.attempts[-1]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_bytes_written_and_cpu_time_are_measured(env, last, tmp_path, isolation):
    @env.task
    def work(folder: str) -> int:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return write(folder, MEGABYTES)

    attempt = last(flyte.with_runcontext(isolation=isolation).run(work, str(tmp_path)))

    assert attempt.cpu >= 0.05
    assert attempt.written >= MEGABYTES << 20
    assert attempt.read is None or attempt.read >= 0


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_what_an_attempt_did_is_not_counted_for_the_next_one(env, tmp_path, isolation, last):
    @env.task
    def work(folder: str, megabytes: int) -> int:
        return write(folder, megabytes)

    @env.task
    def parent(folder: str) -> int:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return work(folder, MEGABYTES) + work(folder, 0)

    run = flyte.with_runcontext(isolation=isolation).run(parent, str(tmp_path))
    first, second = run.state.children()

    assert first.attempts[0].written >= MEGABYTES << 20
    for action in (second, run.state.root):
        assert (action.attempts[0].written or 0) < MEGABYTES << 20


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_trifle_is_no_event(env, isolation):
    @env.task
    def work() -> int:
        return 1

    runs = [flyte.with_runcontext(isolation=isolation).run(work) for _ in range(30)]
    runs[-1].store.flush()

    told = [any(isinstance(event, AttemptUsed) for _, event in run.store.events(run.name)) for run in runs]
    assert not all(told)  # a busy machine may take long for one


def test_trifles_before_an_attempt_are_not_counted_for_it(monkeypatch):
    now = iter([0.0, 60e-6, 0.3])
    monkeypatch.setattr(usage, "perf_counter", lambda: next(now))
    monkeypatch.setattr(usage, "_used", lambda: ((60e-6 + 0.2, 0, 0), 0))
    meter = usage.Meter()
    meter._counted = (0.0, 0, 0)

    assert meter.read(next(now)) == ()
    assert meter.read(60e-6)[0] == pytest.approx(0.2)


def test_limits_are_told_of_a_trifle_too(env, last):
    @env.task(resources=flyte.Resources(memory=("128Mi", "1Gi")))
    def work() -> int:
        return 1

    flyte.run(work)

    assert "1Gi" in last(flyte.run(work)).limits["memory"]


def test_a_worker_that_dies_is_measured_too(env, last, tmp_path):
    @env.task
    def work(folder: str) -> int:
        write(folder, MEGABYTES)
        os._exit(3)

    with pytest.raises(flyte.errors.RuntimeSystemError, match="status 3"):
        flyte.with_runcontext(isolation="process", name=f"{env.name}-dies").run(work, str(tmp_path))

    assert last(Run(process.setup.store(), f"{env.name}-dies")).written >= MEGABYTES << 20


class Library:
    """Has the functions of NVML, and says what two GPUs do."""

    class NVMLError(Exception):
        pass

    class _Rates:
        gpu = 50

    class _Memory:
        used = 3 << 30

    def nvmlDeviceGetCount(self):  # noqa: N802 - as the library has it
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802 - as the library has it
        if index > 1:
            raise self.NVMLError
        return index

    def nvmlDeviceGetHandleByUUID(self, name):  # noqa: N802 - as the library has it
        return name

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802 - as the library has it
        if handle == "MIG-1":
            raise self.NVMLError
        return self._Rates()

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802 - as the library has it
        return self._Memory()


@pytest.mark.parametrize(
    ("devices", "busy", "memory"),
    [((), 1.0, 6), (("1",), 0.5, 3), (("MIG-1",), 0.0, 3), (("7",), 0.0, 0)],
)
def test_gpus_are_looked_at_while_the_attempt_runs(devices, busy, memory):
    begin = time.monotonic()
    with GpuMeter(Library(), devices).looking() as meter:
        time.sleep(0.25)
    seconds = time.monotonic() - begin

    assert meter.busy == pytest.approx(busy * seconds, rel=0.3)
    assert meter.memory == memory << 30


def test_without_a_gpu_nothing_is_looked_at():
    if nvml() is not None:
        pytest.skip("this machine has a GPU")
    with GpuMeter(None, ("0",)).looking() as meter:
        pass

    assert (meter.busy, meter.memory) == (0.0, 0)


def test_what_was_asked_for_is_on_record_and_shown(env):
    @env.task(resources=flyte.Resources(cpu=1, memory="64Mi"))
    def work() -> int:
        return 1

    run = flyte.with_runcontext(isolation="process").run(work)

    assert run.state.root.asked == {"cpu": "1", "memory": "64Mi"}
    assert "of 64Mi" in card(run.state)


def test_the_card_shows_disk_and_gpu():
    at = {"run": "r", "action": "a0", "time": 1.0}
    used = AttemptUsed(**at, attempt=1, cpu=1.0, peak=1 << 20, read=1 << 20, gpu=2.0, gpu_memory=1 << 30)
    events = [
        RunStarted(**at, task="m.f"), ActionQueued(**at, task="m.f", name="f"),
        AttemptStarted(**at, attempt=1), used, ActionSucceeded(**at),
    ]  # fmt: skip
    state = fold(events)

    assert (disk(state.root), gpu(state.root)) == ("1.0 MB read", "2.00 s busy, 1.1 GB")
    assert "1.0 MB read · GPU 2.00 s busy, 1.1 GB" in card(state)
