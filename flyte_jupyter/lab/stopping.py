"""Stops a run from the server: interrupts the process that drives it, and waits a moment."""

import signal
import socket
import time

import psutil

from flyte_jupyter.errors import RuntimeUserError
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import Phase, RunState
from flyte_jupyter.runs.store import RunStore

_PATIENCE = 3.0
"""Seconds for a process to stop what it runs."""

_STEP = 0.1


def stop(store: RunStore, name: str) -> Phase:
    """Interrupt the process that drives a run, as Ctrl-C there would; gives the phase after it.

    Raises:
        RunNotFoundError: there is no such run.
        RuntimeUserError: its process is not on this machine, or gone.
    """
    run = Run(store, name)
    if not run.done():
        _driver(run.state).send_signal(signal.SIGINT)
        end = time.monotonic() + _PATIENCE
        while not run.done() and time.monotonic() < end:
            store.wait(name, store.last(name), _STEP)
    return run.phase


def _driver(state: RunState) -> psutil.Process:
    """Find the process; another one that got its number since is not it."""
    host, pid = state.source.get("host"), state.source.get("pid", "")
    if host not in (None, socket.gethostname()):
        raise RuntimeUserError("NotHere", f"process {pid} on {host} drives run {state.name}; stop it there")
    try:
        process = psutil.Process(int(pid))
        if process.create_time() > state.started + 1:
            raise psutil.NoSuchProcess(process.pid)
    except (psutil.Error, ValueError):
        raise RuntimeUserError("Gone", f"process {pid}, which drove run {state.name}, is gone") from None
    return process
