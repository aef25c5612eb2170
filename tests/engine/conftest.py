"""What the engine's tests share."""

import pytest

import flyte_jupyter as flyte


@pytest.fixture
def env():
    """An environment of this test's own."""
    return flyte.TaskEnvironment(name="test")
