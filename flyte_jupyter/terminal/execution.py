"""One execution of a notebook: cell after cell, until its end, its first error or an interrupt."""

import asyncio
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nbclient.exceptions import CellExecutionError

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.render.phases import BAD, LOOKS
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.runs.rows import RunRow
from flyte_jupyter.terminal.book import Book
from flyte_jupyter.terminal.kernel import Kernel
from flyte_jupyter.terminal.progress import Progress
from flyte_jupyter.terminal.watch import Watch

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
"""Exit statuses."""

GRACE = 5.0
"""Seconds for a cell to end after an interrupt."""

_ASKS = "StdinNotImplementedError"
"""What a kernel raises in code that asks a person, where there is none."""

_TICK = 0.2  # at most five updates a second
_STATUSES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an execution ended.

    Args:
        status: the exit status.
        message: what went wrong; empty if nothing did.
        traceback: the user's error, as the notebook shows it.
        runs: the runs that the notebook started.
    """

    status: int = 0
    message: str = ""
    traceback: str = ""
    runs: tuple[RunRow, ...] = ()


class Execution:
    """One execution of a notebook.

    Args:
        book: the notebook.
        progress: is told how far it is.
    """

    def __init__(self, book: Book, progress: Progress) -> None:
        self._book = book
        self._progress = progress
        variables = {"FLYTE_JUPYTER_HOME": str(book.home), "JPY_SESSION_NAME": str(book.path)}
        self._kernel = Kernel(book.notebook, book.folder, variables)
        self._watch: Watch | None = None
        self._signal = asyncio.Event()
        self._status = 0
        self._ended = time.time()

    async def whole(self) -> Ending:
        """Start a kernel, run the cells, and end it."""
        self._listen()
        now = False
        try:
            return await self._whole()
        except _StoppedError as stopped:
            now = stopped.dead
            return Ending(status=self._status, message="interrupted", runs=self._runs())
        finally:
            await self._kernel.close(now=now)
            self._progress.close(self._runs())
            if self._watch is not None:
                self._watch.close()

    async def _whole(self) -> Ending:
        begun = time.time()
        await self._unless_stopped(self._kernel.start())
        self._watch = Watch(self._book.home, self._kernel.pid, begun)
        ticking = asyncio.create_task(self._tick(self._watch))
        try:
            failed = await self._cells()
            if failed is not None:
                return failed
            await self._unless_stopped(self._rest(self._watch))
        finally:
            ticking.cancel()
        return _told(self._runs(), self._ended)

    async def _cells(self) -> Ending | None:
        cells = self._book.cells
        for count, (index, cell) in enumerate(cells, 1):
            self._progress.begin(cell.source)
            try:
                await self._unless_stopped(self._kernel.run(cell, index, count))
            except CellExecutionError as error:
                self._end("failed")
                message = f"cell {count} of {len(cells)} failed: {_said(error)}"
                trace = "" if error.ename == _ASKS else _traceback(cell)
                return Ending(status=FAILED, message=message, traceback=trace, runs=self._runs())
            except Error as error:
                self._end("failed")
                message = f"cell {count} of {len(cells)} failed: {error}"
                return Ending(status=FAILED, message=message, runs=self._runs())
            self._end()
        return None

    def _end(self, how: str = "") -> None:
        self._ended = time.time()
        self._progress.end(how)

    async def _rest(self, watch: Watch) -> None:
        """Wait for what cells have left running in the background, once what has just begun is recorded."""
        await asyncio.sleep(_TICK)
        while any(row.ended is None for row in watch.look()):  # noqa: ASYNC110 - another process ends it
            await asyncio.sleep(_TICK)

    async def _tick(self, watch: Watch) -> None:
        while True:
            rows = watch.look()
            going = [row for row in rows if row.ended is None]
            self._progress.draw(rows, watch.running(going[-1].name) if going else ())
            await asyncio.sleep(_TICK)

    def _runs(self) -> tuple[RunRow, ...]:
        return tuple(self._watch.look()) if self._watch is not None else ()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number, status in _STATUSES.items():
            with suppress(NotImplementedError):  # without signals, the interpreter's own way is left
                loop.add_signal_handler(number, self._stop, status)

    def _stop(self, status: int) -> None:
        self._status = status
        self._signal.set()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it, or interrupt it when a signal comes."""
        doing = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._signal.wait())
        await asyncio.wait({doing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not self._signal.is_set():
            stopped.cancel()
            return doing.result()
        raise _StoppedError(dead=not await self._gives_in(doing))

    async def _gives_in(self, doing: "asyncio.Future[None]") -> bool:
        if not doing.done() and self._watch is not None:
            await self._kernel.interrupt()
            await asyncio.wait({doing}, timeout=GRACE)
        done = doing.done()
        doing.cancel()
        with suppress(asyncio.CancelledError, CellExecutionError, Error):
            await doing
        return done


class _StoppedError(Exception):
    """A signal came; ``dead`` if what ran did not react."""

    def __init__(self, *, dead: bool) -> None:
        super().__init__()
        self.dead = dead


def _told(runs: tuple[RunRow, ...], ended: float) -> Ending:
    """All cells ran to their ends; a run that failed after them is one whose error no cell has seen."""
    unseen = [r for r in runs if r.phase in BAD and (r.ended or 0) > ended]
    if not unseen:
        return Ending(runs=runs)
    said = ", ".join(f"run {r.name} {LOOKS[r.phase].word}" for r in unseen)
    message = f"in the background, {said}; see: flyte-jupyter show {unseen[0].name}"
    return Ending(status=FAILED, message=message, runs=runs)


def _said(error: CellExecutionError) -> str:
    if error.ename == _ASKS:
        return "it asks for input, and nobody is there to answer; use a parameter, set with -p NAME=VALUE"
    return shorten(f"{error.ename}: {error.evalue}", 300)


def _traceback(cell: Any) -> str:
    errors = [one for one in cell.outputs if one.output_type == "error"]
    return "\n".join(errors[-1].traceback) if errors else ""
