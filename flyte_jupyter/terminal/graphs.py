"""``graph`` and ``stale``: how a notebook's cells depend on each other, or what a run's actions called."""

from argparse import Namespace
from pathlib import Path

from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_file import lineage_of
from flyte_jupyter.notebook.lineage_picture import graph_words, stale_words
from flyte_jupyter.notebook.lint import read
from flyte_jupyter.notebook.render.clusters import clusters
from flyte_jupyter.notebook.render.phases import told
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen

_NOTEBOOK = ".ipynb"


def graph(args: Namespace, screen: Screen) -> int:
    """Print a graph in words."""
    if args.what.endswith(_NOTEBOOK):
        screen.print(graph_words(_lineage(args.what)))
        return 0
    depth: dict[str | None, int] = {None: -1}
    for node in clusters(found.run(args.what, found.store()).state):
        depth[node.key] = depth.get(node.parent, -1) + 1
        screen.print(f"{'  ' * depth[node.key]}{node.title}: {told(node.counts)}")
    return 0


def stale(args: Namespace, screen: Screen) -> int:
    """Say which cells of a notebook are out of date; the status is 1 if any is."""
    lineage = _lineage(args.notebook)
    screen.print(stale_words(lineage))
    return 1 if lineage.stale() else 0


def _lineage(notebook: str) -> Lineage:
    return lineage_of(read(Path(notebook)))
