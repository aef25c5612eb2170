"""A store with runs in it, and the command line over it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import flyte_jupyter
from flyte_jupyter.cli import main
from flyte_jupyter.runs.store import RunStore

ROOT = Path(flyte_jupyter.__file__).parents[1]

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


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


class Cli:
    """Runs commands in this process, or in one of its own."""

    def __init__(self, capsys, home):
        self.home = home
        self._capsys = capsys

    def __call__(self, *words):
        self._capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code
        out, err = self._capsys.readouterr()
        return Result(status or 0, out, err)

    def start(self, *words, cwd=None, **variables):
        return subprocess.Popen(
            [sys.executable, "-m", "flyte_jupyter", *words],
            cwd=cwd,
            env=variables_for(self.home) | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words, cwd=None, **variables):
        process = self.start(*words, cwd=cwd, **variables)
        out, err = process.communicate(timeout=120)
        return Result(process.returncode, out, err)


def variables_for(home):
    return os.environ | {
        "FLYTE_JUPYTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(Path(home).parent / "ipython"),
        "NO_COLOR": "",
    }


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
