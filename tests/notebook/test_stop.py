"""Stop, from a front end and from a terminal, in every situation in which an interrupt works as well."""

import subprocess
import sys
import time

import pytest
from test_interrupt import SETUP

BUSY = {
    "a sync loop": "flyte.run(loop)",
    "a C call that releases the GIL": "flyte.run(sleeps)",
    "1,000 pending children": "flyte.run(many, 1000)",
    "an await": "await flyte.run.aio(waits)",
    "a sync body in an async one": "flyte.run(calls, 60.0)",
    "a worker process": "flyte.with_runcontext(isolation='process').run(worker_sleeps)",
    "a cell that is a task": "%%flyte_task slow\nprint('started')\ntime.sleep(60)",
}
BACKGROUND = (
    "%%flyte_task --run --background --as bg\nasync def later() -> int:\n"
    "    print('started')\n    await asyncio.sleep(60)\n    ticks.append(1)\n    return 1"
)


MOST = 2.5
"""Seconds until a run has ended: two, and what messages take on a busy machine."""

STARTS = 1.5
"""Seconds for a command's own interpreter to start on a busy machine."""


WORKER = """
@env.task
def worker_sleeps() -> int:
    import time
    print("started", flush=True)
    time.sleep(60)
    return 1
"""


@pytest.fixture(autouse=True)
def tasks(kernel):
    done = kernel.run(SETUP + WORKER)
    assert done.status == "ok", done.traceback


def begun(kernel, code):
    """Start a cell; gives it, and the name of its run once the run prints."""
    before = len(kernel.runs())
    outputs = kernel.start(code)
    kernel.until(lambda: "started" in outputs.stdout or outputs.status, 30)
    kernel.until(lambda: len(kernel.runs()) > before, 30)
    return outputs, kernel.runs()[0].name


def by_comm(kernel, run):
    kernel.open_comm("flyte-jupyter.stop", {"run": run})


def by_terminal(kernel, run):
    command = [sys.executable, "-m", "flyte_jupyter", "abort", run]
    done = subprocess.run(command, env=kernel.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stop", [by_comm, by_terminal])
@pytest.mark.parametrize("situation", BUSY)
def test_a_busy_cell_is_stopped(kernel, situation, stop):
    outputs, run = begun(kernel, BUSY[situation])
    began = time.monotonic()
    stop(kernel, run)
    kernel.finish(outputs, 30)
    took = time.monotonic() - began
    still = kernel.run("before = len(ticks); time.sleep(0.3); len(ticks) - before").value
    phases = {action.phase.value for action in kernel.state(run).actions.values()}

    assert took < (MOST if stop is by_comm else MOST + STARTS)
    assert outputs.status == "error"
    assert "ActionAbortedError" in outputs.error
    assert "flyte_jupyter" not in outputs.traceback.replace("flyte_jupyter.errors", "")
    assert phases == {"ABORTED"}
    assert still == "0"


@pytest.mark.parametrize("stop", [by_comm, by_terminal])
def test_a_run_in_the_background_is_stopped_alone(kernel, stop):
    first, run = begun(kernel, BACKGROUND)
    kernel.finish(first)
    other = kernel.start("print('busy')\ntime.sleep(1.5)\nprint('undisturbed')")
    kernel.until(lambda: "busy" in other.stdout)
    began = time.monotonic()
    stop(kernel, run)
    kernel.until(lambda: kernel.state(run).phase.terminal, 10)
    took = time.monotonic() - began
    kernel.finish(other)

    assert took < (MOST if stop is by_comm else MOST + STARTS)
    assert kernel.state(run).phase.value == "ABORTED"
    assert "undisturbed" in other.stdout


def test_who_asks_for_another_run_stops_nothing(kernel):
    first, run = begun(kernel, BACKGROUND)
    kernel.finish(first)
    by_comm(kernel, "another")
    kernel.settle(0.5)
    phase = kernel.state(run).phase.value
    kernel.run("bg.abort(); bg.wait(5)")

    assert phase == "RUNNING"


def test_a_block_says_how_to_stop_its_run(kernel):
    kernel.run("%config FlyteMagics.show_after = 0.2")
    busy = kernel.interrupted("flyte.run(waits)", after="started")
    waiting = kernel.start("await flyte.run.aio(waits)")
    kernel.until(lambda: waiting.displays)
    kernel.interrupt()
    kernel.finish(waiting)
    background = kernel.run(BACKGROUND)
    kernel.until(lambda: len(background.displays) > 1)
    name = kernel.run("bg.name").value.strip("'")
    kernel.run("bg.abort(); bg.wait(5)")
    kernel.until(lambda: "aborted" in background.updates[-1]["text/plain"])

    assert busy.error
    assert 'data-commandlinker-command="notebook:interrupt-kernel"' in waiting.displays[0]["text/html"]
    assert "interrupt the kernel" in waiting.displays[0]["text/html"]
    assert "To stop it" not in waiting.updates[-1]["text/html"]
    assert f"%flyte abort {name}" in background.displays[-1]["text/html"]
    assert "commandlinker" not in background.displays[-1]["text/html"]
