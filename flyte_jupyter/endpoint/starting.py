"""Starts the endpoint of a store in a process of its own, unless one serves; it outlives who starts it.

It ends by itself when there has been nothing to do for half a day.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from flyte_jupyter.endpoint.found import Found, find
from flyte_jupyter.errors import InitializationError

_PATIENCE = 60.0
_STEP = 0.05
_LOG = "endpoint.log"
_COMMAND = (sys.executable, "-m", "flyte_jupyter.cli", "serve", "--idle", "12h")


def ensure(store: Path, slots: int = 0) -> Found:
    """Find the endpoint of a store, or start it and wait until it serves.

    Args:
        store: the store's folder.
        slots: how many tasks run at once, if it is started; 0 for as many as there are cores.

    Raises:
        InitializationError: it does not start; the message has its last line.
    """
    found = find(store)
    if found is not None:
        return found
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = store / _LOG
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        process = subprocess.Popen(  # noqa: S603 - this package
            [*_COMMAND, "--store", str(store), "--slots", str(slots)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=store, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + _PATIENCE
    while (found := find(store)) is None:
        if process.poll() and find(store) is None:
            raise InitializationError(f"the endpoint of {store} did not start: {_last(log)}")
        if time.monotonic() > end:
            raise InitializationError(f"the endpoint of {store} does not answer; see {log}")
        time.sleep(_STEP)
    return found


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
