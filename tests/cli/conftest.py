"""A store with runs in it, and the command line over it."""

import subprocess
import sys

import pytest
from clis import Cli, variables_for

from flyte_jupyter.runs.store import RunStore

SCRIPT = """
import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="shop", cache="auto")
patient = flyte.RetryStrategy(count=2, backoff=0)


@env.task
def price(item: str) -> float:
    print(f"asking for {item}")
    print("\\x1b[31mred\\x1b[0m \\x1b[2J", item)
    return float(len(item))


@env.task(cache="disable", retries=patient)
def pay(amount: float) -> float:
    print("attempt", flyte.ctx().attempt_number)
    if flyte.ctx().attempt_number < 2:
        raise ConnectionError("the bank is busy")
    return amount


@env.task(cache="disable", report=True)
def bill(items: list[str]) -> float:
    total = sum(flyte.map(price, items))
    flyte.report.get_tab("Items").log(f"<p>{len(items)} items</p>")
    return pay(total)


@env.task(cache="disable")
def refuse(item: str) -> float:
    raise LookupError(f"no {item} here")


flyte.with_runcontext(name="first").run(bill, ["tea", "bread"])
flyte.with_runcontext(name="second", labels={"team": "blue"}).run(bill, ["tea", "salt"])
try:
    flyte.with_runcontext(name="third").run(refuse, "cake")
except LookupError:
    pass
"""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """The folder of a store with three runs: two that went well and one that failed."""
    folder = tmp_path_factory.mktemp("recorded")
    script = folder / "shop.py"
    script.write_text(SCRIPT)
    subprocess.run([sys.executable, str(script)], env=variables_for(folder / "home"), check=True)
    return folder / "home"


@pytest.fixture
def cli(recorded, capsys, monkeypatch):
    """The commands over the store with three runs."""
    monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(recorded))
    return Cli(capsys, recorded)


@pytest.fixture
def own(tmp_path, capsys, monkeypatch):
    """The commands over a store of this test alone."""
    monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(tmp_path / "home"))
    return Cli(capsys, tmp_path / "home")


@pytest.fixture
def store(own):
    """That store."""
    opened = RunStore.open(own.home)
    yield opened
    opened.close()
