"""The sub-commands of ``%flyte`` that need the kernel; the others are those of the terminal."""

import argparse
import platform
import time
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.options import ISOLATIONS
from flyte_jupyter.engine.setup import process
from flyte_jupyter.loading import load
from flyte_jupyter.notebook import again, asked, borrowed, content, stale, why
from flyte_jupyter.notebook.command import NAMED, Command, Given, for_a_run, run_of
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.options import BY_NAME, Line
from flyte_jupyter.notebook.render.objects import object_html, object_text
from flyte_jupyter.notebook.render.report import report_frame
from flyte_jupyter.notebook.shown import bundle_of
from flyte_jupyter.tasks.environment import TaskEnvironment, environments


def run(given: Given, here: Here) -> Any:
    """Run a task with inputs from the notebook's names, or the cells that are out of date."""
    if given.stale == (given.task is not None):
        raise UsageError("%flyte run takes a TASK, or --stale for the cells that are out of date")
    if given.stale:
        return stale.run_stale(here)
    if given.background and given.wait:
        raise UsageError("--background does not wait and --wait does; give one of them")
    task = here.task(given.task)
    chosen = {name: getattr(given, name) for name in ("mode", "isolation")}
    said = {name: BY_NAME[name].value(text) for name, text in chosen.items() if text}
    line = Line(None, {**said, "background": given.background, "wait": given.wait}, here.defaults)
    args, kwargs = asked.inputs_of(given.inputs, here.seen)
    handle = asked.run(task, args, kwargs, line, here.blocks)
    if given.to:
        here.names[BY_NAME["as"].value(given.to)] = handle
    return asked.answer(handle, here.blocks, given.to)


def show(given: Given, here: Here) -> None:
    """Show a run's card; one that goes on at an endpoint without its kernel is followed on from here."""
    found = run_of(given.run, here)
    note = load("flyte_jupyter.engine.attached:resumed")(found)
    if note:
        print(note)  # noqa: T201 - the cell's output
    here.show(bundle_of(found))


def report(given: Given, here: Here) -> None:
    """Show an action's report."""
    of = run_of(given.run, here)
    having = [
        one for one in load("flyte_jupyter.terminal.found:actions")(of, given.action) if one.state.report
    ]
    if len(having) != 1:
        listed = ", ".join(one.name for one in having[:10]) or "a task with report=True writes one"
        raise UsageError(f"run {of.name} has {len(having)} such reports: {listed}")
    page = having[0].report()
    here.show({"text/html": str(report_frame(page)), "text/plain": f"report of {having[0].state.task}"})


def abort(given: Given, here: Here) -> None:
    """Stop a run of this kernel; that of another process is interrupted there."""
    found = run_of(given.run, here)
    live = [one for one in here.blocks.live() if one.name == found.name]
    if not live:
        borrowed.run(["abort", found.name])
        return
    live[0].abort("aborted by %flyte abort")
    live[0].wait(2.0)
    print(f"run {found.name} {live[0].phase.value.lower()}")  # noqa: T201 - the cell's output


def explain(given: Given, here: Here) -> None:
    """Say whether a task's result would be taken from the cache, and if not, what changed."""
    task, store, now = here.task(given.task), process.setup.store(), time.time()
    if given.inputs:
        values = asked.inputs_of(given.inputs, here.seen)
        lines = why.verdict_for(task, values, store, now)
    else:
        lines = why.verdict(task, store, now)
    print("\n  ".join(lines))  # noqa: T201 - the cell's output


def preflight(given: Given, here: Here) -> None:
    """Tell what leaves the kernel when a task runs elsewhere."""
    task = here.task(given.task)
    found = load("flyte_jupyter.notebook.preflight:facts")(task)
    html = object_html(task.name, found, kind="Preflight of")
    here.show({"text/html": str(html), "text/plain": object_text(task.name, found, kind="Preflight of")})


