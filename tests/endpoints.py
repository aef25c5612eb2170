"""A real endpoint for tests: ``flyte-jupyter serve`` in a process of its own."""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import flyte_jupyter

ROOT = Path(flyte_jupyter.__file__).parents[1]
LACKING = [name for name in ("flyte", "uvicorn", "protovalidate") if not importlib.util.find_spec(name)]
REASON = f"needs {', '.join(LACKING)}: pip install 'flyte-jupyter[flyte,endpoint]'"
PATIENCE = 60.0
IS_OLDEST = not LACKING and importlib.metadata.version("flyte").startswith("2.5.")
"""Whether the official SDK here is the oldest that is accepted, as ``test_oldest.py`` has it."""


class Endpoint:
    """An endpoint over a store of its own.

    Args:
        store: the store's folder.
        more: variables that it has besides those of this process.
    """

    def __init__(self, store: Path, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self.store = store
        self.more = more
        self.log = store.parent / f"{store.name}.log"
        self.process = None

    def start(self) -> "Endpoint":
        command = [sys.executable, "-m", "flyte_jupyter.cli", "serve", "--store", str(self.store)]
        self.process = subprocess.Popen(
            [*command, "--slots", "4", "--strict"],
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            cwd=self.store.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FLYTE_JUPYTER_HOME": "", **self.more},
            start_new_session=True,
        )
        until(lambda: (self.store / "endpoint.json").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    @property
    def url(self) -> str:
        return json.loads((self.store / "endpoint.json").read_text())["url"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def until(found, patience: float = PATIENCE):
    """Look until something is so, and give it."""
    end = time.monotonic() + patience
    while not (value := found()):
        if time.monotonic() > end:
            raise TimeoutError(f"not so within {patience} s")
        time.sleep(0.05)
    return value
