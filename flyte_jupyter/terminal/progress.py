"""How far a notebook is: a line for each cell that has ended with its runs, and below what goes on now."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.phases import LOOKS
from flyte_jupyter.notebook.render.text import columns, duration, line, plural, shorten
from flyte_jupyter.runs.rows import RunRow
from flyte_jupyter.runs.state import ActionState, Phase
from flyte_jupyter.terminal.listing import below, marks
from flyte_jupyter.terminal.screen import Screen, is_terminal

_TITLE, _ACTIONS, _RUNS = 56, 6, 5
_INDENT = " " * 8
_DULL = ("@", "%", "import ", "from ")
_LATE = 0.15  # seconds until the last run of a cell that has ended is surely in the database


@dataclass(slots=True, kw_only=True)
class _Cell:
    """A cell that has begun."""

    number: int
    title: str
    begun: float
    ended: float = float("inf")
    how: str = ""


class Progress:
    """Tells how far a notebook is. On a terminal its last lines move; elsewhere each line stays.

    Args:
        screen: where to write.
        total: how many cells there are.
    """

    def __init__(self, screen: Screen, total: int) -> None:
        self._screen = screen
        self._total = total
        self._live = is_terminal(screen.err)
        self._drawn = 0
        self._cells: list[_Cell] = []
        self._count = 0
        self._told: set[str] = set()

    def begin(self, source: str) -> None:
        """Begin the next cell."""
        self._count += 1
        self._cells.append(_Cell(number=self._count, title=title(source), begun=time.time()))

    def end(self, how: str = "") -> None:
        """End the cell; ``how`` says so where it did not end well."""
        self._cells[-1].ended, self._cells[-1].how = time.time(), how

    def draw(self, rows: Sequence[RunRow], actions: Sequence[ActionState] = ()) -> None:
        """Tell of cells and runs that have ended, and show what goes on.

        Args:
            rows: all runs so far.
            actions: what runs now in the last one that has not ended.
        """
        self._tell(rows, before=time.time() - _LATE)
        if self._live:
            going = [self._run(row) for row in rows if row.ended is None]
            cells = [self._cell(cell) for cell in self._cells]
            self._replace([*cells, *going[-_RUNS:], *self._going(actions)])

    def close(self, rows: Sequence[RunRow]) -> None:
        """Tell the rest, and leave nothing that moves."""
        self._tell(rows, before=float("inf"))
        self._replace([])

    def _tell(self, rows: Sequence[RunRow], *, before: float) -> None:
        """Write what is settled: cells that ended before a time, each with the runs that it started."""
        new = [row for row in rows if row.ended is not None and row.name not in self._told]
        lines: list[str] = []
        while self._cells and self._cells[0].ended <= before:
            cell = self._cells.pop(0)
            lines.append(self._cell(cell))
            lines += self._runs([row for row in new if row.started <= cell.ended])
            new = [row for row in new if row.started > cell.ended]
        if not self._cells or (new and new[0].started < self._cells[0].begun):  # it was left running
            lines += self._runs(new)
        if lines:
            self._replace([])
            self._screen.tell("\n".join(lines))

    def _runs(self, rows: Sequence[RunRow]) -> list[str]:
        self._told.update(row.name for row in rows)
        more = len(rows) - _RUNS
        lines = [self._run(row) for row in rows[:_RUNS]]
        return lines + ([f"{_INDENT}… and {plural(more, 'more run')}"] if more > 0 else [])

    def _cell(self, cell: _Cell) -> str:
        width = len(str(self._total))
        place = self._screen.hue(f"[{cell.number:>{width}}/{self._total}]", "dim")
        name = cell.title + " " * (_TITLE - columns(cell.title))
        took = duration(min(cell.ended, time.time()) - cell.begun)
        how = self._screen.hue(f"  {cell.how}", "red") if cell.how else ""
        return f"{place} {name}  {took:>9}{how}"

    def _run(self, row: RunRow) -> str:
        seen = LOOKS[row.phase]
        verb = "in" if row.ended is not None else "for"
        took = duration((row.ended or time.time()) - row.started)
        parts = [plural(below(row), "action"), *marks(row)]
        parts += [f"{row.done:,} ended"] if row.ended is None else []
        name = shorten(row.task.rpartition(".")[2], 40)
        how = self._screen.hue.look(f"{seen.symbol} {seen.word}", seen)
        return f"{_INDENT}{how} {verb} {took}  {name}: {', '.join(parts)}  ·  run {row.name}"

    def _going(self, actions: Sequence[ActionState]) -> list[str]:
        now, seen = time.time(), LOOKS[Phase.RUNNING]
        lines = [
            f"{_INDENT}  {seen.symbol} {shorten(label(a), _TITLE)}  {duration(now - (a.started or now))}"
            for a in actions[:_ACTIONS]
        ]
        more = len(actions) - _ACTIONS
        return lines + ([f"{_INDENT}  … and {more:,} more"] if more > 0 else [])

    def _replace(self, lines: Iterable[str]) -> None:
        """Draw the moving lines anew: up to the first of them, clear, write."""
        drawn = list(lines)
        if not self._live or not (self._drawn or drawn):
            return
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        # The terminal itself cuts what is too long: a line that wraps would be two to go up.
        self._screen.err.write(f"{up}\r\x1b[J\x1b[?7l" + "".join(f"{one}\n" for one in drawn) + "\x1b[?7h")
        self._screen.err.flush()
        self._drawn = len(drawn)


def title(source: str) -> str:
    """Name a cell by its first line that says something: decorators, imports and magics come after others."""
    lines = [text for text in (line(one).lstrip("# ") for one in source.splitlines()) if text]
    telling = [text for text in lines if not text.startswith(_DULL)]
    return shorten(next(iter(telling or lines), ""), _TITLE)
