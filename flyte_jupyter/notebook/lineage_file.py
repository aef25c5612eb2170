"""The graph of a notebook's file: what its cells' texts and the numbers of their executions tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from flyte_jupyter.notebook.celltask.names import Names
from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_names import names_in, title_of
from flyte_jupyter.notebook.lineage_node import Node, Origin
from flyte_jupyter.notebook.sources import CodeCell, code_cells

_AGAIN = "before it ran again"


def lineage_of(notebook: Mapping[str, Any]) -> Lineage:
    """Read a notebook's graph from its content.

    A cell takes a name from the nearest cell above it that binds the name. It is out of date if that cell ran
    after it, or if it has not run at all. What values were is not in the file.
    """
    cells = code_cells(notebook)
    names = [names_in(cell.tree, cell.argument) if cell.tree is not None else Names() for cell in cells]
    nodes = [_node(cells, names, at) for at in range(len(cells))]
    return Lineage({node.cell: node for node in nodes if node.took or node.gave})


def _node(cells: Sequence[CodeCell], names: Sequence[Names], at: int) -> Node:
    cell = cells[at]
    took = {name: origin for name in names[at].reads if (origin := _origin(name, cells, names, at))}
    failed = any(output.get("output_type") == "error" for output in cell.outputs)
    return Node(
        cell=_key(cell),
        title=title_of(cell.source, names[at].binds),
        number=cell.count or 0,
        text=cell.source,
        state="stale" if cell.count is None else "failed" if failed else "fresh",
        took=took,
        gave={name: str(cell.count) for name in (*names[at].binds, *names[at].changes)},
        is_task=cell.magic == "flyte_task",
    )


def _origin(name: str, cells: Sequence[CodeCell], names: Sequence[Names], at: int) -> Origin | None:
    """Find the cell that a name's value came from."""
    for above in range(at - 1, -1, -1):
        if name in names[above].binds or name in names[above].changes:
            maker, taker = cells[above].count, cells[at].count
            later = maker is not None and taker is not None and maker > taker
            return Origin(cell=_key(cells[above]), content=_AGAIN if later else str(maker))
    return None


def _key(cell: CodeCell) -> str:
    return cell.id or f"cell {cell.number}"
