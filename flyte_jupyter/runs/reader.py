"""Questions to the database: events, states, listings, log lines."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from flyte_jupyter.errors import RunNotFoundError, StoreError
from flyte_jupyter.runs.action import Phase
from flyte_jupyter.runs.events import Event
from flyte_jupyter.runs.forks import gate
from flyte_jupyter.runs.ledger import text
from flyte_jupyter.runs.packed import unpacked
from flyte_jupyter.runs.rows import LogRow, RunRow
from flyte_jupyter.runs.schema import connect, damaged, explained

_COLUMNS = (
    "name, task, mode, phase, started, ended, updated, notebook, source, labels, rerun_of,"
    " actions, done, failed, cached"
)

_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))


class Reader:
    """Reads on connections that threads borrow, so that many may read at once.

    Args:
        path: the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask, and take all of the answer.

        Raises:
            StoreError: the database cannot be read.
        """
        with gate:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connected()
            try:
                found = connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                connection.close()
                raise explained(self._path, error) from error
            self._idle.append(connection)
            return found

    def id(self, run: str) -> int | None:
        """Look up a run's number."""
        found = self.rows("SELECT id FROM runs WHERE name = ?", (text(run),))
        return found[0][0] if found else None

    def events(self, run: str, after: int = 0) -> list[tuple[int, Event]]:
        """Read a run's events with a number higher than ``after``, in order, with their numbers.

        Raises:
            StoreError: the database is damaged.
        """
        sql = (
            "SELECT last, count, digest, body FROM events"
            " WHERE run = (SELECT id FROM runs WHERE name = ?) AND last > ? ORDER BY last"
        )
        found: list[tuple[int, Event]] = []
        for last, count, digest, body in self.rows(sql, (text(run), after)):
            found.extend(
                zip(range(last - count + 1, last + 1), self._events(run, digest, body), strict=False)
            )
        return [pair for pair in found if pair[0] > after] if after else found

    def last(self, run: str) -> int:
        """Tell the number of a run's last event; 0 if it has none."""
        sql = "SELECT max(last) FROM events WHERE run = (SELECT id FROM runs WHERE name = ?)"
        return self.rows(sql, (text(run),))[0][0] or 0

    def run(self, name: str) -> RunRow:
        """Read the row that lists a run.

        Raises:
            RunNotFoundError: there is no such run.
        """
        found = self.rows(f"SELECT {_COLUMNS} FROM runs WHERE name = ?", (text(name),))  # noqa: S608 - constants
        if not found:
            raise RunNotFoundError(f"the run store {self._path.parent} has no run {name!r}")
        return self._row(found[0])

    def runs(
        self, limit: int, phase: str | None, task: str | None, notebook: str | None, part: str | None
    ) -> list[RunRow]:
        """List runs, the newest first."""
        wanted = {"phase": phase and phase.upper(), "task": task, "notebook": notebook}
        given = {name: value for name, value in wanted.items() if value is not None}
        conditions = [f"{name} = ?" for name in given]
        values: list[Any] = [text(value) for value in given.values()]
        if part:
            conditions.append("instr(lower(name || ' ' || task || ' ' || notebook || ' ' || labels), ?)")
            values.append(text(part.encode("utf-8", "replace").lower().decode()))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT {_COLUMNS} FROM runs {where} ORDER BY started DESC, id DESC LIMIT ?"  # noqa: S608 - constants
        return [self._row(row) for row in self.rows(sql, (*values, limit))]

    def logs(
        self, run: str, action: str | None, attempt: int | None, tail: int | None, after: int | None
    ) -> list[LogRow]:
        """Read log lines in the order in which they were written."""
        number = self.id(run)
        if number is None:
            return []
        given = {"run": number, "action": action, "attempt": attempt}
        given = {name: value for name, value in given.items() if value is not None}
        where = " AND ".join([f"{name} = ?" for name in given] + (["seq > ?"] if after is not None else []))
        values = [text(v) if isinstance(v, str) else v for v in given.values()]
        values += [after] if after is not None else []
        sql = f"SELECT seq, action, attempt, time, stream, text FROM logs WHERE {where} ORDER BY seq"  # noqa: S608 - constants
        if tail is None:
            return _log_rows(self.rows(sql, values))
        return self._tail(f"{sql} DESC LIMIT ? OFFSET ?", values, tail)

    def close(self) -> None:
        """Close the connections that nobody has borrowed."""
        while self._idle:
            self._idle.pop().close()

    def forked(self) -> list[sqlite3.Connection]:
        """Give up the connections in a forked child, unclosed: they are its parent's."""
        left, self._idle = self._idle, []
        return left

    def _tail(self, sql: str, values: list[Any], lines: int) -> list[LogRow]:
        """Read backwards until the last ``lines`` line ends are there, and cut off what is before them."""
        found: list[LogRow] = []
        left, step = lines, 16
        while left > 0 and (rows := _log_rows(self.rows(sql, (*values, step, len(found))))):
            for row in rows:
                body, left = _last_lines(row.text, left, open_end=not found)
                found.append(LogRow(**_fields(row) | {"text": body}))
                if left <= 0:
                    break
            step *= 2
        return [row for row in reversed(found) if row.text]

    def _row(self, row: Sequence[Any]) -> RunRow:
        values = dict(zip(_NAMES, row, strict=True))
        try:
            values["phase"] = Phase(values["phase"])
            values |= {name: json.loads(values[name]) for name in ("source", "labels")}
        except (ValueError, TypeError) as error:
            raise StoreError(damaged(self._path)) from error
        return RunRow(**values)

    def _connected(self) -> sqlite3.Connection:
        try:
            return connect(self._path)
        except sqlite3.Error as error:
            raise explained(self._path, error) from error

    def _events(self, run: str, digest: int, body: bytes) -> Iterable[Event]:
        if crc32(body) != digest:
            raise StoreError(f"events of run {run} are not whole: {damaged(self._path)}")
        return unpacked(run, body)


def _log_rows(rows: Iterable[Sequence[Any]]) -> list[LogRow]:
    return [LogRow(**dict(zip(LogRow.__slots__, row, strict=True))) for row in rows]


def _fields(row: LogRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in LogRow.__slots__}


def _last_lines(body: str, lines: int, *, open_end: bool) -> tuple[str, int]:
    """Cut ``body`` to its last ``lines`` lines and tell how many more are wanted.

    A line counts by the end of the line before it, so a line that goes on from one row to the next counts
    once. ``open_end``: nothing follows the body, so an end of line at its very end begins no other line.
    """
    place = len(body) - 1 if open_end and body.endswith("\n") else len(body)
    while lines:
        end = body.rfind("\n", 0, place)
        if end < 0:
            return body, lines
        place, lines = end, lines - 1
    return body[place + 1 :], 0
