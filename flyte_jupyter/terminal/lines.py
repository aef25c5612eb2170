"""``logs``: what the actions of a run printed, now or as it comes."""

import time
from argparse import Namespace
from collections import deque
from collections.abc import Iterable, Iterator

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.text import columns, shorten
from flyte_jupyter.runs.rows import LogRow
from flyte_jupyter.runs.run import Run
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen

_LABEL, _INDENT = 24, 12
_STEP = 0.1  # seconds between looks for new lines

Line = tuple[LogRow, str]


def logs(args: Namespace, screen: Screen) -> int:
    """Print log lines."""
    run = found.run(args.run, found.store())
    wanted = frozenset(a.name for a in found.actions(run, args.action)) if args.action else None
    names = wanted or run.state.actions
    printer = _Printer(run, screen, alone=len(names) == 1 and run.done(), stamps=args.timestamps)
    chosen = _Chosen(wanted, args.attempt)
    printer.print(_last(chosen.lines(run.store.logs(run.name, attempt=args.attempt)), args.tail))
    if args.follow:
        _follow(run, chosen, printer)
    printer.print(chosen.rest())
    if not printer.printed and not args.follow:
        screen.tell(f"run {run.name} printed nothing" + (f" in {args.action}" if args.action else ""))
    return 0


def _last(lines: Iterable[Line], count: int | None) -> Iterable[Line]:
    return lines if count is None else deque(lines, maxlen=count)


def _follow(run: Run, chosen: "_Chosen", printer: "_Printer") -> None:
    over = False
    while not over:
        over = run.store.over(run.name)
        printer.print(chosen.lines(run.store.logs(run.name, after=chosen.seen)))
        if not over:
            run.store.wait(run.name, run.store.last(run.name), _STEP)


class _Chosen:
    """Makes whole lines of rows, of those that are wanted.

    Args:
        wanted: names of actions; None for all.
        attempt: only this attempt.
    """

    def __init__(self, wanted: frozenset[str] | None, attempt: int | None) -> None:
        self.seen = 0
        self._wanted = wanted
        self._attempt = attempt
        self._begun: dict[tuple[str, int, str], Line] = {}

    def lines(self, rows: Iterable[LogRow]) -> Iterator[Line]:
        """Give the lines that have ended; what has not waits for the next rows."""
        for row in rows:
            self.seen = row.seq
            if self._wants(row):
                yield from self._ended(row)

    def rest(self) -> Iterator[Line]:
        """Give the lines that never ended."""
        yield from self._begun.values()
        self._begun = {}

    def _wants(self, row: LogRow) -> bool:
        return (self._wanted is None or row.action in self._wanted) and self._attempt in (None, row.attempt)

    def _ended(self, row: LogRow) -> Iterator[Line]:
        key = (row.action, row.attempt, row.stream)
        first, begun = self._begun.pop(key, (row, ""))
        *whole, last = (begun + row.text).split("\n")
        for text in whole:
            yield first, text
            first = row
        if last:
            self._begun[key] = first, last


class _Printer:
    """Prints lines; who wrote one stands before it where there are several.

    Args:
        run: the run.
        screen: where to print.
        alone: whether all lines are of one action.
        stamps: whether the time stands before each line.
    """

    def __init__(self, run: Run, screen: Screen, *, alone: bool, stamps: bool) -> None:
        self.printed = False
        self._run = run
        self._screen = screen
        self._alone = alone
        self._stamps = stamps
        self._labels: dict[str, str] = {}

    def print(self, lines: Iterable[Line]) -> None:
        paint = self._screen.paint
        for row, text in lines:
            stamp = time.strftime("%H:%M:%S ", time.localtime(row.time)) if self._stamps else ""
            begin = stamp + ("" if self._alone else self._label(row.action))
            self._screen.print(paint(begin, "dim") + paint.user(text.rstrip("\r")))
            self.printed = True
        self._screen.out.flush()

    def _label(self, action: str) -> str:
        if action not in self._labels:
            name = shorten(label(self._run.state.actions[action]), _LABEL)
            self._labels[action] = name + " " * (_INDENT - columns(name)) + " │ "
        return self._labels[action]
