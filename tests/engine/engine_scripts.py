"""Run a piece of code as a process of its own, as a user's script would run."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

HEAD = """
import asyncio, os, signal, sys, threading, time
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="script")
def say(*words):
    print(*words, file=sys.__stdout__, flush=True)
"""


def start(code: str, folder: Path, **variables: str) -> subprocess.Popen:
    """Start a script; its text is written to a file, so that it has source."""
    file = folder / f"script{len(list(folder.glob('script*.py')))}.py"
    file.write_text(HEAD + textwrap.dedent(code))
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def run(code: str, folder: Path, **variables: str) -> str:
    """Run a script to its end and give what it printed; it must succeed."""
    process = start(code, folder, **variables)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def interrupt(code: str, folder: Path, **variables: str) -> tuple[str, str]:
    """Interrupt a script as Ctrl-C does once it has said "ready"; give all that it printed."""
    process = start(code, folder, **variables)
    first = process.stdout.readline()
    while "ready" not in first:
        assert process.poll() is None, process.stderr.read()
        first = process.stdout.readline()
    for _ in range(2):
        # Once is enough, but for a moment in which Python itself loses signals: between its last look and the
        # system call that asyncio waits in. A person presses again.
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.send_signal(signal.SIGABRT)  # shows where each thread is
    raise AssertionError("the script hangs: " + process.communicate()[1])
