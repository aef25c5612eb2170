"""What differed from the kernel in the places where bodies ran: a line for each place, and a table."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from flyte_jupyter.notebook.render.html import Html, fold, join, tag
from flyte_jupyter.notebook.render.text import line, plural, shorten
from flyte_jupyter.runs.parity import Difference, differences
from flyte_jupyter.runs.state import RunState

_NAMED = 3
_ROWS = 60
_NAMES = 400
_NONE = "none"
_CELL = "padding:1px 12px 1px 0;text-align:left;vertical-align:top"


def parity_lines(state: RunState) -> list[str]:
    """Tell in a line for each place what differed there: ``"container app:1: Python 3.11.2, not 3.11.7"``."""
    return [f"{title}: {_said(rows)}" for title, rows in _places(state)]


def parity_table(rows: Iterable[Difference]) -> list[tuple[str, str, str]]:
    """List what it is, what it is in the kernel, what it is there; variables by their names, in one row."""
    rows = list(rows)
    table = [(_name(one), one.here or _NONE, one.there or _NONE) for one in rows if one.kind != "variable"]
    here, there = (
        ", ".join(one.name for one in rows if one.kind == "variable" and getattr(one, side))
        for side in ("here", "there")
    )
    return [*table, *([("variables", here or _NONE, there or _NONE)] if here or there else [])]


def parity_html(state: RunState) -> Iterator[Html]:
    """Show what differed, folded, for each place."""
    for title, rows in _places(state):
        head = tag("tr", *(tag("th", name, scope="col", style=_CELL) for name in ("", "Here", "There")))
        body = [
            tag("tr", *(tag("td", shorten(text, _NAMES), style=_CELL) for text in row))
            for row in parity_table(rows)[:_ROWS]
        ]
        yield fold(f"Not as here in {title}: {_said(rows)}", tag("table", head, join(body)))


def _places(state: RunState) -> Iterator[tuple[str, Sequence[Difference]]]:
    found = differences(state.compared.values())
    for (place, image), rows in groupby(found, key=lambda one: (one.place, one.image)):
        yield line(" ".join(filter(None, (place, shorten(image, 60))))), list(rows)


def _said(rows: Sequence[Difference]) -> str:
    telling = [one for one in rows if one.kind != "variable"]
    said = [f"{_name(one)} {one.there or _NONE}, not {one.here or _NONE}" for one in telling[:_NAMED]]
    said += [f"{len(telling) - _NAMED} more"] if len(telling) > _NAMED else []
    variables = len(rows) - len(telling)
    said += [plural(variables, "variable")] if variables else []
    return line("; ".join(said))


def _name(one: Difference) -> str:
    return one.name or {"python": "Python"}.get(one.kind, one.kind)
