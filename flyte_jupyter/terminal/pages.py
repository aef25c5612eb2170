"""``report``: an action's report as a page in a file."""

from argparse import Namespace
from pathlib import Path

from flyte_jupyter.errors import ActionNotFoundError, StoreError
from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.text import plural, size
from flyte_jupyter.runs.run import Action, Run
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen

STREAM = "-"
"""The name of a file that stands for the standard output."""


def report(args: Namespace, screen: Screen) -> int:
    """Write a report to a file."""
    action = _reporting(found.run(args.run, found.store()), args.action)
    page = _page(action)
    if args.output == STREAM:
        screen.print(page)
        return 0
    file = Path(args.output or f"{action.run.name}-{action.state.short}.html")
    file.write_text(page, encoding="utf-8")
    screen.print(str(file))
    tabs = action.state.tabs
    screen.tell(f"{size(len(page.encode()))}, {plural(len(tabs), 'tab')}: {', '.join(tabs)}")
    return 0


def _reporting(run: Run, name: str | None) -> Action:
    """Find the action whose report is meant: the one that has a report, if the name leaves a choice."""
    candidates = found.actions(run, name)
    having = [one for one in candidates if one.state.report]
    if len(having) == 1:
        return having[0]
    what = f"run {run.name}" + (f", {name!r}" if name else "")
    if not having:
        raise ActionNotFoundError(f"{what} has no report; a task with report=True writes one")
    listed = ", ".join(f"{label(one.state)} {one.name}" for one in having[:10])
    raise ActionNotFoundError(f"{what} has {len(having)} reports; name one: {listed}")


def _page(action: Action) -> str:
    try:
        page = action.report()
    except KeyError:
        page = None
    if page is None:
        raise StoreError(f"the report of {action.name} in run {action.run.name} is gone from the store")
    return page
