"""``runs``: a table of runs, the newest first."""

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import PurePath

from flyte_jupyter.errors import RunNotFoundError
from flyte_jupyter.notebook.render.phases import LOOKS
from flyte_jupyter.notebook.render.text import duration, moment, shorten, table
from flyte_jupyter.runs.rows import RunRow
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen

_HEAD = ("RUN", "TASK", "PHASE", "STARTED", "TOOK", "ACTIONS", "NOTEBOOK")
_RIGHT = (4, 5)
_MANY = 1_000_000
_FAILED = {"FAILED", "TIMED_OUT"}


def runs(args: Namespace, screen: Screen) -> int:
    """List runs."""
    try:
        where = found.store()
    except RunNotFoundError as error:
        screen.tell(str(error))
        return 0
    rows = chosen(where, limit=args.limit, phase=args.phase, task=args.task, text=args.text)
    if not rows:
        screen.tell(f"no such runs in {where.folder}")
        return 0
    lines = text(rows, now=time.time()).splitlines()
    screen.print(screen.paint(lines[0], "dim"))
    for line, row in zip(lines[1:], rows, strict=True):
        screen.print(screen.paint.look(line, LOOKS[row.phase]))
    return 0


def chosen(
    where: RunStore,
    *,
    limit: int = 20,
    phase: str | None = None,
    task: str | None = None,
    text: str | None = None,
) -> list[RunRow]:
    """Choose runs, the newest first.

    Args:
        where: the store.
        limit: how many at most.
        phase: only those in this phase.
        task: only those of this root task, by its qualified or its short name.
        text: only those with this in their name, task, notebook or labels.
    """
    if task is None:
        return where.runs(limit=limit, phase=phase, text=text)
    rows = where.runs(limit=_MANY, phase=phase, text=text or task)
    return [row for row in rows if task in (row.task, row.task.rpartition(".")[2])][:limit]


def text(rows: Sequence[RunRow], *, now: float) -> str:
    """Write runs as a table with a line of headers."""
    return table(_HEAD, [_row(row, now) for row in rows], _RIGHT)


def _row(row: RunRow, now: float) -> tuple[str, ...]:
    seen = LOOKS[row.phase]
    return (
        row.name,
        shorten(row.task, 40),
        f"{seen.symbol} {seen.word}",
        moment(row.started),
        duration((now if row.ended is None else row.ended) - row.started),
        _actions(row),
        shorten(PurePath(row.notebook).name, 32),
    )


def _actions(row: RunRow) -> str:
    found = marks(row)
    return f"{below(row):,}" + (f" ({', '.join(found)})" if found else "")


def below(row: RunRow) -> int:
    """Count the actions that the root has called; the root, where it is alone."""
    return max(1, row.actions - 1)


def marks(row: RunRow) -> list[str]:
    """Say how many actions came from the cache, and how many below the root failed."""
    failed = row.failed - (row.phase in _FAILED)
    found = [f"{row.cached:,} cached"] if row.cached else []
    return found + ([f"{failed:,} failed"] if failed else [])
