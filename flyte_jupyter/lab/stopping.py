"""Stops a run from the server: asks its kernel or endpoint to, or interrupts its process."""

import signal
import socket
import time

import psutil

from flyte_jupyter.errors import RuntimeUserError
from flyte_jupyter.loading import load
from flyte_jupyter.runs.asking import KERNEL, ask_to_stop, forget_asking
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import Phase, RunState
from flyte_jupyter.runs.store import RunStore

_PATIENCE = 5.0
"""Seconds for a process to stop what it runs."""

_STEP = 0.1


def stop(store: RunStore, name: str) -> Phase:
    """Stop a run and wait a moment for its end; gives its phase then.

    A kernel looks for the note that asks it to, also while a cell is busy; another process is interrupted, as
    Ctrl-C would.

    Raises:
        RunNotFoundError: there is no such run.
        RuntimeUserError: its process is not on this machine, or gone.
    """
    run = Run(store, name)
    if run.done():
        return run.phase
    if place := run.state.source.get("served"):
        load("flyte_jupyter.endpoint.asking:abort_run")(store.folder, name, place, "stopped in JupyterLab")
        return _phase_after(run)
    if {"execution", KERNEL} & run.state.source.keys():
        ask_to_stop(store, name)
        try:
            return _phase_after(run)
        finally:
            forget_asking(store, name)
    _driver(run.state).send_signal(signal.SIGINT)
    return _phase_after(run)


def _phase_after(run: Run) -> Phase:
    end = time.monotonic() + _PATIENCE
    while not run.done() and time.monotonic() < end:
        run.store.wait(run.name, run.store.last(run.name), _STEP)
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
