"""Breaks a drawing that is too wide into rows, as text is broken into lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flyte_jupyter.notebook.render.layout import Drawing, Placed, Point, Route

MARGIN, GAP = 14.0, 28.0
"""How far lines from row to row run beside the boxes, and the space between rows."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A range of layers: where it begins and ends in the wide drawing, and its height from and to."""

    left: float
    right: float
    top: float
    bottom: float


def wrapped(drawing: Drawing, wide: float) -> Drawing:
    """Break a drawing between its layers so that no row is wider than asked, where layers allow it."""
    rows = _rows(drawing, wide - 2 * MARGIN)
    tops = _tops(rows)
    width = max((row.right - row.left for row in rows), default=0.0) + 2 * MARGIN
    return Drawing(
        width=width,
        height=tops[-1] + rows[-1].bottom - rows[-1].top if rows else 0.0,
        boxes=tuple(_moved(box, rows, tops) for box in drawing.boxes),
        routes=tuple(replace(r, points=_rerouted(r, rows, tops, width)) for r in drawing.routes),
    )


def _rows(drawing: Drawing, wide: float) -> list[_Row]:
    layers: dict[int, list[Placed]] = {}
    for box in drawing.boxes:
        layers.setdefault(box.layer, []).append(box)
    rows: list[list[Placed]] = []
    for layer in sorted(layers):
        right = max(box.x + box.width for box in layers[layer])
        if rows and right - rows[-1][0].x <= wide:
            rows[-1] += layers[layer]
        else:
            rows.append(list(layers[layer]))
    return [_row(row, drawing.routes) for row in rows]


def _row(boxes: Sequence[Placed], routes: Sequence[Route]) -> _Row:
    left, right = boxes[0].x, max(box.x + box.width for box in boxes)
    passing = [y for route in routes for x, y in route.points if left <= x <= right]
    tops = [box.y for box in boxes] + passing
    bottoms = [box.y + box.height for box in boxes] + passing
    return _Row(left, right, min(tops), max(bottoms))


def _tops(rows: Sequence[_Row]) -> list[float]:
    tops = [0.0]
    for row in rows[:-1]:
        tops.append(tops[-1] + row.bottom - row.top + GAP)
    return tops


def _place(x: float, rows: Sequence[_Row]) -> int:
    return max((i for i, row in enumerate(rows) if row.left <= x), default=0)


def _moved(box: Placed, rows: Sequence[_Row], tops: Sequence[float]) -> Placed:
    i = _place(box.x, rows)
    x, y = _shifted((box.x, box.y), rows[i], tops[i])
    return replace(box, x=round(x, 1), y=round(y, 1))


def _shifted(point: Point, row: _Row, top: float) -> Point:
    return point[0] - row.left + MARGIN, point[1] - row.top + top


def _rerouted(route: Route, rows: Sequence[_Row], tops: Sequence[float], width: float) -> tuple[Point, ...]:
    """Lead a line that goes on in a later row along the margins and between the rows."""
    at = [_place(x, rows) for x, _ in route.points]
    moved = [_shifted(point, rows[i], tops[i]) for point, i in zip(route.points, at, strict=True)]
    points = [moved[0]]
    for (row, here), (next_row, there) in pairwise(zip(at, moved, strict=True)):
        if next_row > row:
            between, right = tops[row + 1] - GAP / 2, width - MARGIN / 2
            points += [(right, here[1]), (right, between), (MARGIN / 2, between), (MARGIN / 2, there[1])]
        points.append(there)
    return tuple(points)
