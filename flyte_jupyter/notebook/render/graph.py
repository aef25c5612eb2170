"""The graph of a run as a drawing: which action called which, and what came after what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flyte_jupyter.notebook.render.clusters import Cluster, clusters, sequence, trimmed
from flyte_jupyter.notebook.render.html import Html, escape, picture
from flyte_jupyter.notebook.render.layout import Box, Drawing, Edge, Placed, Point, Route, arrange
from flyte_jupyter.notebook.render.phases import LOOKS, Look, ordered, told
from flyte_jupyter.notebook.render.text import columns, duration, plural, shorten
from flyte_jupyter.notebook.render.wrap import wrapped
from flyte_jupyter.runs.state import Phase, RunState

WIDE, HIGH = 1080.0, 680.0
"""A drawing of up to this size still reads when a notebook makes it fit."""

NODE, LABEL = 42.0, 26
TOLD = 2
"""So many counts are told in a box."""

STACK = 3
"""How far the box behind a box of many looks out."""

ALT = 1_500

# The boxes bring their own ground, so their text reads on any page; the page's scheme only tunes them.
_STYLE = (
    "text{font:600 12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1f2328}"
    ".d{font-weight:400;font-size:11px;fill:#4b5563}.b{fill:#f0f2f5;stroke:#c3c8d0}"
    ".e{fill:none;stroke:#8b919c;stroke-width:1.4;stroke-linejoin:round}"
    ".t{stroke-dasharray:3 4}.h{fill:#8b919c}"
    "@media(prefers-color-scheme:dark){text{fill:#eceef1}.d{fill:#b6bcc6}.b{fill:#2a2f37;stroke:#4a515c}}"
)
_ARROW = (
    '<defs><marker id="a" viewBox="0 0 6 6" refX="5.4" refY="3" markerWidth="6" markerHeight="6" '
    'orient="auto"><path class="h" d="M0 .4 6 3 0 5.6z"/></marker></defs>'
)
_ICONS: Mapping[str, str] = {
    "✓": '<path d="M-3.4.2-1 2.8 3.6-2.6" {}/>',
    "✗": '<path d="M-2.8-2.8 2.8 2.8M-2.8 2.8 2.8-2.8" {}/>',
    "●": '<circle r="2.6" fill="#fff"/>',
    "○": '<circle r="2.6" {}/>',
    "◌": '<circle r="2.6" stroke-dasharray="1.4 1.4" {}/>',
    "◔": '<circle r="2.6" {}/><path d="M0 0V-2.6" {}/>',
    "■": '<path d="M-2.4-2.4h4.8v4.8h-4.8z" fill="#fff"/>',
    "◷": '<circle r="3.2" {}/><path d="M0-2V0H2" {}/>',
    "‖": '<path d="M-1.6-2.8v5.6M1.6-2.8v5.6" {}/>',
    "↺": '<path d="M-2.8-1A3 3 0 1 1-2.4 1.8M-3.2-3.2l.4 2.4 2.3-.5" {}/>',
    "⊘": '<circle r="3.2" {}/><path d="M-2.2 2.2 2.2-2.2" {}/>',
    "◆": '<path d="M0-3.6 3.6 0 0 3.6-3.6 0z" fill="#fff"/>',
}
_PLAIN = frozenset({LOOKS[Phase.SUCCEEDED]})
"""The tick says it."""

_PEN = 'fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What a graph shows, placed.

    Args:
        nodes: the clusters, in the order of ``drawing.boxes``.
        then: the edges that only tell an order; all others are calls.
        drawing: where everything is.
    """

    nodes: tuple[Cluster, ...]
    then: frozenset[Edge]
    drawing: Drawing


