"""A thousand runs leave nothing behind."""

import asyncio
import gc
import os
import threading

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.engine.live import LiveRun
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.runs import run as runs

env = flyte.TaskEnvironment(name="leaks")


@env.task
async def a_child(x: int) -> int:
    return x


@env.task
def s_child(x: int) -> int:
    return x


@env.task
async def root(x: int) -> int:
    return sum(await asyncio.gather(a_child(x), s_child.aio(x)))


@env.task
def s_root(x: int) -> int:
    return sum(flyte.map(s_child, range(x % 4)))


@env.task
async def failing(x: int) -> int:
    raise ValueError(str(x))


def a_lot():
    for x in range(400):
        flyte.run(root, x)
        flyte.run(s_root, x)
        with pytest.raises(ValueError):
            flyte.run(failing, x)


def test_threads_tasks_files_and_runs_stay_flat():
    a_lot()
    gc.collect()
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))

    a_lot()

    gc.collect()
    assert threading.active_count() <= threads + 1
    assert len(os.listdir("/proc/self/fd")) <= files + 1
    assert len(asyncio.all_tasks(loop.get())) == 0
    assert sum(isinstance(thing, LiveRun) for thing in gc.get_objects()) < 20  # of 1,200; pytest holds some
    assert not runs._driven
    assert not bodies._top
    assert not capture.logs
    assert not capture._followed
