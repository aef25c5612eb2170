"""Each test has a store of its own and a process that is connected to nothing; those that need one, a browser."""

import pytest
from browsers import launched
from hypothesis import settings

from flyte_jupyter.engine.setup import Setup, process

settings.register_profile("patient", settings(), deadline=None)  # a busy machine takes its time
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def store_folder(tmp_path_factory, monkeypatch):
    """The folder of this test's run store."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(folder))
    process.setup = Setup()
    yield folder
    process.setup.close()
    process.setup = Setup()


@pytest.fixture(scope="module")
def browser():
    """A browser for a module's tests; while one is open, nothing else may run an event loop in this thread."""
    api = pytest.importorskip("playwright.sync_api")
    api.expect.set_options(timeout=60_000)  # a busy machine takes its time; what has to be quick is measured
    with api.sync_playwright() as playwright:
        opened = launched(playwright)
        yield opened
        opened.close()
