"""Remote runs on Ray in a notebook: live in their cell while it waits, and on their way when the kernel restarts."""

import textwrap
import time
from pathlib import Path

import pytest
import rays
from kernel import Kernel
from leftovers import exists, until

SECRET = "typed by somebody"

CELL = textwrap.dedent(
    """
    import os, time
    import flyte_jupyter as flyte
    from dataclasses import dataclass
    from pathlib import Path

    flyte.init(backend=os.environ["PLACE"])
    env = flyte.TaskEnvironment(name="live")

    def remote(task, *args):
        return flyte.with_runcontext(mode="remote", name="it").run(task, *args)

    @dataclass
    class Pair:
        a: int
        b: str

    @env.task
    def step(n: int) -> int:
        print("step", n, os.getpid(), flush=True)
        while not Path(f"go{n}").exists():
            time.sleep(0.02)
        return n

    @env.task
    def steps(n: int) -> Pair:
        return Pair(sum(step(x) for x in range(n)), "sum")

    @env.task(secrets=[flyte.Secret("typed", as_env_var="TYPED")])
    def typed() -> int:
        print(os.environ["TYPED"])
        return len(os.environ["TYPED"])
    """
)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A kernel that is connected to the cluster."""
    kernel = Kernel(tmp_path_factory.mktemp("live"), PLACE=f"ray:{rays.cluster().address}").load()
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(started):
    """That kernel with the tasks, and no step done."""
    for path in Path(started.folder).glob("go*"):
        path.unlink()
    defined = started.run(CELL)
    assert defined.status == "ok", defined.traceback
    return started


def test_a_cell_that_waits_shows_what_is_printed_and_an_interrupt_ends_it(kernel):
    cell = kernel.start("remote(steps, 3).outputs()")
    kernel.until(lambda: "step 0" in cell.stdout or cell.idle)
    (kernel.folder / "go0").touch()
    kernel.until(lambda: "step 1" in cell.stdout or cell.idle)
    assert not cell.idle, cell.traceback
    body = int(cell.stdout.split()[-1])
    began = time.monotonic()
    kernel.interrupt()
    kernel.finish(cell)

    assert time.monotonic() - began < 2
    assert cell.error.startswith("KeyboardInterrupt")
    assert until(lambda: not exists(body))
    assert until(lambda: kernel.runs()[0].phase == "ABORTED", 2)


def test_a_failure_ends_at_the_users_line(kernel):
    kernel.run("@env.task\ndef fails() -> None:\n    raise KeyError(Pair(1, 'one'))")
    cell = kernel.run("remote(fails).outputs()")

    assert cell.error == "KeyError: Pair(a=1, b='one')"
    assert "----> 3     raise KeyError(Pair(1, 'one'))" in cell.traceback
    assert "flyte_jupyter/" not in cell.traceback


def test_a_secret_is_asked_for_in_the_cell(kernel):
    cell, question = kernel.asked("remote(typed).outputs()[0]", SECRET)

    assert (question["prompt"], question["password"]) == ("Secret typed: ", True)
    assert cell.value == str(len(SECRET))
    assert cell.stdout == "***\n"


def test_a_restart_leaves_it_going_and_the_next_kernel_has_its_result(kernel):
    first = kernel.run("run = remote(steps, 2); print(run.name)")
    name = first.stdout.splitlines()[0]
    kernel.restart()
    assert kernel.run(CELL).status == "ok"
    (kernel.folder / "go0").touch()
    (kernel.folder / "go1").touch()

    found = kernel.run(f"run = flyte.Run.get({name!r}).wait(); run.outputs()[0]")

    assert found.value == "Pair(a=1, b='sum')"
    state = kernel.state(name)
    assert [action.phase for action in state.actions.values()] == ["SUCCEEDED"] * 3
    assert kernel.run(f"isinstance(flyte.Run.get({name!r}).outputs()[0], Pair)").value == "True"
