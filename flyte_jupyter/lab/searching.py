"""Finds lines in what an action printed, as front ends show them; each answer looks through a part of it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flyte_jupyter.lab import forms
from flyte_jupyter.runs.store import RunStore

MOST = 1_000
"""At most so many lines are in one answer."""

_READ = 8_000_000
"""About so many characters are looked through for one answer: a fraction of a second."""

_LONGEST = 1_000_000
"""Of a line without an end only so many of its last characters count."""

_CONTROLS = re.compile(
    r"\x1b(?:\[[0-9;:]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]"
)
"""What is not shown of a line; ``labextension/src/ansi.ts`` has its twin."""


class _Line(NamedTuple):
    """A line; it begins in a row of the log as the one with the number ``at`` that does so."""

    row: int
    at: int
    attempt: int
    time: float
    stream: str
    text: str
    is_whole: bool = True

    @property
    def shown(self) -> str:
        """What a terminal shows of it: not what a carriage return overwrites, and no control sequence."""
        text = self.text.removesuffix("\r")
        return _CONTROLS.sub("", text[text.rfind("\r") + 1 :])


def found(
    store: RunStore,
    run: str,
    action: str,
    text: str,
    *,
    after: int = 0,
    line: int | None = None,
    attempt: int = 0,
) -> dict[str, Any]:
    """Give lines that hold a text, in upper or lower case.

    Args:
        store: the run store.
        run: the run.
        action: the action.
        text: what is looked for.
        after: the row of the log behind which to begin ...
        line: ... and the line that begins in it behind which to begin; None for the last one.
        attempt: only lines of this attempt; 0 for all.

    Returns:
        ``{"lines": [[row, line, attempt, time, stream, text], ...], "next": [after, line], "more": bool}``.
        Behind ``next`` another search goes on: at once if there is ``more``, else when more was printed.
        A line that was without an end is found again by then.
    """
    begin = after if line is None else after - 1
    page = forms.logs(store, run, action, begin, _READ)
    wanted, behind = text.lower(), (after, line)
    lines: list[list[Any]] = []
    for one in _lines(page["rows"], goes_on=page["goes_on"]):
        if line is not None and (one.row, one.at) <= (after, line):
            continue
        if len(lines) == MOST:
            return {"lines": lines, "next": behind, "more": True}
        if one.at >= 0 and attempt in {0, one.attempt} and wanted in one.shown.lower():
            lines.append([one.row, one.at, one.attempt, one.time, one.stream, one.shown])
        if one.is_whole:
            behind = (one.row, one.at)
    if page["more"] and behind == (after, line):  # a line without an end fills all that was read
        behind = (page["rows"][-1][0], None)
    return {"lines": lines, "next": behind, "more": page["more"]}


def _lines(rows: Iterable[list[Any]], *, goes_on: bool) -> Iterator[_Line]:
    """Join rows to lines; what goes on with a line of before the rows has the number -1."""
    last: _Line | None = None
    for number, attempt, time, stream, text in rows:
        first, *rest = text.split("\n")
        if last is not None and (last.attempt, last.stream) == (attempt, stream):
            one, begun = last._replace(text=(last.text + first)[-_LONGEST:], is_whole=True), 0
        else:
            if last is not None:
                yield last._replace(is_whole=True)
            one, begun = _Line(number, -goes_on, attempt, time, stream, first), 1 - goes_on
        goes_on = False
        for at, more in enumerate(rest, begun):
            yield one
            one = _Line(number, at, attempt, time, stream, more)
        last = one._replace(is_whole=False) if one.text else None
    if last is not None:
        yield last
