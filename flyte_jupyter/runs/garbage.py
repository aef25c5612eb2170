"""What a store may forget: old finished runs, results that nobody took lately, blobs that nothing refers to.

What happens while this looks is safe: a blob younger than an hour is never removed, nor is a result that was
taken within the hour; and whoever puts a blob that is there already makes it young again.
"""

import mmap
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flyte_jupyter.blobs.store import BlobStore

_YOUNG = 3600.0  # seconds
_SLICE = 50  # runs or results that one transaction removes
_PAGES = 2000  # that one transaction gives back
_HEX = re.compile(rb"[0-9a-f]{32,}")
_REFERENCE = re.compile(rb"blob://([0-9a-f]{32})")
_DIGEST = 32

Rows = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was removed: how many runs, results and blobs, and how many bytes of blobs."""

    runs: int = 0
    results: int = 0
    blobs: int = 0
    bytes: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            runs=self.runs + other.runs,
            results=self.results + other.results,
            blobs=self.blobs + other.blobs,
            bytes=self.bytes + other.bytes,
        )


class Sweepable(Protocol):
    """What of a store this needs."""

    folder: Path
    blobs: BlobStore

    def settle(self) -> None:
        """Have everything in the database."""

    def ask(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Ask the database."""

    def connect(self) -> sqlite3.Connection:
        """Connect to the database."""

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Change the database in one transaction."""


def sweep(store: Sweepable, keep_runs: int, max_bytes: int | None) -> Swept:
    """Remove what is too old or too much.

    Args:
        store: the store.
        keep_runs: how many finished runs to keep, the newest. Unfinished ones are always kept.
        max_bytes: how large the store may be; the oldest runs and the results that were not taken for the
            longest time go until it is no larger, if that is possible.
    """
    store.settle()
    swept = _drop_runs(store, _old_runs(store, keep_runs)) + _drop_blobs(store)
    while max_bytes is not None and _size(store) > max_bytes:
        more = _drop_runs(store, _oldest_runs(store)) + _drop_results(store) + _drop_blobs(store)
        if not (more.runs or more.results):
            break
        swept += more
    _drop_leftovers(store)
    _give_back(store)
    return swept


def _old_runs(store: Sweepable, keep: int) -> Rows:
    sql = "SELECT id FROM runs WHERE ended IS NOT NULL ORDER BY started DESC, id DESC LIMIT -1 OFFSET ?"
    return store.ask(sql, (keep,))


def _oldest_runs(store: Sweepable) -> Rows:
    """The oldest tenth of the finished runs, but those of the last hour."""
    count = store.ask("SELECT count(*) FROM runs WHERE ended IS NOT NULL")[0][0]
    sql = "SELECT id FROM runs WHERE ended < ? ORDER BY started, id LIMIT ?"
    return store.ask(sql, (time.time() - _YOUNG, count // 10 + 1))


def _drop_runs(store: Sweepable, runs: Rows) -> Swept:
    for start in range(0, len(runs), _SLICE):
        part = runs[start : start + _SLICE]

        def drop(connection: sqlite3.Connection, part: Rows = part) -> None:
            for sql in ("events WHERE run", "logs WHERE run", "runs WHERE id"):
                connection.executemany(f"DELETE FROM {sql} = ?", part)  # noqa: S608 - constants

        store.transact(drop)
    return Swept(runs=len(runs))


def _drop_results(store: Sweepable) -> Swept:
    """Remove the tenth of the results that was not taken for the longest time, but those of the last hour."""
    count = store.ask("SELECT count(*) FROM results")[0][0]
    sql = "SELECT rowid FROM results WHERE used < ? ORDER BY used LIMIT ?"
    rows = store.ask(sql, (time.time() - _YOUNG, count // 10 + 1))
    store.transact(lambda connection: _delete_results(connection, rows))
    return Swept(results=len(rows))


def _delete_results(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.executemany("DELETE FROM results WHERE rowid = ?", rows)


def _drop_blobs(store: Sweepable) -> Swept:
    before = time.time() - _YOUNG
    old = {digest for digest in store.blobs if _age(store.blobs.path(digest)) < before}
    if not old:
        return Swept()
    old -= _referred(store, old)
    count = size = 0
    for digest in old:
        path = store.blobs.path(digest)
        if _age(path) < before:  # once more: somebody may have put it again while we looked
            size += path.stat().st_size
            store.blobs.delete(digest)
            count += 1
    return Swept(blobs=count, bytes=size)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _referred(store: Sweepable, old: set[str]) -> set[str]:
    """Find which blobs the database refers to, directly or through other blobs."""
    connection = store.connect()
    try:
        bodies = (row[0] for table in ("events", "results") for row in _bodies(connection, table))
        todo = {digest for body in bodies for digest in _digests(body) if digest in old}
    finally:
        connection.close()
    young = (digest for digest in store.blobs if digest not in old)
    for digest in young:
        todo |= _inside(store.blobs.path(digest)) & old
    found: set[str] = set()
    while todo:
        found |= todo
        todo = {inner for digest in todo for inner in _inside(store.blobs.path(digest)) & old} - found
    return found


def _bodies(connection: sqlite3.Connection, table: str) -> Iterable[tuple[bytes]]:
    return connection.execute(f"SELECT body FROM {table}")  # noqa: S608 - constants


def _digests(body: bytes) -> Iterator[str]:
    """Find everything in a body that may be a digest; what is none does no harm."""
    for match in _HEX.finditer(body):
        run = match.group().decode()
        for start in range(len(run) - _DIGEST + 1):
            yield run[start : start + _DIGEST]


def _inside(path: Path) -> set[str]:
    """Find the addresses of blobs in a blob, as a pickled file or folder holds them."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return {digest.decode() for digest in _REFERENCE.findall(data)}
    except (FileNotFoundError, ValueError):  # gone meanwhile, or empty
        return set()


def _size(store: Sweepable) -> int:
    names = ("page_count", "freelist_count", "page_size")
    pages, free, page = (int(store.ask(f"PRAGMA {name}")[0][0]) for name in names)
    blobs = 0
    for digest in store.blobs:
        try:
            blobs += store.blobs.size(digest)
        except KeyError:
            continue
    return (pages - free) * page + blobs


def _drop_leftovers(store: Sweepable) -> None:
    """Remove what killed processes left half done, and notes on journals that are no more."""
    before = time.time() - _YOUNG
    for pattern in (".*-*", "damaged-*"):
        for path in store.blobs.folder.glob(pattern):
            if _age(path) < before:
                path.unlink(missing_ok=True)
    journals = store.folder / "journal"
    ended = [
        row for row in store.ask("SELECT id FROM journals") if not (journals / f"{row[0]}.lock").exists()
    ]
    store.transact(lambda connection: _delete_journals(connection, ended))


def _delete_journals(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.executemany("DELETE FROM journals WHERE id = ?", rows)


def _give_back(store: Sweepable) -> None:
    """Return free pages to the disk."""
    connection = store.connect()
    try:
        while connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
