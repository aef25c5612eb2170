"""A batch as rows: chunks of events, the row that lists a run, results, chunks of log lines."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any
from zlib import crc32

from flyte_jupyter.runs.action import ActionState, Phase, apply, reopened
from flyte_jupyter.runs.events import (
    ROOT,
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    CacheChecked,
    Event,
    RunInterrupted,
    RunStarted,
)
from flyte_jupyter.runs.intake import Batch, Chunk, Row
from flyte_jupyter.runs.packed import packer
from flyte_jupyter.runs.schema import transaction

_EVENTS = 512  # in a row at most
_VARIABLES = 900  # in one statement; some builds of SQLite take 999
_TEXT = 1 << 16  # characters of log lines in a row, about
_POISON = (
    TypeError, ValueError, AttributeError, OverflowError, LookupError,
    sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError,
)  # fmt: skip
"""What values of a wrong type cause, anywhere on their way into a row."""
_ENDS = frozenset({ActionSucceeded, ActionFailed, ActionAborted})


@dataclass(slots=True)
class _Tally:
    """What the events of a run change in the row that lists it."""

    id: int
    root: Any  # a draft of the root's state
    begun: RunStarted | None = None
    updated: float = 0.0
    actions: int = 0
    done: int = 0
    failed: int = 0
    cached: int = 0

    def count(self, event: Event) -> None:
        """Count an event."""
        kind = type(event)
        self.updated = max(self.updated, event.time)
        if kind is ActionQueued:
            self.actions += 1
        elif kind in _ENDS:
            self.done += 1
            self.failed += kind is ActionFailed
        elif isinstance(event, CacheChecked):
            self.cached += event.status == "hit"
        elif isinstance(event, RunStarted):
            self.begun = event
        if event.action == ROOT or kind is RunInterrupted:
            apply(self.root, event)


class Ledger:
    """Writes batches.

    Args:
        connection: to the database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run = connection.execute
        self._many = connection.executemany
        self._tallies: dict[str, _Tally] = {}

    def forget(self) -> None:
        """Forget what a transaction that was rolled back had told."""
        self._tallies.clear()

    def commit(self, batch: Batch, journal: str) -> Exception | None:
        """Write a batch, and how far the journal is in the database by that, in one transaction.

        What cannot be written, whatever the state of the disk, is left out, and why is returned.

        Raises:
            sqlite3.DatabaseError: the database or the disk refuses.
        """
        try:
            with transaction(self._connection):
                self._write(batch, journal)
                self._mark(journal, batch.last)
        except _POISON as error:
            self._forget()
            return self._salvage(batch, journal) or error
        except BaseException:
            self._forget()
            raise
        return None

    def interrupt(self, journal: str, alive: float, reason: str) -> None:
        """Interrupt the runs of a journal; ``alive`` is when its process was last known to live."""
        sql = "SELECT name, updated FROM runs WHERE owner = ? AND ended IS NULL"
        pack = packer()
        events: list[tuple[Event, bytes]] = []
        for name, updated in self._run(sql, (journal,)).fetchall():
            event = RunInterrupted(run=name, action=ROOT, time=max(updated, alive), reason=reason)
            events.append((event, pack(event)))
        if events:
            self.commit(Batch(events=events), journal)

    def _forget(self) -> None:
        """Forget what a transaction that was rolled back had told."""
        self._tallies.clear()

    def _salvage(self, batch: Batch, journal: str) -> Exception | None:
        lost: Exception | None = None
        with transaction(self._connection):
            for part in batch.split():
                self._run("SAVEPOINT part")
                try:
                    self._write(part, journal)
                except _POISON as error:
                    self._run("ROLLBACK TO part")
                    self._forget()
                    lost = error
                self._run("RELEASE part")
            self._mark(journal, batch.last)
        return lost

    def _write(self, batch: Batch, journal: str) -> None:
        if batch.events:
            self._events(batch.events, journal)
        if batch.chunks:
            self._logs(batch.chunks, journal)
        if batch.results:
            self._insert("OR REPLACE INTO results", batch.results)
        if batch.hits:
            now = time()
            sql = "UPDATE results SET hits = hits + ?, used = max(used, ?) WHERE key = ?"
            self._many(sql, [(count, now, key) for key, count in batch.hits.items()])

    def _mark(self, journal: str, number: int) -> None:
        if number:
            self._run(
                "INSERT INTO journals VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET committed = max(committed, excluded.committed)",
                (journal, number),
            )

    def _insert(self, where: str, rows: Sequence[Row]) -> None:
        """Insert many rows by one call, as each call gives up the interpreter's lock for milliseconds.

        So it is where another thread computes, which is when results and log lines come in.
        """
        step = _VARIABLES // len(rows[0])
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            places = f"({','.join('?' * len(part[0]))})"
            sql = f"INSERT {where} VALUES {','.join([places] * len(part))}"  # noqa: S608 - only places
            self._run(sql, [value for row in part for value in row])

    def _events(self, events: list[tuple[Event, bytes]], journal: str) -> None:
        runs: dict[str, list[tuple[Event, bytes]]] = {}
        for pair in events:
            runs.setdefault(pair[0].run, []).append(pair)
        seq = self._run("SELECT value FROM sequence").fetchone()[0]
        rows = []
        for run, pairs in runs.items():
            tally = self._tally(run, pairs[0][0], journal)
            for event, _ in pairs:
                tally.count(event)
            for start in range(0, len(pairs), _EVENTS):
                part = pairs[start : start + _EVENTS]
                body = b"".join([body for _, body in part])
                seq += len(part)
                rows.append((seq, tally.id, len(part), crc32(body), body))
            self._update(run, tally, journal)
        self._insert("INTO events", rows)
        self._run("UPDATE sequence SET value = ?", (seq,))

    def _tally(self, run: str, event: Event, journal: str) -> _Tally:
        tally = self._tallies.get(run)
        if tally is None:
            tally = self._tallies[run] = self._load(run, event.time, journal)
        return tally

    def _load(self, run: str, first: float, journal: str) -> _Tally:
        name = text(run)
        found = self._run("SELECT id, phase, started, ended FROM runs WHERE name = ?", (name,)).fetchone()
        if found:
            root = ActionState(name=ROOT, phase=Phase(found[1]), started=found[2], ended=found[3])
            return _Tally(found[0], reopened(root))
        sql = "INSERT INTO runs VALUES (NULL,?,'','local','QUEUED',?,NULL,?,'','{}','{}',NULL,?,0,0,0,0)"
        made = self._run(sql, (name, first, first, journal))
        return _Tally(made.lastrowid or 0, reopened(ActionState(name=ROOT)))

    def _update(self, run: str, tally: _Tally, journal: str) -> None:
        root = tally.root
        if tally.begun is not None:
            self._begin(tally.id, tally.begun, journal)
        self._run(
            "UPDATE runs SET phase = ?, ended = ?, updated = max(updated, ?), actions = actions + ?,"
            " done = done + ?, failed = failed + ?, cached = cached + ? WHERE id = ?",
            (
                root.phase.value, root.ended, tally.updated, tally.actions,
                tally.done, tally.failed, tally.cached, tally.id,
            ),
        )  # fmt: skip
        tally.begun = None
        tally.actions = tally.done = tally.failed = tally.cached = 0
        if root.ended is not None:
            del self._tallies[run]

    def _begin(self, run: int, event: RunStarted, journal: str) -> None:
        self._run(
            "UPDATE runs SET task = ?, mode = ?, started = ?, notebook = ?, source = ?, labels = ?,"
            " rerun_of = ?, owner = ? WHERE id = ?",
            (
                text(event.task), text(event.mode), event.time, text(event.source.get("notebook", "")),
                _json(event.source), _json(event.labels), text(event.rerun_of or "") or None, journal, run,
            ),
        )  # fmt: skip

    def _logs(self, chunks: list[Chunk], journal: str) -> None:
        rows = []
        for chunk in chunks:
            tally = self._tallies.get(chunk.run) or self._load(chunk.run, chunk.time, journal)
            for part in _cut("".join(map(str, chunk.parts))):
                rows.append(  # noqa: PERF401 - a comprehension would hide the two levels
                    (tally.id, text(chunk.action), chunk.attempt, text(chunk.stream), chunk.time, text(part))
                )
        if rows:
            self._insert("INTO logs (run, action, attempt, stream, time, text)", rows)


def text(value: str) -> str:
    """Make text that the database takes: what is no Unicode is written with backslashes."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _json(pairs: Mapping[str, str]) -> str:
    return text(json.dumps(dict(pairs), default=str, ensure_ascii=False))


def _cut(whole: str) -> Iterator[str]:
    """Cut text behind line ends into pieces of about ``_TEXT`` characters."""
    start = 0
    while len(whole) - start > _TEXT:
        end = whole.rfind("\n", start, start + _TEXT) + 1
        end = end if end > start else start + _TEXT
        yield whole[start:end]
        start = end
    if start < len(whole):
        yield whole[start:]
