"""What processes that are gone have left: their journals are read in, their runs are interrupted."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter.runs.intake import Batch, Row
from flyte_jupyter.runs.journal import EVENT, Record, paths, read, remove
from flyte_jupyter.runs.ledger import Ledger
from flyte_jupyter.runs.locks import acquire
from flyte_jupyter.runs.packed import unpacked
from flyte_jupyter.runs.schema import connect

GONE = "the process that drove it is gone"
"""Why a run is interrupted."""


def recover(path: Path, folder: Path, own: str = "") -> int:
    """Read in every journal whose process is gone; returns how many there were.

    A journal's lock is free only when its process is gone, and while it is read in this process holds it. How
    far it is read is noted in the same transaction, so nothing comes in twice.

    Args:
        path: the database.
        folder: the folder of journals.
        own: this process's journal.

    Raises:
        sqlite3.Error: the database refuses.
        OSError: the disk refuses.
    """
    gone = [lock for lock in sorted(folder.glob("*.lock")) if lock.stem != own]
    done = sum(_read_in(path, lock) for lock in gone)
    connection = connect(path)
    try:
        _interrupt_lost(connection, folder)
    finally:
        connection.close()
    return done


def _read_in(path: Path, lock: Path) -> bool:
    fd = acquire(lock, wait=False, create=False)
    if fd is None:
        return False
    connection = connect(path)
    try:
        _settle(connection, lock.parent, lock.stem)
    finally:
        connection.close()
        os.close(fd)
    return True


def _settle(connection: sqlite3.Connection, folder: Path, journal: str) -> None:
    alive = max((p.stat().st_mtime for p in paths(folder, journal) if p.exists()), default=0.0)
    known = connection.execute("SELECT committed FROM journals WHERE id = ?", (journal,)).fetchone()
    records = read(folder, journal, known[0] if known else 0)
    ledger = Ledger(connection)
    if records:
        ledger.commit(_batch(records), journal)
    ledger.interrupt(journal, alive, GONE)
    remove(folder, journal)
    connection.execute("DELETE FROM journals WHERE id = ?", (journal,))


def _interrupt_lost(connection: sqlite3.Connection, folder: Path) -> None:
    """Interrupt runs whose journal is not here: somebody removed it, or copied the database alone."""
    owners = connection.execute("SELECT DISTINCT owner FROM runs WHERE ended IS NULL").fetchall()
    for (owner,) in owners:
        if not paths(folder, owner)[0].exists():
            Ledger(connection).interrupt(owner, 0.0, GONE)


def _batch(records: list[Record]) -> Batch:
    batch = Batch(last=records[-1].number)
    for record in records:
        if record.kind == EVENT:
            batch.events.extend((event, record.body) for event in unpacked(record.run, record.body))
        else:
            batch.results.append(_result(record.body))
    return batch


def _result(body: bytes) -> Row:
    row: tuple[Any, ...] = msgpack.unpackb(body, use_list=False, unicode_errors="surrogatepass")
    return row
