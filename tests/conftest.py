"""Each test has a store of its own and a process that is connected to nothing."""

import pytest

from flyte_jupyter.engine.setup import Setup, process


@pytest.fixture(autouse=True)
def store_folder(tmp_path_factory, monkeypatch):
    """The folder of this test's run store."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(folder))
    process.setup = Setup()
    yield folder
    process.setup.close()
    process.setup = Setup()
