"""A frame at a glance: its first rows, and of each column its type, gaps and spread."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flyte_jupyter.notebook.render.html import Html, data_of, join, note, tag
from flyte_jupyter.notebook.render.shapes import Shape, shape_of, shown
from flyte_jupyter.notebook.render.text import plural, shorten
from flyte_jupyter.notebook.render.text import table as text_table
from flyte_jupyter.notebook.render.views import View, view_of

ROWS, COLUMNS = 20, 30
LIMIT = 100_000
"""At most so many bytes of HTML."""

SAMPLE = 2_000
"""Spreads are told from so many rows."""

GOLDEN = 0.6180339887498949

CELL = 48
_NUMBERS = ("int", "uint", "float", "double", "decimal", "Int", "UInt", "Float", "Decimal")
_NAME = "text-align:{};padding:3px 10px;white-space:nowrap;vertical-align:bottom;font-weight:600"
_CELL = "text-align:{};padding:2px 10px;white-space:nowrap"
_QUIET = "font-weight:400;font-size:11px;opacity:.75"
_MISSING = Html('<span style="opacity:.6">null</span>')


def frame_preview(frame: Any, *, rows: int = ROWS, columns: int = COLUMNS, limit: int = LIMIT) -> Html:
    """Show a pandas or polars DataFrame or an Arrow table; never more than ``limit`` bytes of it.

    Args:
        frame: the frame, in memory; nothing of it is changed, and only its own library is used.
        rows: show at most so many of its first rows.
        columns: show at most so many of its first columns.
        limit: at most so many bytes of HTML; fewer rows and columns are shown where needed.

    Raises:
        TypeError: it is no such frame.
    """
    view = view_of(frame)
    while True:
        found = _preview(view, min(rows, view.rows), min(columns, len(view.names)))
        if len(found.encode()) <= limit or (rows <= 1 and columns <= 1):
            return found
        rows, columns = max(1, min(rows, view.rows) // 2), max(1, min(columns, len(view.names)) * 3 // 4)


def headings(frame: Any, columns: int = COLUMNS) -> list[dict[str, Any]]:
    """Describe a frame's first columns as plain data: the name, the type, the gaps and the spread of each."""
    view = view_of(frame)
    found = []
    for i in range(min(columns, len(view.names))):
        spread = _shape(view, i)
        found.append(
            {
                "name": shorten(view.names[i], CELL),
                "type": shorten(view.dtype(i), 28) + _gaps(view, i),
                "brief": shorten(spread.brief, 26),
                "words": spread.words,
                "picture": data_of(spread.svg()) if spread.svg() else "",
                "number": _right(view, i),
            }
        )
    return found


def frame_text(frame: Any, *, rows: int = 10, columns: int = 12) -> str:
    """Show a frame in a terminal."""
    view = view_of(frame)
    rows, columns = min(rows, view.rows), min(columns, len(view.names))
    cells = [
        [shown(value, 20) if value is not None else "null" for value in _head(view, i, rows)]
        for i in range(columns)
    ]
    names = [shorten(view.names[i], 20) for i in range(columns)]
    right = [i for i in range(columns) if _right(view, i)]
    lines = text_table(names, list(zip(*cells, strict=True)), right)
    return f"{lines}\n{_size(view, rows, columns)}"


def _preview(view: View, rows: int, columns: int) -> Html:
    label = view.index(rows)
    header = [_corner(label[0])] if label else []
    header += [_heading(view, i) for i in range(columns)]
    heads = [_head(view, i, rows) for i in range(columns)]
    styles = [_CELL.format("right" if _right(view, i) else "left") for i in range(columns)]
    labels = (
        [tag("th", shown(v, CELL), scope="row", style=_CELL.format("left")) for v in label[1]]
        if label
        else []
    )
    body = [
        tag(
            "tr",
            labels[row] if labels else None,
            *(tag("td", _cell(heads[i][row]), style=styles[i]) for i in range(columns)),
        )
        for row in range(rows)
    ]
    top = tag("thead", tag("tr", *header), style="border-bottom:1px solid rgba(128,128,128,.35)")
    table = tag(
        "table",
        top,
        tag("tbody", *body),
        style="margin:0;border-collapse:collapse;table-layout:auto;font-size:12px",
    )
    sampled = sampled_words(view.rows)
    said = note(_size(view, rows, columns), f"; {sampled}" if sampled else "")
    return join([tag("div", table, style="overflow:auto;max-width:100%"), said])


def _head(view: View, column: int, rows: int) -> Sequence[object]:
    return view.values(column, range(rows)) if rows else []


def _corner(name: str) -> Html:
    return tag("th", shorten(name, CELL), scope="col", style=_NAME.format("left"))


def _heading(view: View, column: int) -> Html:
    spread = _shape(view, column)
    parts = (
        tag("div", shorten(view.names[column], CELL)),
        tag("div", shorten(view.dtype(column), 28), _gaps(view, column), style=_QUIET),
        tag("div", spread.html(), style="height:22px;padding:2px 0"),
        tag("div", shorten(spread.brief, 26), style=_QUIET, title=spread.words),
    )
    return tag("th", *parts, scope="col", style=_NAME.format("right" if _right(view, column) else "left"))


def _gaps(view: View, column: int) -> str:
    nulls = view.nulls(column)
    return f" · {100 * nulls / view.rows:.2g} % null" if nulls else ""


def _shape(view: View, column: int) -> Shape:
    if not view.rows:
        return Shape(brief="no values", words="no values")
    return shape_of(view.values(column, _sample(view.rows)), sampled=view.rows > SAMPLE)


@lru_cache(maxsize=4)
def _sample(rows: int) -> Sequence[int]:
    """Choose rows that are spread evenly but not in step with any period of the data (golden section)."""
    if rows <= SAMPLE:
        return range(rows)
    return sorted({int(i * GOLDEN % 1 * rows) for i in range(SAMPLE)})


def _cell(value: object) -> object:
    return _MISSING if value is None else shown(value, CELL)


def _right(view: View, column: int) -> bool:
    return view.dtype(column).startswith(_NUMBERS)


def _size(view: View, rows: int, columns: int) -> str:
    """Say what is shown: ``"Showing 20 of 336,776 rows and 9 columns (pandas)"``."""
    head = "Showing " if rows < view.rows or columns < len(view.names) else ""
    return (
        f"{head}{_of(rows, view.rows, 'row')} and {_of(columns, len(view.names), 'column')} ({view.library})"
    )


def _of(shown_ones: int, count: int, noun: str) -> str:
    return plural(count, noun) if shown_ones == count else f"{shown_ones:,} of {plural(count, noun)}"


def sampled_words(rows: int) -> str:
    """Say of how many rows ranges and shares are, where that is not all of them."""
    return f"ranges and shares are those of {len(_sample(rows)):,} rows" if rows > SAMPLE else ""
