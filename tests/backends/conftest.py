"""Runs in warm processes, and what must not be left of them."""

import os
import time
from pathlib import Path

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.routes import pool


@pytest.fixture
def env(request):
    """An environment of the test's own, so that its workers are, too."""
    return flyte.TaskEnvironment(name="t" + str(abs(hash(request.node.nodeid)) % 10**8))


@pytest.fixture
def run():
    """Run a task in warm processes."""
    return flyte.with_runcontext(isolation="process").run


@pytest.fixture(scope="session")
def warm():
    """The pool that runs use."""
    return pool()


def until(condition, seconds=5.0):
    """Wait for something that another process does; gives the last answer."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def exists(pid):
    """Whether a process is alive: not gone, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def descendants(pid=None):
    """The processes below one, zombies too."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except OSError:
                continue
    found, todo = set(), {pid or os.getpid()}
    while todo:
        todo = {child for child, parent in parents.items() if parent in todo} - found
        found |= todo
    return found