def graph(state: RunState, *, room: int = 40) -> Graph:
    """Lay out a run: in order of time where that fits a notebook, else as calls only, or with fewer boxes."""
    found = clusters(state)
    for boxes in (room, room * 2 // 3, room // 3):
        drawn = _drawn(trimmed(found, room=max(3, boxes)))
        if _fits(drawn.drawing):
            break
    return drawn


def _drawn(nodes: Sequence[Cluster]) -> Graph:
    after = sequence(nodes)
    follows = {end for _, end in after}
    calls = [(n.parent, n.key) for n in nodes if n.parent is not None]
    first = [edge for edge in calls if edge[1] not in follows]
    boxes = [_box(node) for node in nodes]
    across = arrange(boxes, first + after, hidden=_finished(nodes, after))
    for drawing in (across, wrapped(across, WIDE)):
        if _fits(drawing):
            return Graph(nodes=tuple(nodes), then=frozenset(after), drawing=drawing)
    return Graph(nodes=tuple(nodes), then=frozenset(), drawing=arrange(boxes, calls))


def _finished(nodes: Sequence[Cluster], after: Sequence[Edge]) -> Iterator[Edge]:
    """Put what came after an action behind all that this action called."""
    parents = {node.key: node.parent for node in nodes}
    later: dict[str, list[str]] = {}
    for start, end in after:
        later.setdefault(start, []).append(end)
    for node in nodes:
        above = node.parent
        while above is not None:
            yield from ((node.key, end) for end in later.get(above, ()))
            above = parents[above]


def _fits(drawing: Drawing) -> bool:
    return drawing.width <= WIDE and drawing.height <= HIGH


def graph_html(found: Graph) -> Html:
    """Show a graph as a picture whose ``alt`` text names every state."""
    drawing = found.drawing
    return picture(svg(found), alt(found), drawing.width + 8, drawing.height + 8)


def alt(found: Graph) -> str:
    """Describe a graph in words: all counts first, then each box."""
    counts: dict[Look, int] = {}
    for node in found.nodes:
        for one, count in node.counts.items():
            counts[one] = counts.get(one, 0) + count
    total = sum(counts.values())
    head = f"Graph of {plural(total, 'action')}: {told(ordered(counts))}."
    boxes = "; ".join(f"{node.title}: {told(node.counts)}" for node in found.nodes)
    return shorten(f"{head} {boxes}", ALT)


def svg(found: Graph) -> str:
    """Draw a graph."""
    drawing = found.drawing
    width, height = drawing.width + 8, drawing.height + 8
    head = f'width="{width:.0f}" height="{height:.0f}" viewBox="-4 -4 {width:.1f} {height:.1f}"'
    edges = (_edge(route, route.edge in found.then) for route in drawing.routes)
    nodes = (_node(node, box) for node, box in zip(found.nodes, drawing.boxes, strict=True))
    body = "".join((*edges, *nodes))
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}><style>{_STYLE}</style>{_ARROW}{body}</svg>'


def _box(node: Cluster) -> Box:
    text = max(columns(shorten(node.title, LABEL)) * 7.6, columns(_detail(node)) * 6)
    return Box(key=node.key, width=float(min(250, max(84, round(text + 44)))), height=NODE)


def _detail(node: Cluster) -> str:
    begun = node.queued if node.started is None else node.started
    took = duration(node.ended - begun) if node.ended is not None else ""
    if node.count == 1:
        one = next(iter(node.counts))
        word = one.word if one not in _PLAIN or not took else ""
        return " · ".join(filter(None, (word, took)))
    urgent = sorted(node.counts.items(), key=lambda pair: pair[0].urgent)
    counts = ", ".join(f"{count:,} {one.word}" for one, count in urgent[:TOLD])
    return f"{counts}, …" if len(urgent) > TOLD else counts


def _node(node: Cluster, box: Placed) -> str:
    look = node.look
    y = box.y + NODE / 2
    parts = [
        _rect(box, STACK, STACK) if node.count > 1 else "",
        _rect(box, 0, STACK if node.count > 1 else 0),
        f'<circle cx="{box.x + 17:.1f}" cy="{y:.1f}" r="8" fill="{look.colour}"/>',
        f'<g transform="translate({box.x + 17:.1f} {y:.1f})">{_ICONS[look.symbol].replace("{}", _PEN)}</g>',
        f'<text x="{box.x + 33:.1f}" y="{box.y + 17.5:.1f}">{escape(shorten(node.title, LABEL))}</text>',
        f'<text class="d" x="{box.x + 33:.1f}" y="{box.y + 31.5:.1f}">{escape(_detail(node))}</text>',
        _shares(node, box) if node.count > 1 else "",
    ]
    return "".join(parts)


def _rect(box: Placed, at: float, less: float) -> str:
    place = f'x="{box.x + at:.1f}" y="{box.y + at:.1f}"'
    return f'<rect class="b" {place} width="{box.width - less:.0f}" height="{NODE - less:.0f}" rx="7"/>'


def _shares(node: Cluster, box: Placed) -> str:
    """Draw how many look how, as a thin bar."""
    at, room, parts = box.x + 33, box.width - 48, []
    for one, count in node.counts.items():
        width = room * count / node.count
        parts.append(
            f'<rect x="{at:.1f}" y="{box.y + 35:.1f}" width="{width:.1f}" height="2" fill="{one.colour}"/>'
        )
        at += width
    return "".join(parts)


def _edge(route: Route, then: bool) -> str:
    kind = "e t" if then else "e"
    return f'<path class="{kind}" d="{_curve(route.points)}" marker-end="url(#a)"/>'


def _curve(points: Sequence[Point]) -> str:
    parts = [f"M{_at(points[0])}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        if x == to_x or y == to_y:
            parts.append(f"L{_at((to_x, to_y))}")
        else:
            middle = (x + to_x) / 2
            parts.append(f"C{_at((middle, y))} {_at((middle, to_y))} {_at((to_x, to_y))}")
    return "".join(parts)


def _at(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
