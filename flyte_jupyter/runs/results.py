"""Results of earlier actions by key: the cache's table, and the lock that lets one of many compute."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter.ids import digest
from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.folder import writable
from flyte_jupyter.runs.intake import Row
from flyte_jupyter.runs.ledger import text
from flyte_jupyter.runs.locks import acquire, release
from flyte_jupyter.runs.rows import Entry
from flyte_jupyter.runs.store import RunStore

__all__ = ["Entry", "ResultCache", "SingleFlight"]

_INLINE = 1 << 16  # bytes of outputs that the database holds; more of them are a blob
_BLOB = re.compile(rb"blob://([0-9a-f]{32})")
_COLUMNS = "key, task, version, inputs, created, used, hits, size, digest, body"
_PLACES = {name: place for place, name in enumerate(_COLUMNS.split(", "))}
_AS_BLOB = bytes(bytearray(b"the first blob"))  # stands for outputs that are a blob; known by identity
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.05


class ResultCache:
    """The cached results in a store.

    What is not whole is not there: a row or a blob that is damaged or missing makes a miss.

    Args:
        store: the store.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def get(self, key: str) -> Entry | None:
        """Look a result up; None if there is none that is whole.

        Blobs that the outputs refer to are there; whether they are whole shows when they are read.

        Raises:
            StoreError: the store cannot be read.
        """
        row = self._store.pending_result(key)
        if row is None:
            found = self._store.ask(f"SELECT {_COLUMNS} FROM results WHERE key = ?", (key,))  # noqa: S608 - constants
            if not found:
                return None
            row = found[0]
        return self._whole(_entry(row))

    def put(self, entry: Entry) -> None:
        """Keep a result. It survives a kill from here on; the database has it a moment later."""
        outputs = entry.outputs
        blobs = set(entry.blobs) | {found.decode() for found in _BLOB.findall(outputs)}
        refers = sorted(blobs)
        inline: bytes | None = outputs
        if len(outputs) > _INLINE:
            refers, inline = [self._store.blobs.put(outputs), *refers], None
        body: bytes = msgpack.packb(
            (inline, refers, dict(entry.parts), entry.run, entry.action),
            default=_plain,
            unicode_errors="surrogatepass",
        )
        created = entry.created or time.time()
        self._store.put_result((
            entry.key, text(entry.task), text(entry.version), entry.inputs_digest,
            created, entry.used or created, entry.hits, entry.size or len(entry.outputs),
            _check(entry.key, body), body,
        ))  # fmt: skip

    def touch(self, key: str) -> None:
        """Count a hit; written with the next batch."""
        self._store.hit_result(key)

    def entries(self, task: str | None = None) -> list[Entry]:
        """List results that are whole, the newest first.

        Args:
            task: only those of this task.
        """
        where, values = ("WHERE task = ?", (text(task),)) if task is not None else ("", ())
        return self._entries(f"{where} ORDER BY created DESC", values)

    def tasks(self) -> list[str]:
        """Name the tasks that have results."""
        self._store.settle()
        return [str(name) for (name,) in self._store.ask("SELECT DISTINCT task FROM results", ())]

    def nearest(self, task: str, inputs_digest: str = "", version: str = "") -> Entry | None:
        """Find the result that explains a miss best.

        The newest of the task with the same inputs; else with the same version; else the newest. Its
        blobs may be gone.
        """
        task = text(task)
        new = [row for row in reversed(self._store.pending_results()) if row[_PLACES["task"]] == task]
        for same, value in (("inputs", inputs_digest), ("version", text(version)), ("task", task)):
            if row := next((row for row in new if value and row[_PLACES[same]] == value), None):
                return _entry(row)
            tail = f"WHERE task = ? AND {same} = ? ORDER BY created DESC LIMIT 1"
            if value and (entry := next(self._rows(tail, (task, value)), None)) is not None:
                return entry
        return None

    def clear(self, task: str | None = None, older_than: float | None = None, key: str | None = None) -> int:
        """Remove results and return how many: all, or those that fit all that is given.

        Args:
            task: of this task.
            older_than: made more than so many seconds ago.
            key: with this key.
        """
        before = None if older_than is None else time.time() - older_than
        given = {"task = ?": task, "created < ?": before, "key = ?": key}
        given = {condition: value for condition, value in given.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        removed = 0

        def remove(connection: sqlite3.Connection) -> None:
            nonlocal removed
            removed = connection.execute(f"DELETE FROM results {where}", tuple(given.values())).rowcount  # noqa: S608 - constants

        self._store.transact(remove)
        return removed

    def single_flight(self, key: str) -> "SingleFlight":
        """Make the lock under which one alone, of all threads and processes, computes ``key``."""
        return SingleFlight(self._store, key)

    def _entries(self, tail: str, values: tuple[Any, ...]) -> list[Entry]:
        self._store.settle()
        return [entry for entry in map(self._whole, self._rows(tail, values)) if entry is not None]

    def _rows(self, tail: str, values: tuple[Any, ...]) -> Iterator[Entry]:
        rows = self._store.ask(f"SELECT {_COLUMNS} FROM results {tail}", values)  # noqa: S608 - constants
        return (entry for entry in map(_entry, rows) if entry is not None)

    def _whole(self, entry: Entry | None) -> Entry | None:
        """Fetch outputs that are a blob; None if any blob is not there."""
        if entry is None or not entry.blobs:
            return entry
        if not all(blob in self._store.blobs for blob in entry.blobs):
            return None
        if entry.outputs is not _AS_BLOB:
            return entry
        try:
            return replace(entry, outputs=self._store.blobs.get(entry.blobs[0]))
        except KeyError:
            return None


class SingleFlight(AbstractContextManager["SingleFlight"], AbstractAsyncContextManager["SingleFlight"]):
    """A lock by key for ``with`` and ``async with``; it frees itself when its process dies.

    Before it is freed, what its holder put into the cache is in the database, where the next one looks.
    """

    def __init__(self, store: RunStore, key: str) -> None:
        self._store = store
        self._path = store.folder / "locks" / digest("flight", key)
        self._fd: int | None = None

    def __enter__(self) -> Self:
        with writable(self._store.folder):
            self._fd = acquire(self._path, wait=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._store.settle()
        finally:
            self._free()

    async def __aenter__(self) -> Self:
        for wait in _waits():
            with writable(self._store.folder):
                self._fd = acquire(self._path, wait=False)
            if self._fd is not None:
                break
            await asyncio.sleep(wait)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._store.settled()
        finally:
            self._free()

    def _free(self) -> None:
        if self._fd is not None:
            release(self._fd, self._path)
            self._fd = None


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT
    while True:
        yield wait
        wait = min(2 * wait, _LONGEST_WAIT)


def _check(key: str, body: bytes) -> int:
    return crc32(body, crc32(key.encode("utf-8", "surrogatepass")))


def _entry(row: Row) -> Entry | None:
    key, task, version, inputs, created, used, hits, size, check, body = row
    if _check(key, body) != check:
        return None
    outputs, blobs, parts, run, action = msgpack.unpackb(
        body, unicode_errors="surrogatepass", strict_map_key=False
    )
    return Entry(
        key=key, task=task, outputs=_AS_BLOB if outputs is None else outputs, version=version,
        inputs_digest=inputs, created=created, used=used, hits=hits, size=size, parts=parts,
        run=run, action=action, blobs=tuple(blobs),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return (
        dict(value) if hasattr(value, "keys") else list(value) if hasattr(value, "__iter__") else str(value)
    )
