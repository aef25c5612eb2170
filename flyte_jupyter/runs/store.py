"""The store of runs: what happened, what was printed, what was computed, in one folder.

One process may write any number of runs at once and any number of processes may share a folder. What is
appended is safe from a kill at once and in the database a moment later.
"""

import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.config import Settings
from flyte_jupyter.errors import RunNotFoundError
from flyte_jupyter.loading import load
from flyte_jupyter.runs import following
from flyte_jupyter.runs.events import Event
from flyte_jupyter.runs.folder import identity, prepare, writable
from flyte_jupyter.runs.forks import gate
from flyte_jupyter.runs.intake import Row
from flyte_jupyter.runs.reader import Reader
from flyte_jupyter.runs.recovery import recover
from flyte_jupyter.runs.rows import LogRow, RunRow
from flyte_jupyter.runs.schema import connect, create, translated
from flyte_jupyter.runs.shared import left, shared, watch
from flyte_jupyter.runs.state import RunState, advance, fold
from flyte_jupyter.runs.writer import Writer

if TYPE_CHECKING:
    from flyte_jupyter.runs.garbage import Swept

__all__ = ["LogRow", "RunRow", "RunStore"]

_STATES = 8  # runs whose states are kept, to advance instead of folding anew
_RECOVERY = 1.0  # seconds between looks for processes that are gone


