"""A real server for the tests of the server extension, and the Lab of the notebook's tests."""

import sys
from pathlib import Path

import pytest
from served import Server

sys.path.append(str(Path(__file__).parents[1] / "notebook"))
sys.path.append(str(Path(__file__).parents[1] / "runs"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The store's folder of a module's tests."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def store_folder(home, monkeypatch):
    """Let the tests of a module record in one store, which their server shows."""
    from flyte_jupyter.engine.setup import Setup, process

    monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(home))
    process.setup = Setup()
    yield home
    process.setup.close()
    process.setup = Setup()


@pytest.fixture(autouse=True)
def _in_that_store(store_folder):
    pass


@pytest.fixture(scope="module")
def server(tmp_path_factory, home):
    started = Server(tmp_path_factory.mktemp("served"), home)
    yield started
    started.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep a picture of the page on which a test failed, where somebody asked for pictures."""
    report = yield
    page = item.funcargs.get("lab") or item.funcargs.get("book")
    if report.failed and call.when == "call" and hasattr(page, "shot"):
        page.shot(f"failed-{item.name}")
        report.sections.append(("Errors on the page", "\n".join(page.errors)))
    return report
