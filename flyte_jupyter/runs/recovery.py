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
from flyte_jupyter.runs.packed import packer, unpacked
from flyte_jupyter.runs.schema import connect, transaction

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
    done = 0
    for lock in sorted(folder.glob("*.lock")):
        if lock.stem == own:
            continue
        fd = acquire(lock, wait=False, create=False)
        if fd is not None:
            try:
                _read_in(path, folder, lock.stem)
            finally:
                os.close(fd)
            done += 1
    return done


def _read_in(path: Path, folder: Path, journal: str) -> None:
    alive = max((p.stat().st_mtime for p in paths(folder, journal) if p.exists()), default=0.0)
    connection = connect(path)
    try:
        with transaction(connection):
            known = connection.execute("SELECT committed FROM journals WHERE id = ?", (journal,)).fetchone()
            _settle(connection, read(folder, journal, known[0] if known else 0), journal, alive)
        remove(folder, journal)
        connection.execute("DELETE FROM journals WHERE id = ?", (journal,))
    finally:
        connection.close()


def _settle(connection: sqlite3.Connection, records: list[Record], journal: str, alive: float) -> None:
    ledger = Ledger(connection)
    if records:
        ledger.write(_batch(records), journal)
        ledger.mark(journal, records[-1].number)
    ended = ledger.interrupt(journal, alive, GONE)
    if ended:
        pack = packer()
        ledger.write(Batch(events=[(event, pack(event)) for event in ended]), journal)


def _batch(records: list[Record]) -> Batch:
    batch = Batch()
    for record in records:
        if record.kind == EVENT:
            batch.events.extend((event, record.body) for event in unpacked(record.run, record.body))
        else:
            batch.results.append(_result(record.body))
    return batch


def _result(body: bytes) -> Row:
    row: tuple[Any, ...] = msgpack.unpackb(body, use_list=False, unicode_errors="surrogatepass")
    return row
