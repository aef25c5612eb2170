"""The sub-commands of ``%flyte`` about the notebook's graph: what it is, what is out of date, run again."""

import argparse
import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.notebook.body import awaits, python_of
from flyte_jupyter.notebook.command import NAMED, Command, Given, run_of
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.lineage_names import MAGIC
from flyte_jupyter.notebook.lineage_node import Node
from flyte_jupyter.notebook.lineage_picture import graph as drawn
from flyte_jupyter.notebook.lineage_picture import name_of, reason, stale_words
from flyte_jupyter.notebook.render.graph import alt, graph_html
from flyte_jupyter.notebook.render.graph import graph as run_graph
from flyte_jupyter.notebook.render.html import note
from flyte_jupyter.notebook.render.text import plural

_STOPPED = (KeyboardInterrupt, asyncio.CancelledError)


def graph(given: Given, here: Here) -> None:
    """Show the graph of the notebook's cells, or of a run."""
    if given.run is None:
        here.show(dict(drawn(here.following.lineage)))
        return
    found = run_graph(run_of(given.run, here).state)
    here.show({"text/html": str(graph_html(found)), "text/plain": alt(found)})


def stale(_given: Given, here: Here) -> None:
    """Say which cells are out of date, and why."""
    print(stale_words(here.following.lineage))  # noqa: T201 - the cell's output


def run_stale(here: Here) -> "Coroutine[Any, Any, None] | None":
    """Run the cells that are out of date, each after those that it takes values from.

    Returns:
        Nothing; a coroutine where one of them awaits something.

    Raises:
        UsageError: one of them fails; those behind it are left as they are.
    """
    steps = _steps(here)
    if awaits_something(here):
        return _awaited(steps, here)
    for node in steps:
        with here.cells.inside():
            result = here.shell.run_cell(node.text, store_history=True, cell_id=_id(node))
        _check(result, here)
    return None


def awaits_something(here: Here) -> bool:
    """Whether a cell that is out of date awaits something at its top level."""
    lineage, shell = here.following.lineage, here.shell
    texts = [MAGIC.sub("", lineage.nodes[cell].text, count=1) for cell in lineage.stale()]
    return any(awaits(shell, python_of(shell, text)) for text in texts if not text.startswith("%%"))


async def _awaited(steps: Generator[Node, None, None], here: Here) -> None:
    for node in steps:
        with here.cells.inside():
            transformed = here.shell.transform_cell(node.text)
            result = await here.shell.run_cell_async(
                node.text, store_history=True, transformed_cell=transformed, cell_id=_id(node)
            )
            here.shell.events.trigger("post_execute")
            here.shell.events.trigger("post_run_cell", result)
        _check(result, here)


def _steps(here: Here) -> Generator[Node, None, None]:
    """Give one cell after the other; an equal result of one leaves those behind it as they are."""
    done: set[str] = set()
    while todo := [cell for cell in here.following.lineage.order() if cell not in done]:
        lineage = here.following.lineage
        _note(f"{name_of(lineage, todo[0])}: run again because {reason(lineage, todo[0])}", here)
        done.add(todo[0])
        yield lineage.nodes[todo[0]]
    _note(f"{plural(len(done), 'cell')} run again; nothing is out of date" if done else _NOTHING, here)


_NOTHING = "nothing is out of date"


def _check(result: Any, here: Here) -> None:
    """Stop at a cell that failed or was interrupted.

    Raises:
        UsageError: it failed.
    """
    if result is None or result.success:
        return
    if isinstance(result.error_in_exec, _STOPPED):
        raise result.error_in_exec
    lineage = here.following.lineage
    failed = [name_of(lineage, cell) for cell, node in lineage.nodes.items() if node.state == "failed"]
    left = f"; {plural(len(lineage.stale()), 'cell')} out of date" if lineage.stale() else ""
    raise UsageError(f"{', '.join(failed[-1:]) or 'a cell'} failed{left}. Mend it, then %flyte run --stale")


def _id(node: Node) -> str | None:
    return None if node.cell.startswith("In[") else node.cell


def _note(text: str, here: Here) -> None:
    here.show({"text/html": str(note(text)), "text/plain": text})


def _for_graph(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", nargs="?", help=f"{NAMED}; without one, the graph of the cells")


COMMANDS = (
    Command(
        name="graph",
        does="show how the cells depend on each other, or a run's graph",
        example="graph",
        act=graph,
        arguments=_for_graph,
    ),
    Command(name="stale", does="say which cells are out of date, and why", example="stale", act=stale),
)
"""In the order in which ``%flyte --help`` lists them."""
