"""An embedded endpoint for a contender: ``flyte-jupyter serve`` over a store of its own; it ends with the process."""

import atexit
import json
import os
import subprocess
import time
from functools import cache

from contenders.common import home


@cache
def endpoint(name: str) -> str:
    """Start it and give its address."""
    store = home() / f"endpoint of {name}"
    store.mkdir()
    python = os.environ["BENCHMARK_PYTHON"]  # a peer's environment may be another one
    command = [python, "-m", "flyte_jupyter", "serve", "--store", str(store), "--slots", "4"]
    process = subprocess.Popen(
        command, cwd=store, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    atexit.register(process.terminate)
    note, end = store / "endpoint.json", time.monotonic() + 60
    while not note.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the endpoint does not start")
        time.sleep(0.05)
    return str(json.loads(note.read_text())["url"])
