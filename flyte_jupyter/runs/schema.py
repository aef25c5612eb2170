"""The database: its tables, their version, and connections to it."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flyte_jupyter.errors import StoreError
from flyte_jupyter.runs.folder import writable
from flyte_jupyter.runs.forks import gate
from flyte_jupyter.runs.locks import acquire, release

_PATIENCE = 60.0  # seconds that a write waits for another process's transaction

# Each step takes a store from the version of its place to the next one. A released step never changes.
STEPS: tuple[str, ...] = (
    """
    -- runs.owner: the journal of the process that drives it. sequence: how many events there ever were.
    CREATE TABLE runs (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, task TEXT NOT NULL, mode TEXT NOT NULL,
      phase TEXT NOT NULL, started REAL NOT NULL, ended REAL, updated REAL NOT NULL, notebook TEXT NOT NULL,
      source TEXT NOT NULL, labels TEXT NOT NULL, rerun_of TEXT, owner TEXT NOT NULL,
      actions INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL, cached INTEGER NOT NULL);
    CREATE INDEX runs_by_start ON runs (started);
    CREATE INDEX runs_by_task ON runs (task, started);
    CREATE INDEX runs_by_notebook ON runs (notebook, started);
    CREATE INDEX runs_by_phase ON runs (phase, started);
    CREATE INDEX runs_by_owner ON runs (owner) WHERE ended IS NULL;
    -- A row holds events last-count+1 .. last of one run, packed one after the other, digest their CRC-32.
    CREATE TABLE events (
      last INTEGER PRIMARY KEY, run INTEGER NOT NULL, count INTEGER NOT NULL, digest INTEGER NOT NULL,
      body BLOB NOT NULL);
    CREATE INDEX events_by_run ON events (run, last);
    CREATE TABLE logs (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, action TEXT NOT NULL,
      attempt INTEGER NOT NULL, stream TEXT NOT NULL, time REAL NOT NULL, text TEXT NOT NULL);
    CREATE INDEX logs_by_run ON logs (run, seq);
    CREATE INDEX logs_by_action ON logs (run, action, seq);
    CREATE TABLE journals (id TEXT PRIMARY KEY, committed INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE results (
      key TEXT PRIMARY KEY, task TEXT NOT NULL, version TEXT NOT NULL, inputs TEXT NOT NULL,
      created REAL NOT NULL, used REAL NOT NULL, hits INTEGER NOT NULL, size INTEGER NOT NULL,
      digest INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX results_by_task ON results (task, created);
    CREATE INDEX results_by_version ON results (task, version, created);
    CREATE INDEX results_by_inputs ON results (task, inputs, created);
    CREATE TABLE sequence (value INTEGER NOT NULL);
    INSERT INTO sequence VALUES (0);
    """,
)


def create(path: Path, steps: Sequence[str] = STEPS) -> None:
    """Make the database or bring an older one up to date; cheap where there is nothing to do.

    Raises:
        StoreError: it is newer than this version, damaged, or not writable.
    """
    with writable(path.parent), translated(path), gate:
        _touch(path)
        connection = connect(path)
        try:
            if _version(connection, path, steps) == len(steps):
                return
            lock = path.parent / "locks" / "schema"
            fd = acquire(lock, wait=True)
            try:
                _migrate(connection, path, steps)
            finally:
                if fd is not None:
                    release(fd, lock)
        finally:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Connect; any thread may use the connection, one at a time."""
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing. It begins as a writer, so that it waits here and nowhere later."""
    if connection.in_transaction:  # an interrupt kept an earlier one from its end
        connection.execute("ROLLBACK")
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate the database's errors to the one error of a store."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(path, error) from error


def explained(path: Path, error: sqlite3.Error) -> StoreError:
    """Say what an error of the database means and what to do."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if "Could not decode" in str(error):
        code = "SQLITE_CORRUPT"  # the text in a row is no text
    for start, meaning in _MEANINGS.items():
        if code.startswith(start):
            return StoreError(meaning.format(path=path, folder=path.parent))
    return StoreError(f"the run store {path.parent} failed: {error}")


_DAMAGED = (
    "the run store's database {path} is damaged. Restore it from a copy, or move it away with its -wal and "
    "-shm files: a new one is begun then."
)
_MEANINGS = {
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_FULL": "the disk that holds the run store {folder} is full. Free some space, or run gc.",
    "SQLITE_READONLY": "the run store {folder} is read-only. Set FLYTE_JUPYTER_HOME to a folder that is not.",
    "SQLITE_CANTOPEN": "the run store's database {path} cannot be opened. Is {folder} there and yours?",
    "SQLITE_BUSY": "the run store {folder} was held by another process for a minute. Try again.",
    "SQLITE_IOERR": "the disk that holds the run store {folder} cannot be read or written.",
}


def damaged(path: Path) -> str:
    """Say that the database is damaged, and what to do."""
    return _DAMAGED.format(path=path)


def _touch(path: Path) -> None:
    """Make the file private before SQLite would make it with the default mode; its companions follow it."""
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _version(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise StoreError(
            f"the run store {path.parent} has version {version}; this version of flyte_jupyter reads up to "
            f"{len(steps)}. Upgrade flyte_jupyter, or set FLYTE_JUPYTER_HOME to another folder."
        )
    return version


def _migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[str]) -> None:
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts before the first table only
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(f"the run store {path.parent} is on a disk that cannot share a database ({mode}).")
    with transaction(connection):
        version = _version(connection, path, steps)
        for step in steps[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(steps)}")
