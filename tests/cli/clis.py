"""Runs the command line, in this process or in one of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import flyte_jupyter
from flyte_jupyter.cli import main

ROOT = Path(flyte_jupyter.__file__).parents[1]


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
