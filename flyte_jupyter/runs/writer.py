"""The thread that brings what came in to the database, in short transactions."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import RLock, Thread
from time import monotonic, sleep

from flyte_jupyter.errors import StoreError
from flyte_jupyter.runs.folder import refused
from flyte_jupyter.runs.intake import Batch, Intake
from flyte_jupyter.runs.ledger import Ledger
from flyte_jupyter.runs.schema import connect, explained, transaction

_NAP = 0.025  # seconds to collect a batch, at most half of what a crash may cost in log lines
_SHORT_NAP = 0.005  # where somebody in this process follows a run
_PAUSE = 1.0  # seconds until what failed is tried again
_BEAT = 10.0  # seconds between signs of life while there is nothing to write


class Writer:
    """Owns the intake and writes what it takes; failures are kept for ``check``.

    Args:
        path: the database.
        folder: the folder of journals.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self.intake = Intake(folder, self._rouse, self._journal_failed)
        self.reset()

    def reset(self) -> None:
        """Begin anew, at first and in a forked child: its parent's connection and thread are not for it."""
        self._writing = RLock()
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self.written = 0  # the number of the last record that is in the database
        self._flag = Flag()
        self._thread: Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._ledger: Ledger | None = None
        self._left = Batch()  # taken, not written yet
        self._failure: StoreError | None = None
        self._lost: StoreError | None = None
        self._tried = 0.0
        self._closed = False

    def drain(self) -> None:
        """Write what came in so far. A failure is kept for ``check``; what was not written is kept, too."""
        with self._writing:
            batch = self.intake.take()
            self._left = self._left.join(batch) if self._left else batch
            if not self._left:
                return
            try:
                self._write(self._left)
            except sqlite3.Error as error:
                self._failure = explained(self._path, error)
            except OSError as error:
                self._failure = refused(self._path.parent, error)
            else:
                done, self._left = self._left, Batch()
                self._failure = None
                self.written = done.last
                self.intake.drained(done)
        for callback in self._callbacks:
            callback()

    def settle(self) -> None:
        """Write what came in so far, unless the database refused a moment ago."""
        if self._failure is None or monotonic() - self._tried > _PAUSE:
            self.drain()

    def check(self) -> None:
        """Say what went wrong since the last check.

        Raises:
            StoreError: something could not be written, for now or for ever.
        """
        lost, self._lost = self._lost, None
        failure = lost or self._failure
        if failure is not None:
            raise StoreError(str(failure)) from failure

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do other work on the database in one transaction, after what came in so far."""
        with self._writing:
            self.drain()
            connection = self._connect()
            try:
                with transaction(connection):
                    work(connection)
            except sqlite3.Error as error:
                raise explained(self._path, error) from error

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each batch, from any thread; returns what ends it."""
        self._callbacks = (*self._callbacks, callback)

        def end() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return end

    def behind(self, number: int) -> bool:
        """Whether record ``number`` is not in the database yet, although nothing has failed."""
        return self.written < number and self._failure is None

    def hurry(self) -> None:
        """Have the thread write soon."""
        if not self.intake.awake:
            self.intake.awake = True
            self._rouse()

    def close(self) -> None:
        """Write the rest and stop. What cannot be written stays in the journal for the next process."""
        with self._writing:
            self.drain()
            self._closed = True
            self._flag.set()
            self.intake.close()
            if self._connection is not None:
                with suppress(sqlite3.Error):
                    self._finish(self._connection)
                    self._connection.close()
            self._connection = self._ledger = None

    def forked(self) -> None:
        """Start over in a forked child; the parent's connection is kept open, as closing it would harm."""
        _leaked.append(self._connection)
        self.intake.journal.abandon()
        self.intake.reset()
        self.reset()

    def _write(self, batch: Batch) -> None:
        self._tried = monotonic()
        connection = self._connect()
        ledger = self._ledger = self._ledger or Ledger(connection)
        journal = self.intake.journal.id
        try:
            with transaction(connection):
                lost = ledger.write(batch, journal)
                if batch.last:
                    ledger.mark(journal, batch.last)
        except BaseException:
            ledger.forget()
            raise
        if lost is not None:
            self._lose(lost)

    def _lose(self, error: Exception) -> None:
        self._lost = StoreError(f"something that happened could not be recorded: {error}")

    def _finish(self, connection: sqlite3.Connection) -> None:
        """Forget the journal, whose files are removed by now if all that they held is in the database."""
        if not self._left:
            connection.execute("DELETE FROM journals WHERE id = ?", (self.intake.journal.id,))

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _journal_failed(self, error: Exception, lost: bool) -> None:
        if lost:
            self._lose(error)
        elif isinstance(error, OSError):
            self._failure = refused(self._path.parent, error)

    def _rouse(self) -> None:
        if self._thread is None and not self._closed:
            self._start()
        self._flag.set()

    def _start(self) -> None:
        with self._writing:
            if self._thread is None:
                thread = Thread(
                    target=self._work, args=(self._flag,), name="flyte_jupyter-writer", daemon=True
                )
                with suppress(RuntimeError):  # the interpreter is ending: ``close`` writes the rest
                    thread.start()
                    self._thread = thread

    def _work(self, flag: Flag) -> None:
        while True:
            if not flag.wait(_BEAT):
                self.intake.beat()
            elif self._closed:
                return
            else:
                sleep(_PAUSE if self._failure else _SHORT_NAP if self._callbacks else _NAP)
                flag.clear()
                self.intake.awake = False
                self.drain()
                if self._left:
                    flag.set()


_leaked: list[sqlite3.Connection | None] = []
