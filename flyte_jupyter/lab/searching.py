"""Finds lines in what an action printed."""

from collections.abc import Iterator
from typing import Any

from flyte_jupyter.lab import forms
from flyte_jupyter.runs.store import RunStore

MOST = 1_000
"""At most so many lines are in one answer."""

_STEP = 1_000_000


def found(store: RunStore, run: str, action: str, text: str, after: int) -> dict[str, Any]:
    """Give lines that hold a text, in upper or lower case: ``{"lines": [[row, line in it, text], ...]}``.

    ``more`` says whether there are further ones; they are behind the last row that is named.
    """
    lines: list[list[Any]] = []
    for number, at, line in _lines(store, run, action, after):
        if text.lower() in line.lower():
            lines.append([number, at, line])
            if len(lines) > MOST:
                return {"lines": lines[:MOST], "more": True}
    return {"lines": lines, "more": False}


def _lines(store: RunStore, run: str, action: str, after: int) -> Iterator[tuple[int, int, str]]:
    more = True
    while more:
        page = forms.logs(store, run, action, after, _STEP)
        for row in page["rows"]:
            after = row[0]
            for at, line in enumerate(row[4].splitlines()):
                yield after, at, line
        more = page["more"]
