"""One endpoint for most tests: a process of its own over a store of its own."""

import os
import secrets
import sys

import pytest
import serving

os.environ["DO_NOT_TRACK"] = "1"  # before the official SDK is imported anywhere in this process


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """An endpoint that serves, with the official SDK in this process connected to it."""
    serving.need_extra()
    hook = sys.excepthook
    token = secrets.token_hex(12)
    environment = {"ENDPOINT_TOKEN": token, "FLYTE_JUPYTER_HOME": ""}
    found = serving.Served(tmp_path_factory.mktemp("served") / "store", environment=environment).start()
    found.token = token
    serving.connect(found.url)
    sys.excepthook = hook
    yield found
    found.stop()
    assert "Traceback" not in found.log.read_text(), found.log.read_text()


@pytest.fixture
def connected(served):
    """The official SDK is connected to the endpoint of the session, whatever the test before did."""
    if serving.connected != [served.url]:
        serving.connect(served.url)
