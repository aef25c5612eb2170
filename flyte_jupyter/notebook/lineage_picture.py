"""The notebook's graph as a picture and in words."""

from collections.abc import Mapping

from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_node import Node, State
from flyte_jupyter.notebook.render.graph import WIDE
from flyte_jupyter.notebook.render.html import Html, escape, picture
from flyte_jupyter.notebook.render.layout import Box, Drawing, arrange
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.notebook.render.wrap import wrapped

_COLOURS: Mapping[State, str] = {
    "fresh": "#2e8b57",
    "stale": "#b7791f",
    "running": "#2b6cb0",
    "failed": "#c53030",
    "cached": "#6b46c1",
}
_STYLE = (
    "text{font:600 12px system-ui,sans-serif;fill:#1f2328}.s{font-weight:400;font-size:11px;fill:#4b5563}"
    ".b{fill:#f0f2f5;stroke:#c3c8d0}.e{fill:none;stroke:#8b919c;stroke-width:1.4}"
    "@media(prefers-color-scheme:dark){text{fill:#eceef1}.s{fill:#b6bcc6}.b{fill:#2a2f37;stroke:#4a515c}}"
)
_ITSELF: Mapping[State, str] = {"stale": "it has not run", "failed": "it failed"}
_HIGH, _LETTER, _ROOM, _LABEL, _MARGIN = 42.0, 7.2, 44.0, 28, 8.0


def graph(lineage: Lineage) -> dict[str, str]:
    """Draw the notebook's graph: a MIME bundle with the picture and the words."""
    words = graph_words(lineage)
    if not lineage.nodes:
        return {"text/plain": words}
    return {"text/html": str(_drawn(lineage, words)), "text/plain": words}


def graph_words(lineage: Lineage) -> str:
    """Say the notebook's graph in words."""
    return "\n".join(sentences(lineage)) or "no cell has bound or taken a value yet"


def sentences(lineage: Lineage) -> list[str]:
    """Say it in words, one line a cell: its state, what it gives, and what it takes from whom."""
    return [_sentence(lineage, node) for node in lineage.nodes.values()]


def stale_words(lineage: Lineage) -> str:
    """Say which cells are out of date and why, one line a cell, in the order of bringing them up to date."""
    found = [f"{name_of(lineage, cell)}: {reason(lineage, cell)}" for cell in lineage.order()]
    return "\n".join(found) or "nothing is out of date"


def reason(lineage: Lineage, cell: str) -> str:
    """Say why a cell is out of date; empty if it is not."""
    changed = lineage.changes(cell)
    if changed:
        return ", ".join(changed)
    if lineage.nodes[cell].state in _ITSELF:
        return _ITSELF[lineage.nodes[cell].state]
    stale = set(lineage.stale())
    before = [name_of(lineage, e.start) for e in lineage.edges() if e.end == cell and e.start in stale]
    are = "is" if len(before) == 1 else "are"
    return f"it takes from {', '.join(before)}, which {are} out of date" if cell in stale else ""


def _sentence(lineage: Lineage, node: Node) -> str:
    before = [
        f"{', '.join(e.names)} of {name_of(lineage, e.start)}" for e in lineage.edges() if e.end == node.cell
    ]
    state = lineage.state(node.cell)
    parts = [f"{name_of(lineage, node.cell)}: {state}"]
    parts[0] += f" because {reason(lineage, node.cell)}" if state == "stale" else ""
    parts += [f"takes {'; '.join(before)}"] if before else []
    anew = lineage.redefined(node.cell)
    parts += [f"{', '.join(anew)} is defined anew by a later cell"] if anew else []
    return "; ".join(parts)


def name_of(lineage: Lineage, cell: str) -> str:
    """Name a cell: the number of its last execution, and its task or what it binds."""
    node = lineage.nodes[cell]
    return f"In[{node.number}] {node.title}" if node.number else node.title


def _drawn(lineage: Lineage, words: str) -> Html:
    labels = {cell: shorten(name_of(lineage, cell), _LABEL) for cell in lineage.nodes}
    boxes = [Box(key=c, width=_ROOM + _LETTER * len(label), height=_HIGH) for c, label in labels.items()]
    drawing = arrange(boxes, [(edge.start, edge.end) for edge in lineage.edges()])
    drawing = drawing if drawing.width <= WIDE else wrapped(drawing, WIDE)
    wide, high = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    inside = "".join((*_lines(drawing), *_boxes(drawing, lineage, labels)))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="{-_MARGIN} {-_MARGIN} {wide:.0f} {high:.0f}"><style>{_STYLE}</style>{inside}</svg>'
    )
    return picture(svg, words, wide, high)


def _lines(drawing: Drawing) -> list[str]:
    return [
        f'<polyline class="e" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in route.points)}"/>'
        for route in drawing.routes
    ]


def _boxes(drawing: Drawing, lineage: Lineage, labels: Mapping[str, str]) -> list[str]:
    found = []
    for box in drawing.boxes:
        state = lineage.state(box.key)
        place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        found.append(
            f'<rect class="b" {place} '
            f'rx="6"/><circle cx="{box.x + 14:.1f}" cy="{box.y + 15:.1f}" r="5" fill="{_COLOURS[state]}"/>'
            f'<text x="{box.x + 26:.1f}" y="{box.y + 19:.1f}">{escape(labels[box.key])}</text>'
            f'<text class="s" x="{box.x + 26:.1f}" y="{box.y + 34:.1f}">{state}</text>'
        )
    return found
