"""One sub-command of ``%flyte``: its arguments, and what it does."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.engine.setup import process
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.runs.run import Run

Given = argparse.Namespace

NAMED = "its name, the beginning of it, 'last', or a variable"
"""How a run can be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One sub-command.

    Args:
        name: its name.
        does: what it does, in one sentence.
        example: how it is called.
        act: does it; what it returns is the cell's value.
        arguments: adds its arguments to a parser.
    """

    name: str
    does: str
    example: str
    act: Callable[[Given, Here], Any]
    arguments: Callable[[argparse.ArgumentParser], object] = lambda _parser: None


def run_of(name: str, here: Here) -> Run:
    """Find a run: a variable, one that goes on here, or in the store by name, its beginning, or ``last``."""
    held = here.names.get(name)
    if isinstance(held, Run):
        return held
    live = here.blocks.live(name) if name else []
    if len(live) == 1:
        return live[0]
    found: Run = load("flyte_jupyter.terminal.found:run")(name, process.setup.store())
    return found


def for_a_run(to: argparse.ArgumentParser) -> None:
    """Add the argument that names a run, the last one by default."""
    to.add_argument("run", metavar="RUN", nargs="?", default="last", help=NAMED)
