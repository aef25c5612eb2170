"""``abort``: stop a run that another process drives."""

import os
import signal
import socket
import time
from argparse import Namespace

import psutil

from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.render.phases import LOOKS
from flyte_jupyter.runs.asking import KERNEL, ask_to_stop, forget_asking
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import RunState
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen

_PATIENCE = 5.0  # seconds for a process to stop what it runs
_NOTICE = 3.0  # seconds for a kernel to notice that it is asked, and to stop the run
_STEP = 0.1


def abort(args: Namespace, screen: Screen) -> int:
    """Ask the kernel that drives a run to stop it; interrupt any other process, as Ctrl-C there would."""
    run = found.run(args.run, found.store())
    if run.done():
        screen.tell(f"run {run.name} has ended already: {LOOKS[run.phase].word}")
        return 0
    if place := run.state.source.get("served"):
        load("flyte_jupyter.endpoint.asking:abort_run")(
            run.store.folder, run.name, place, "flyte-jupyter abort"
        )
        _ended(run, _PATIENCE)
    elif not _asked(run):
        driver = _driver(run.state)
        driver.send_signal(signal.SIGINT)
        if not _ended(run, _PATIENCE):
            raise Error(
                f"process {driver.pid}, which drives run {run.name}, was interrupted and goes on. "
                "Stop it there: interrupt or restart the kernel"
            )
    screen.tell(f"run {run.name} {LOOKS[run.phase].word}")
    return 0


def _asked(run: Run) -> bool:
    """Ask, and wait a moment; a process that is no kernel does not look for it."""
    if not {"execution", KERNEL} & run.state.source.keys():
        return False
    ask_to_stop(run.store, run.name)
    try:
        return _ended(run, _NOTICE)
    finally:
        forget_asking(run.store, run.name)


def _driver(state: RunState) -> psutil.Process:
    """Find the process; another one that got its number since is not it."""
    host, pid = state.source.get("host"), state.source.get("pid", "")
    if host not in (None, socket.gethostname()):
        raise Error(f"run {state.name} is driven by process {pid} on {host}; stop it there")
    try:
        process = psutil.Process(int(pid))
        if process.pid == os.getpid() or process.create_time() > state.started + 1:
            raise psutil.NoSuchProcess(process.pid)
    except (psutil.Error, ValueError):
        raise Error(f"process {pid}, which drove run {state.name}, is gone") from None
    return process


def _ended(run: Run, patience: float) -> bool:
    end = time.monotonic() + patience
    while not run.done():
        if time.monotonic() > end:
            return False
        run.store.wait(run.name, run.store.last(run.name), _STEP)
    return True