def env(_given: Given, here: Here) -> None:
    """Show what the kernel is connected to, and its environments."""
    setup = process.setup
    facts: dict[str, object] = {
        "Python": platform.python_version(),
        "Store": str(setup.store().folder),
        "Mode": setup.mode,
        "There": "the endpoint of the settings or the store" if setup.there is None else setup.there.name,
        "Notebook": here.cells.notebook(),
        "Runs going on": len(here.blocks.live()),
        "Environments": {name: _tasks(found) for name, found in environments().items()} or "none",
    }
    here.show({"text/html": str(object_html("Kernel", facts)), "text/plain": object_text("Kernel", facts)})


def connect(given: Given, _here: Here) -> None:
    """Connect the kernel to an endpoint, once that answers."""
    found = load("flyte_jupyter.terminal.connecting:place")(given.url)
    print(load("flyte_jupyter.terminal.connecting:told")(found))  # noqa: T201 - the cell's output
    process.change(there=found)


def frame(given: Given, here: Here) -> Any:
    """Page through a frame."""
    return load("flyte_jupyter.notebook.paging:frame")(given, here)


def _tasks(found: Any) -> str:
    names = [task.short_name for task in found.tasks.values()] if isinstance(found, TaskEnvironment) else []
    return ", ".join(names) or "no tasks"


def _for_connect(to: argparse.ArgumentParser) -> None:
    load("flyte_jupyter.terminal.arguments:connect")(to)


def _for_run(to: argparse.ArgumentParser) -> None:
    to.add_argument("task", metavar="TASK", nargs="?", help="a task's name, or a variable that holds one")
    to.add_argument("inputs", metavar="NAME=VALUE", nargs="*", help="an input; a Python expression")
    to.add_argument("--stale", action="store_true", help="run the cells that are out of date instead")
    to.add_argument("--mode", help="local, hybrid or remote")
    to.add_argument("--isolation", help=", ".join(ISOLATIONS))
    to.add_argument("--as", dest="to", metavar="RUNVAR", help="the variable that gets the run")
    to.add_argument("--background", action="store_true", help="do not wait for it")
    to.add_argument("--wait", action="store_true", help="wait for it, in mode remote too")


def _for_report(to: argparse.ArgumentParser) -> None:
    for_a_run(to)
    to.add_argument("action", metavar="ACTION", nargs="?", help="an action's name or its task")


def _for_frame(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=f"{NAMED}; or a variable that holds a frame")
    to.add_argument("action", metavar="ACTION", nargs="?", help="an action's name or its task")
    to.add_argument("--output", metavar="NAME", help="which of several outputs")


def _for_abort(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=NAMED)


def _for_preflight(to: argparse.ArgumentParser) -> None:
    to.add_argument("task", metavar="TASK", help="a task's name, or a variable that holds one")


def _for_why(to: argparse.ArgumentParser) -> None:
    to.add_argument("task", metavar="TASK", help="a task's name, or a variable that holds one")
    to.add_argument("inputs", metavar="NAME=VALUE", nargs="*", help="inputs to ask about")


COMMANDS = (
    Command(
        name="run",
        does="run a task, or with --stale the cells that are out of date",
        example="run train df=frame lr=0.05",
        act=run,
        arguments=_for_run,
    ),
    Command(name="show", does="show a run's card", example="show last", act=show, arguments=for_a_run),
    Command(name="report", does="show a report", example="report last", act=report, arguments=_for_report),
    Command(
        name="frame",
        does="page through a DataFrame, sort it and filter it",
        example="frame last clean",
        act=frame,
        arguments=_for_frame,
    ),
    Command(name="abort", does="stop a run", example="abort last", act=abort, arguments=_for_abort),
    Command(
        name="why",
        does="say whether a result would be taken from the cache, and if not, what changed",
        example="why train",
        act=explain,
        arguments=_for_why,
    ),
    Command(
        name="preflight",
        does="tell what leaves the kernel when a task runs elsewhere, and what cannot",
        example="preflight train",
        act=preflight,
        arguments=_for_preflight,
    ),
    *stale.COMMANDS,
    *again.COMMANDS,
    *content.COMMANDS,
    Command(
        name="connect",
        does="connect to the endpoint of hybrid and remote runs; without a URL to the store's own",
        example="connect http://localhost:8090",
        act=connect,
        arguments=_for_connect,
    ),
    Command(name="env", does="show what the kernel is connected to", example="env", act=env),
)
"""In the order in which ``%flyte --help`` lists them."""