class RunStore:
    """A folder of runs. Use ``RunStore.open``, so that this process has one for a folder.

    Args:
        folder: where it is; made, readable by its owner only, if it is not there.

    Raises:
        StoreError: the folder or its database cannot be used.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        prepare(self.folder)
        self._path = self.folder / "runs.db"
        create(self._path)
        self._file = identity(self._path)
        self.blobs = BlobStore(self.folder / "blobs")
        self.runs_folder = self.folder / "runs"
        self._writer = Writer(self._path, self.folder / "journal")
        self._reader = Reader(self._path)
        self.users = 0
        self._latest: tuple[str, int, RunState | None]  # a run, how many events it has, their fold
        self._renew()
        self.recover()
        watch(self)

    @classmethod
    def open(cls, folder: Path | str | None = None) -> "RunStore":
        """Open the store in ``folder``, or the one that the settings name; each ``open`` has its ``close``.

        Raises:
            StoreError: it cannot be used.
        """
        path = (Path(folder) if folder is not None else Settings.load().home).resolve()
        return shared(path, cls)

    @classmethod
    def here(cls) -> "RunStore":
        """Open the store that the settings name."""
        return cls.open()

    @property
    def gone(self) -> bool:
        """Whether somebody removed the database from under this store, or put another in its place."""
        return identity(self._path) != self._file

    def append(self, event: Event) -> None:
        """Take an event: cheap, from any thread, never raises. It survives a kill from here on."""
        self._writer.intake.append(event)

    def log(self, run: str, action: str, attempt: int, stream: str, text: str) -> None:
        """Take text that an attempt printed: cheap, from any thread; in the database within 50 ms."""
        self._writer.intake.log(run, action, attempt, stream, text)

    def flush(self) -> None:
        """Have everything in the database.

        Raises:
            StoreError: something that came in since the last call could not be written.
        """
        self._writer.drain()
        self._writer.check()

    def goes_on(self, *events: Event) -> None:
        """Take the first events of a run that goes on here and began elsewhere: the record has the rest."""
        for event in events:
            self.append(event)
        self._writer.intake.forget()

    def check(self) -> None:
        """Ask, before a run starts, whether the store still takes what happens.

        Raises:
            StoreError: something that came in since the last call could not be written.
        """
        self._writer.check()

    def settle(self) -> None:
        """Have everything in the database if it can be written; what cannot is told by ``check``."""
        self._writer.settle()

    async def settled(self) -> None:
        """Wait, without blocking the event loop, until what came in so far is in the database."""
        number = self._writer.intake.journal.number
        with following.woken(self._writer.listen) as flag:
            while self._writer.behind(number):
                flag.clear()
                self._writer.hurry()
                await flag.wait()

    def close(self) -> None:
        """Write the rest and close, once everybody who opened it has closed it.

        Raises:
            StoreError: something could not be written.
        """
        if left(self):
            self.end()
            self._writer.check()

    def events(self, run: str, after: int = 0) -> list[tuple[int, Event]]:
        """Read a run's events with numbers above ``after``, in order; empty for an unknown run."""
        self._writer.settle()
        return self._reader.events(run, after)

    def last(self, run: str) -> int:
        """Tell the number of a run's last event; 0 if it has none."""
        self._writer.settle()
        self._recover_sometimes()
        return self._reader.last(run)

    def over(self, run: str) -> bool:
        """Tell whether a run has ended.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return self.run(run).ended is not None

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[tuple[int, Event]]:
        """Give a run's events behind ``after`` as they come, with their numbers, up to its end.

        Raises:
            RunNotFoundError: there is no such run.
        """
        async for pair in following.follow(self, self._writer.listen, run, after):
            yield pair

    def wait(self, run: str, after: int = 0, timeout: float | None = None) -> bool:
        """Block until the run has an event behind ``after``; False if ``timeout`` seconds passed before."""
        return following.wait(self, self._writer.listen, run, after, timeout)

    def state(self, run: str) -> RunState:
        """Fold a run's events; quick where little has happened since the last time.

        Raises:
            RunNotFoundError: there is no such run.
        """
        recent = self._writer.intake.recent.events(run)
        if recent:
            latest = self._latest  # one look: another thread may ask for another run meanwhile
            if latest[:2] != (run, len(recent)):
                latest = self._latest = run, len(recent), fold(recent)
            if latest[2] is not None:
                return latest[2]
        self._recover_sometimes()  # whoever drives it may be gone
        with self._folding:
            state, after = self._states.pop(run, (None, 0))
            new = self.events(run, after)
            if state is None:
                state = fold(event for _, event in new)
            else:
                for _, event in new:
                    state = advance(state, event)
            if state is None:
                raise RunNotFoundError(f"the run store {self.folder} has no run {run!r}")
            self._states[run] = state, new[-1][0] if new else after
            if len(self._states) > _STATES:
                self._states.popitem(last=False)
            return state.snapshot()

    def run(self, name: str) -> RunRow:
        """Read the row that lists a run.

        Raises:
            RunNotFoundError: there is no such run.
        """
        self._writer.settle()
        self._recover_sometimes()
        return self._reader.run(name)

    def runs(
        self,
        limit: int = 100,
        phase: str | None = None,
        task: str | None = None,
        notebook: str | None = None,
        text: str | None = None,
    ) -> list[RunRow]:
        """List runs, the newest first.

        Args:
            limit: how many at most.
            phase: only those in this phase.
            task: only those of this root task.
            notebook: only those from this notebook.
            text: only those with this in their name, task, notebook or labels; case does not count.
        """
        self._writer.settle()
        self._recover_sometimes()
        return self._reader.runs(limit, phase, task, notebook, text)

    def logs(
        self,
        run: str,
        action: str | None = None,
        attempt: int | None = None,
        tail: int | None = None,
        after: int | None = None,
    ) -> list[LogRow]:
        """Read what was printed, in order; empty for an unknown run.

        Args:
            run: the run.
            action: only by this action.
            attempt: only by this attempt.
            tail: only the last so many lines.
            after: only rows with numbers above this.
        """
        if self._writer.intake.recent.is_silent(run):
            return []
        self._writer.settle()
        return self._reader.logs(run, action, attempt, tail, after)

    def recover(self) -> int:
        """Read in what processes that are gone have left; returns how many there were."""
        self._recovered = time.monotonic()
        with writable(self.folder), translated(self._path), gate:
            return recover(self._path, self.folder / "journal", self._writer.intake.journal.id)

    def gc(self, keep_runs: int | None = None, max_bytes: int | None = None) -> "Swept":
        """Remove old finished runs and blobs that nothing refers to.

        Args:
            keep_runs: how many finished runs to keep, the newest; what the settings say by default.
            max_bytes: how large the store may be; what the settings say by default, who know no limit.
        """
        if keep_runs is None or max_bytes is None:
            settings = Settings.load()
            keep_runs = settings.keep_runs if keep_runs is None else keep_runs
            max_bytes = settings.max_bytes if max_bytes is None else max_bytes
        with writable(self.folder), translated(self._path), gate:
            sweep = load("flyte_jupyter.runs.garbage:sweep")
            swept: Swept = sweep(self, keep_runs, max_bytes)
        self._writer.intake.forget()
        return swept

    # For the parts of the store that are files of their own.

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask the database."""
        return self._reader.rows(sql, values)

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Change the database in one transaction."""
        self._writer.transact(work)

    def connect(self) -> sqlite3.Connection:
        """Connect to the database, for long reading."""
        return connect(self._path)

    def put_result(self, row: Row) -> None:
        """Take a row for the table of results."""
        self._writer.intake.put(row)

    def hit_result(self, key: str) -> None:
        """Count that a result was taken."""
        self._writer.intake.hit(key)

    def pending_result(self, key: str) -> Row | None:
        """Find a row that is not in the database yet."""
        return self._writer.intake.results.get(key)

    def pending_results(self) -> list[Row]:
        """Give the rows that are not in the database yet, the newest last."""
        return list(self._writer.intake.results.values())

    def end(self) -> None:
        """Write the rest and close; the journal keeps what cannot be written."""
        self._writer.close()
        self._reader.close()

    def rest(self) -> None:
        """Close the connections, which nobody uses now; the next use opens others."""
        self._writer.rest()
        self._reader.close()

    def forked(self) -> None:
        """Let go of what is the parent's, in a forked child, and start with nothing to write."""
        _leaked.extend(self._reader.forked())
        _leaked.append(self._writer.forked())
        self._renew()

    def _recover_sometimes(self) -> None:
        if time.monotonic() - self._recovered > _RECOVERY:
            self.recover()

    def _renew(self) -> None:
        self._folding = Lock()
        self._states: OrderedDict[str, tuple[RunState, int]] = OrderedDict()
        self._latest = ("", 0, None)
        self._recovered = 0.0


_leaked: list[sqlite3.Connection | None] = []  # a forked child's parent's: closing them would harm it
