"""The sub-commands of ``%flyte`` that bring back an earlier run: again, to look into, beside another one."""

import argparse
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.rerun import rerun
from flyte_jupyter.notebook import asked, reproducing
from flyte_jupyter.notebook.command import NAMED, Command, Given, run_of
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.options import BY_NAME
from flyte_jupyter.notebook.render.comparison import comparison_html, comparison_text
from flyte_jupyter.runs.comparison import compare
from flyte_jupyter.tasks.environment import find_task

FROM = ("failed", "start")
"""From where a run can be run again."""


def run_again(given: Given, here: Here) -> Any:
    """Run a run's task again; what succeeded with the same code and inputs is taken from its record."""
    if given.start not in FROM:
        raise UsageError(f"--from {given.start!r} is none of {', '.join(FROM)}")
    args, changes = asked.inputs_of(given.inputs, here.seen)
    if args:
        raise UsageError(f"inputs that are to be different are written NAME=VALUE, not {given.inputs[0]!r}")
    before = run_of(given.run, here)
    task = find_task(before.state.task)
    unknown = [name for name in changes if task and name not in task.interface.signature.parameters]
    if task and unknown:
        raise UsageError(f"{task.short_name}{task.interface.signature} takes no {unknown[0]!r}")
    handle = rerun(before, from_failed=given.start == "failed", **changes)
    if given.to:
        here.names[BY_NAME["as"].value(given.to)] = handle
    return asked.answer(handle, here.blocks, given.to)


def load(given: Given, here: Here) -> None:
    """Bring an action's inputs into the notebook, and its code into a new cell."""
    variables, text = reproducing.load(run_of(given.run, here), given.action)
    here.names.update(variables)
    here.shell.set_next_input(text)
    found = ", ".join(variables) or "no inputs"
    print(f"loaded {found}; the code is in the next cell")  # noqa: T201 - the cell's output


def show_both(given: Given, here: Here) -> None:
    """Show what differs between two runs."""
    found = compare(run_of(given.run, here), run_of(given.other, here))
    here.show({"text/html": str(comparison_html(found)), "text/plain": comparison_text(found)})


def _for_rerun(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("inputs", metavar="NAME=VALUE", nargs="*", help="an input that is to be different")
    to.add_argument("--from", dest="start", default="failed", help="failed, or start to run everything again")
    to.add_argument("--as", dest="to", metavar="RUNVAR", help="the variable that gets the new run")


def _for_load(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("action", metavar="ACTION", help="an action's name, the beginning of it, or its task")


def _for_compare(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("other", metavar="RUN", help="the run to set beside it")


COMMANDS = (
    Command(
        name="rerun",
        does="run again what failed, with what succeeded taken from the record",
        example="rerun last --from failed",
        act=run_again,
        arguments=_for_rerun,
    ),
    Command(
        name="load",
        does="bring an action's inputs and code into the notebook",
        example="load last train",
        act=load,
        arguments=_for_load,
    ),
    Command(
        name="compare",
        does="show what differs between two runs",
        example="compare r4k2 last",
        act=show_both,
        arguments=_for_compare,
    ),
)
"""In the order in which ``%flyte --help`` lists them."""
