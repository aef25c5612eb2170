"""What a front end writes above cells: what each is called, whether it is up to date, and why.

A front end asks by expressions that it sends beside an empty request, so that no cell runs for it.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import JSON

from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_picture import reason


def badges() -> JSON:
    """Tell of each cell that is a task, ran one or is out of date: ``{cell: {"title", "state", "task"}}``."""
    lineage = _lineage()
    nodes = lineage.nodes.items() if lineage is not None else ()
    found = {
        cell: {"title": node.title, "state": lineage.state(cell), "task": node.is_task}
        for cell, node in nodes
        if lineage is not None
    }
    return _json({cell: told for cell, told in found.items() if told["task"] or told["state"] == "stale"})


def why(cell: str) -> JSON:
    """Say in sentences why a cell is as it is."""
    lineage = _lineage()
    return _json([] if lineage is None or cell not in lineage.nodes else list(_sentences(lineage, cell)))


def _sentences(lineage: Lineage, cell: str) -> Iterator[str]:
    if found := reason(lineage, cell):
        yield f"It is out of date: {found}."
    for name in lineage.nodes[cell].runs:
        with suppress(Error):  # the run was removed from the store since
            root = process.setup.store().state(name).root
            if root.cache == "hit":
                yield f"Run {name} took its result from the cache."
            elif root.cache_reason:
                yield f"Run {name} was executed: {root.cache_reason}."
            if root.failure is not None:
                yield f"Run {name} {root.phase.value.lower()}: {root.failure.code}: {root.failure.message}"


def _json(value: object) -> JSON:
    return JSON(value)  # type: ignore[no-untyped-call] # IPython's displays have no types


def _lineage() -> Lineage | None:
    shell: Any = get_ipython()
    magics = shell.magics_manager.registry.get("FlyteMagics") if shell is not None else None
    return None if magics is None else magics.following.lineage
