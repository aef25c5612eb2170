"""What the endpoint knows, in one database: written at once, so that nothing is lost when it is killed."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from flyte_jupyter.endpoint.bells import Bells
from flyte_jupyter.endpoint.schema import open_database
from flyte_jupyter.endpoint.values import ROOT, ActionRow, AttemptRow, Phase, Place, RunRow
from flyte_jupyter.errors import ActionNotFoundError, RunNotFoundError
from flyte_jupyter.ids import digest

_ACTION = tuple(f.name for f in fields(ActionRow))
_ATTEMPT = tuple(f.name for f in fields(AttemptRow))
_RUN = "name, org, project, domain, labels, spec, created, base, recorded, start"


def _names(of: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in of)


class State:
    """The database; used by one event loop.

    Args:
        path: its file.
        bells: rung when something changes: topics are ``("action", run, name)``, ``("children", run,
            parent)``, ``("run", run)`` and ``"runs"``.
    """

    def __init__(self, path: Any, bells: Bells) -> None:
        self._db = open_database(path)
        self.bells = bells
        self._stamp = self._one("SELECT max(stamp) FROM actions")[0] or 0

    def close(self) -> None:
        """Close it."""
        self._db.close()

    @contextmanager
    def together(self) -> Any:
        """Make several changes one."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Specs

    def put_spec(self, body: bytes) -> str:
        """Keep a message and give its digest."""
        name = digest("spec", body)
        self._db.execute("INSERT OR IGNORE INTO specs VALUES (?, ?)", (name, body))
        return name

    def spec(self, name: str) -> bytes:
        """Read a message that was kept; empty for the empty digest."""
        row = self._one("SELECT body FROM specs WHERE digest = ?", (name,))
        return bytes(row[0]) if row else b""

    # Runs

    def add_run(self, run: RunRow) -> None:
        """Add a run.

        Raises:
            sqlite3.IntegrityError: there is one of this name.
        """
        place = run.place
        self._db.execute(
            f"INSERT INTO runs ({_RUN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant names
            (
                run.name, place.org, place.project, place.domain, json.dumps(dict(run.labels)), run.spec,
                run.created, run.base, run.recorded, run.start,
            ),
        )  # fmt: skip
        self.bells.ring("runs")

    def run(self, name: str) -> RunRow:
        """Read a run.

        Raises:
            RunNotFoundError: there is none.
        """
        row = self._one(f"SELECT {_RUN} FROM runs WHERE name = ?", (name,))  # noqa: S608 - constant names
        if row is None:
            raise RunNotFoundError(f"this endpoint has no run {name!r}")
        return _run(row)

    def old_runs(self, keep: int) -> list[str]:
        """Name the finished runs but the newest ``keep``."""
        sql = (
            "SELECT run FROM actions WHERE name = ? AND ended IS NOT NULL "
            "ORDER BY created DESC, number DESC LIMIT -1 OFFSET ?"
        )
        return [name for (name,) in self._db.execute(sql, (ROOT, keep))]

    def forget_run(self, name: str) -> None:
        """Forget a run with its actions."""
        with self.together():
            for table in ("actions WHERE run", "attempts WHERE run", "runs WHERE name"):
                self._db.execute(f"DELETE FROM {table} = ?", (name,))  # noqa: S608 - constants

    # Actions

    def add_action(self, action: ActionRow) -> ActionRow:
        """Add an action and give it with its number and stamp.

        Raises:
            sqlite3.IntegrityError: there is one of this name in the run.
        """
        now = time.time()
        values = {name: getattr(action, name) for name in _ACTION if name != "number"}
        values |= {"created": action.created or now, "updated": now, "stamp": self._next()}
        self._db.execute(
            f"INSERT INTO actions ({_names(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
            tuple(values.values()),
        )
        return self._changed(action.run, action.name)

    def set_action(self, run: str, name: str, **changes: Any) -> ActionRow:
        """Change an action and wake who waits for it."""
        changes |= {"updated": time.time(), "stamp": self._next()}
        terms = ", ".join(f'"{column}" = ?' for column in changes)
        self._db.execute(
            f"UPDATE actions SET {terms} WHERE run = ? AND name = ?",  # noqa: S608 - names of columns
            (*changes.values(), run, name),
        )
        return self._changed(run, name)

    def action(self, run: str, name: str) -> ActionRow:
        """Read an action.

        Raises:
            ActionNotFoundError: there is none.
        """
        found = self.find_action(run, name)
        if found is None:
            raise ActionNotFoundError(f"run {run!r} of this endpoint has no action {name!r}")
        return found

    def find_action(self, run: str, name: str) -> ActionRow | None:
        """Read an action; None if there is none."""
        found = self.actions("run = ? AND name = ?", (run, name))
        return found[0] if found else None

    def children(self, run: str, parent: str, after: int = 0) -> list[ActionRow]:
        """Read the actions that an action called, those that changed after a stamp, oldest change first."""
        where = "run = ? AND parent = ? AND stamp > ? AND NOT stale"
        return self.actions(where, (run, parent, after), "stamp")

    def busy_children(self, run: str, parent: str) -> int:
        """Count the tasks and conditions that an action waits for."""
        sql = "SELECT count(*) FROM actions WHERE run = ? AND parent = ? AND ended IS NULL"
        count: int = self._one(sql, (run, parent))[0]
        return count

    def actions(
        self, where: str = "1", values: Sequence[Any] = (), order: str = "number", limit: int = -1
    ) -> list[ActionRow]:
        """Read the actions that a term of SQL selects."""
        sql = f"SELECT {_names(_ACTION)} FROM actions WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608
        return [_action(row) for row in self._db.execute(sql, (*values, limit))]

    def is_busy(self) -> bool:
        """Tell whether any action has not ended."""
        return self._one("SELECT 1 FROM actions WHERE ended IS NULL LIMIT 1") is not None

    def alive(self) -> list[ActionRow]:
        """Read the actions that have not ended."""
        return self.actions("ended IS NULL")

    def forget_failed(self, run: str, parent: str) -> None:
        """Let a new attempt of an action call again what failed in the one before."""
        self._db.execute(
            "UPDATE actions SET stale = 1 WHERE run = ? AND parent = ? AND phase IN (?, ?, ?)",
            (run, parent, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT),
        )

    # Attempts

    def put_attempt(self, action: ActionRow, attempt: AttemptRow) -> None:
        """Add an attempt, or replace what is known of it, and wake who waits for its action."""
        values = {"run": action.run, "action": action.name}
        values |= {name: getattr(attempt, name) for name in _ATTEMPT}
        self._db.execute(
            f"INSERT OR REPLACE INTO attempts ({_names(values)}) "  # noqa: S608 - names of columns
            f"VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )

    def attempts(self, run: str, action: str) -> list[AttemptRow]:
        """Read the attempts of an action, in order."""
        sql = f"SELECT {_names(_ATTEMPT)} FROM attempts WHERE run = ? AND action = ? ORDER BY number"  # noqa: S608
        return [_attempt(row) for row in self._db.execute(sql, (run, action))]

    # Results

    def put_result(self, key: str, outputs: str) -> None:
        """Keep where the outputs for a key of the cache are."""
        self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (key, outputs, time.time()))

    def result(self, key: str) -> tuple[str, float] | None:
        """Find where the outputs for a key are, and when they were made."""
        row = self._one("SELECT outputs, created FROM results WHERE key = ?", (key,))
        return (row[0], row[1]) if row else None

    # Deployed tasks

    def deploy(self, place: Place, name: str, version: str, spec: str) -> bool:
        """Keep a deployed task; False if this version is there already."""
        sql = (
            "INSERT OR IGNORE INTO tasks (org, project, domain, name, version, spec, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        values = (place.org, place.project, place.domain, name, version, spec, time.time())
        return self._db.execute(sql, values).rowcount == 1

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self._db.execute(sql, values).fetchall()

    # Inside

    def _next(self) -> int:
        self._stamp += 1
        return self._stamp

    def _changed(self, run: str, name: str) -> ActionRow:
        action = self.action(run, name)
        self.bells.ring(("action", run, name), ("children", run, action.parent), ("run", run))
        if name == ROOT:
            self.bells.ring("runs")
        return action

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._db.execute(sql, values).fetchone()


def _run(row: Sequence[Any]) -> RunRow:
    name, org, project, domain, labels, spec, created, base, recorded, start = row
    place = Place(org=org, project=project, domain=domain)
    found: Mapping[str, str] = json.loads(labels)
    return RunRow(
        name=name, place=place, labels=found, spec=spec, created=created, base=base,
        recorded=bool(recorded), start=start,
    )  # fmt: skip


def _action(row: Sequence[Any]) -> ActionRow:
    values = dict(zip(_ACTION, row, strict=True))
    return ActionRow(**values | {"phase": Phase(values["phase"]), "stale": bool(values["stale"])})


def _attempt(row: Sequence[Any]) -> AttemptRow:
    values = dict(zip(_ATTEMPT, row, strict=True))
    return AttemptRow(**values | {"phase": Phase(values["phase"])})
