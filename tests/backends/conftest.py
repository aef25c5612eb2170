"""Runs in warm processes."""

import pytest

import flyte_jupyter as flyte


@pytest.fixture
def env(request):
    """An environment of the test's own, so that its workers are, too."""
    return flyte.TaskEnvironment(name="t" + str(abs(hash(request.node.nodeid)) % 10**8))


@pytest.fixture
def run():
    """Run a task in warm processes."""
    return flyte.with_runcontext(isolation="process").run
