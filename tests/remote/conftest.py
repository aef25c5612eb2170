"""One endpoint for most tests; each test's process is connected to it, with a store of its own."""

import os

import endpoints
import pytest

import flyte_jupyter as flyte


@pytest.fixture(autouse=True)
def needed():
    """Skip where the extras are missing; in CI they must be there."""
    if endpoints.LACKING:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(endpoints.REASON)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    os.environ.setdefault("DO_NOT_TRACK", "1")  # of the official SDK, in the tests' own process
    found = endpoints.Endpoint(tmp_path_factory.mktemp("endpoint") / "store").start()
    yield found
    found.stop()


@pytest.fixture
def connected(endpoint):
    flyte.init(endpoint=endpoint.url)
    return endpoint


@pytest.fixture
def env():
    return flyte.TaskEnvironment(name="test")
