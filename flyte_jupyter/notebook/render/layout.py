"""Places boxes of a graph in layers so that edges run forward, cross little and pass no box.

Longest-path layers (a long edge gets a slim stand-in in each layer that it passes), barycentre ordering, and
coordinates by isotonic regression: each box goes as near to the middle of its neighbours as order and gaps
allow.
Pure geometry: the same input gives the same drawing, on every machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flyte_jupyter.notebook.render.order import least_crossings
from flyte_jupyter.notebook.render.ranks import forward, ranks

Edge = tuple[str, str]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Something to be placed: its name in the graph and how large it is."""

    key: str
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A box in its place; ``x`` and ``y`` are its top left corner."""

    key: str
    x: float
    y: float
    width: float
    height: float
    layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An edge as the points that it passes, from the border of one box to the border of the other."""

    edge: Edge
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A placed graph, with its corner at (0, 0)."""

    width: float
    height: float
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


def arrange(
    boxes: Sequence[Box],
    edges: Iterable[Edge],
    *,
    hidden: Iterable[Edge] = (),
    between: float = 30,
    beside: float = 14,
) -> Drawing:
    """Place boxes in columns, from left to right.

    Args:
        boxes: what to place; earlier ones come first where nothing else decides.
        edges: pairs of keys; unknown keys, doubles and loops are left out, cycles are opened.
        hidden: edges that are not drawn, but put one box in a later layer than another.
        between: the distance between layers.
        beside: the least distance between boxes of a layer.
    """
    sizes = {box.key: box for box in boxes}
    known = _known(edges, sizes)
    level = ranks(list(sizes), _known([*known, *hidden], sizes))
    chains = {edge: _chain(edge, level) for edge in known}
    columns = _columns(sizes, level, chains)
    links = [link for chain in chains.values() for link in pairwise(chain)]
    columns = least_crossings(columns, links)
    heights = {key: sizes[key].height if key in sizes else 0.0 for column in columns for key in column}
    middles = _settle(columns, links, heights, beside)
    return _draw(sizes, columns, middles, chains, between)


def _known(edges: Iterable[Edge], sizes: Mapping[str, Box]) -> list[Edge]:
    return [e for e in dict.fromkeys(edges) if e[0] in sizes and e[1] in sizes and e[0] != e[1]]


def _chain(edge: Edge, level: Mapping[str, int]) -> tuple[str, ...]:
    start, end = forward(edge, level)
    passed = range(level[start] + 1, level[end])
    return (start, *(f"{start}\0{end}\0{i}" for i in passed), end)


def _columns(
    sizes: Iterable[str], level: Mapping[str, int], chains: Mapping[Edge, Sequence[str]]
) -> list[list[str]]:
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for key in sizes:
        columns[level[key]].append(key)
    for chain in chains.values():
        for i, stand_in in enumerate(chain[1:-1], level[chain[0]] + 1):
            if stand_in not in columns[i]:
                columns[i].append(stand_in)
    return columns


def _settle(
    columns: Sequence[Sequence[str]], links: Iterable[Edge], heights: Mapping[str, float], beside: float
) -> dict[str, float]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in links:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    middles: dict[str, float] = {}
    for column in columns:
        middles.update(_spread(column, dict.fromkeys(column, 0.0), heights, beside))
    for near in (before, after, before, after, before):
        for column in columns if near is before else reversed(columns):
            wanted = {key: _mean([middles[n] for n in near.get(key, (key,))]) for key in column}
            middles.update(_spread(column, wanted, heights, beside))
    return middles


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _spread(
    column: Sequence[str], wanted: Mapping[str, float], heights: Mapping[str, float], beside: float
) -> dict[str, float]:
    """Give each box its middle: nearest in sum of squares to what is wanted, in order, without overlap."""
    offsets, at = [], 0.0
    for i, key in enumerate(column):
        at += (heights[column[i - 1]] + heights[key]) / 2 + beside if i else 0.0
        offsets.append(at)
    level = _isotonic([wanted[key] - offset for key, offset in zip(column, offsets, strict=True)])
    return {key: base + offset for key, base, offset in zip(column, level, offsets, strict=True)}


def _isotonic(values: Sequence[float]) -> list[float]:
    """Give the nearest rising sequence (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            last, more = pools.pop()
            mean, count = (mean * count + last * more) / (count + more), count + more
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _draw(
    sizes: Mapping[str, Box],
    columns: Sequence[Sequence[str]],
    middles: Mapping[str, float],
    chains: Mapping[Edge, Sequence[str]],
    between: float,
) -> Drawing:
    top = min((middles[k] - sizes[k].height / 2 for c in columns for k in c if k in sizes), default=0.0)
    top = min(top, min(middles.values(), default=0.0))
    places: dict[str, Placed] = {}
    spans: list[tuple[float, float]] = []
    left = 0.0
    for layer, column in enumerate(columns):
        width = max((sizes[k].width for k in column if k in sizes), default=0.0)
        spans.append((left, left + width))
        for box in (sizes[k] for k in column if k in sizes):
            y = round(middles[box.key] - box.height / 2 - top, 1)
            places[box.key] = Placed(
                key=box.key, x=left, y=y, width=box.width, height=box.height, layer=layer
            )
        left = round(left + width + between, 1)
    heights = {key: round(middle - top, 1) for key, middle in middles.items()}
    routes = tuple(
        Route(edge=e, points=_points(chain, places, spans, heights)) for e, chain in chains.items()
    )
    return Drawing(
        width=max(0.0, left - between),
        height=max([*(p.y + p.height for p in places.values()), *heights.values()], default=0.0),
        boxes=tuple(places[key] for key in sizes),
        routes=routes,
    )


def _points(
    chain: Sequence[str],
    places: Mapping[str, Placed],
    spans: Sequence[tuple[float, float]],
    heights: Mapping[str, float],
) -> tuple[Point, ...]:
    start, end = places[chain[0]], places[chain[-1]]
    points = [(start.x + start.width, heights[start.key])]
    for i, stand_in in enumerate(chain[1:-1], start.layer + 1):
        points += [(spans[i][0], heights[stand_in]), (spans[i][1], heights[stand_in])]
    return (*points, (end.x, heights[end.key]))
