"""Runs on a real Ray cluster."""

import pytest
import rays

import flyte_jupyter as flyte


@pytest.fixture
def place():
    """The cluster as this process's place to run."""
    found = rays.place()
    flyte.init(backend=found)
    return found


@pytest.fixture
def env(request, place):
    """An environment of the test's own, so that its workers are, too."""
    return flyte.TaskEnvironment(name="r" + str(abs(hash(request.node.nodeid)) % 10**8))


@pytest.fixture
def run(place):
    """Run a task on Ray and wait for its end."""

    def run(task, *args, **options):
        handle = flyte.with_runcontext(**{"mode": "remote", **options}).run(task, *args)
        handle.wait()
        return handle

    return run
