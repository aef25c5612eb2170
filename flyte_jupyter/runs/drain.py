"""Brings what came in to the database, in short transactions, and remembers what goes wrong."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from time import monotonic, time

from flyte_jupyter.errors import StoreError
from flyte_jupyter.runs.folder import refused
from flyte_jupyter.runs.forks import gate
from flyte_jupyter.runs.intake import Batch, Intake
from flyte_jupyter.runs.ledger import Ledger
from flyte_jupyter.runs.schema import connect, explained, transaction

_PAUSE = 1.0  # seconds until what failed is tried again

ENDED = "the process that drove it has ended"
"""Why a run is interrupted whose process ended in order."""


class Drain:
    """The database's side of the intake.

    Args:
        path: the database.
        intake: what is written.
    """

    def __init__(self, path: Path, intake: Intake) -> None:
        self._path = path
        self._intake = intake
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._ledger: Ledger | None = None
        self._left = Batch()  # taken, not written yet
        self._failure: StoreError | None = None
        self._lost: StoreError | None = None
        self._tried = 0.0
        self._busy = False
        self._closed = False
        self.written = 0
        """The number of the last record that is in the database."""

    @property
    def failing(self) -> bool:
        """Whether something waits to be tried again."""
        return bool(self._left)

    @property
    def idle(self) -> bool:
        """Whether everything that came in is in the database."""
        return not (self._intake.pending or self._busy or self._left)  # in this order: taking sets busy first

    @property
    def hopeless(self) -> bool:
        """Whether the database refused a moment ago."""
        return self._failure is not None and monotonic() - self._tried < _PAUSE

    def run(self) -> None:
        """Write what came in so far. A failure is kept for ``check``; what was not written is kept, too."""
        with self._lock:
            if self._closed:  # what still comes in stays in the journal for the next process
                return
            self._busy = True
            try:
                batch = self._intake.take()
                self._left = self._left.join(batch) if self._left else batch
                if self._left:
                    self._try()
            finally:
                self._busy = False

    def check(self) -> None:
        """Say what went wrong: what is lost once, what fails as long as it does.

        Raises:
            StoreError: something could not be written, for now or for ever.
        """
        lost, self._lost = self._lost, None
        failure = lost or self._failure
        if failure is not None:
            raise StoreError(str(failure)) from failure

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do other work on the database in one transaction.

        Raises:
            StoreError: the database refuses.
        """
        with self._lock:
            try:
                with gate, transaction(connection := self._connect()):
                    work(connection)
            except sqlite3.Error as error:
                raise explained(self._path, error) from error

    def fail(self, error: Exception, lost: bool) -> None:
        """Remember what the intake could not do; it is ``lost`` if it did not even come in."""
        if lost or not isinstance(error, OSError):
            self._lose(error)
        else:
            self._failure = refused(self._path.parent, error)

    def close(self) -> None:
        """Write the rest and close; runs that go on are interrupted, for nobody will drive them.

        What cannot be written stays in the journal for the next process.
        """
        with self._lock, gate:
            self.run()
            self._closed = True
            connection, self._connection, self._ledger = self._connection, None, None
            journal = self._intake.journal.id
            with suppress(StoreError, sqlite3.Error):
                if connection is not None and not self._left:
                    Ledger(connection).interrupt(journal, time(), ENDED)
            with suppress(sqlite3.Error):
                if self._intake.close() and connection is not None:
                    connection.execute("DELETE FROM journals WHERE id = ?", (journal,))
            if connection is not None:
                connection.close()

    def rest(self) -> None:
        """Close the connection; nobody uses it now."""
        connection, self._connection, self._ledger = self._connection, None, None
        if connection is not None:
            connection.close()

    def leak(self) -> sqlite3.Connection | None:
        """Give up the connection unclosed."""
        return self._connection

    def _try(self) -> None:
        try:
            with gate:
                self._write(self._left)
        except sqlite3.Error as error:
            self._failure = explained(self._path, error)
        except OSError as error:
            self._failure = refused(self._path.parent, error)
        except Exception as error:  # noqa: BLE001 - the thread that writes must go on
            self._failure = StoreError(f"the run store {self._path.parent} failed: {error}")
        else:
            done, self._left = self._left, Batch()
            self._failure = None
            self.written = done.last
            self._intake.drained(done)

    def _write(self, batch: Batch) -> None:
        self._tried = monotonic()
        connection = self._connect()
        ledger = self._ledger = self._ledger or Ledger(connection)
        journal = self._intake.journal.id
        lost = ledger.commit(batch, journal)
        if lost is not None:
            self._lose(lost)

    def _lose(self, error: Exception) -> None:
        self._lost = StoreError(f"something that happened could not be recorded: {error}")

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection
