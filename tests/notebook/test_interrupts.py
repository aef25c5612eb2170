"""An interrupt leaves nothing locked, at whatever step of ours it arrives: the next cell runs."""

import pytest

SETUP = """
import signal, sys
from unittest import mock
from flyte_jupyter.notebook import interrupts
env = flyte.TaskEnvironment("t")

@env.task
def plain() -> int:
    return 3

@env.task
async def waits() -> int:
    return 4

def interrupted_at(first, call):
    steps = 0

    def step(frame, event, _):
        nonlocal steps
        if event in ("call", "c_return"):  # where the interpreter looks for signals
            steps += 1
            if steps >= first:
                signal.getsignal(signal.SIGINT)(signal.SIGINT, frame)

    sys.setprofile(step)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return steps >= first

def goes_on():
    assert (flyte.run(plain).outputs(), flyte.run(waits).outputs()) == ((3,), (4,))

@mock.patch.object(interrupts, "_try_again", lambda _: None)  # the next step tries again
@mock.patch.object(interrupts, "_ENOUGH", 3600)
def at_each_step(call):
    goes_on()
    at = 1
    while interrupted_at(at, call):
        at += 1
        assert next(iter(flyte.Run.listall(limit=1))).done()
        goes_on()
    return at
"""


@pytest.mark.parametrize("task", ["plain", "waits"])
def test_a_run_can_be_interrupted_at_each_step(kernel, task):
    assert kernel.run(SETUP).status == "ok"
    done = kernel.run(f"at_each_step(lambda: flyte.run({task}))", timeout=120)

    assert int(done.value or 0) > 200, done.traceback


def test_what_waits_in_a_library_that_we_call_is_interrupted(kernel):
    kernel.run(
        "import time\nfrom pathlib import Path\nfrom flyte_jupyter.runs.locks import acquire\n"
        "held = acquire(Path('lock'), wait=True)"
    )
    done = kernel.interrupted("print('started'); acquire(Path('lock'), wait=True)")

    assert done.error.startswith("KeyboardInterrupt")
    assert done.seconds < 1


def test_plain_python_handles_the_interrupts_of_a_shell_without_us(kernel):
    done = kernel.run("import signal\n%unload_ext flyte_jupyter\nsignal.getsignal(signal.SIGINT)")

    assert "default_int_handler" in done.value
