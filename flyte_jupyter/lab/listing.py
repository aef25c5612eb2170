"""Lists of runs in pages: filtered, sorted by any column, continued from a cursor."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.runs.action import Phase
from flyte_jupyter.runs.store import RunStore

MOST = 500
"""At most so many runs are on a page."""

_COLUMNS = (
    "id", "name", "task", "mode", "phase", "started", "ended", "updated", "notebook", "source", "labels",
    "rerun_of", "actions", "done", "failed", "cached",
)  # fmt: skip
_KEYS: Mapping[str, str] = {
    "started": "started",
    "duration": "coalesce(ended, updated) - started",
    "task": "task",
    "name": "name",
    "phase": "phase",
    "notebook": "notebook",
    "actions": "actions",
    "failed": "failed",
    "cached": "cached",
}
"""What runs can be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which runs, and in what order.

    Args:
        phases: only those in one of these phases; empty for all.
        notebook: only those of this notebook.
        task: only those of this root task.
        text: only those with this in their name, task, notebook or labels; case does not count.
        sort: the column to sort by.
        descending: the largest first.
        limit: how many on a page.
        cursor: where the page begins: the ``next`` of the page before.
    """

    phases: tuple[Phase, ...] = ()
    notebook: str = ""
    task: str = ""
    text: str = ""
    sort: str = "started"
    descending: bool = True
    limit: int = 100
    cursor: str = ""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Query":
        """Read a query as a request says it.

        Raises:
            ValueError: a value is not accepted; the message names those that are.
        """
        sort = said.get("sort") or "started"
        if sort not in _KEYS:
            raise ValueError(f"sort={sort!r} is none of {', '.join(_KEYS)}")
        order = said.get("order") or "desc"
        if order not in {"asc", "desc"}:
            raise ValueError(f"order={order!r} is none of asc, desc")
        return cls(
            phases=tuple(map(_phase, filter(None, said.get("phase", "").split(",")))),
            notebook=said.get("notebook", ""),
            task=said.get("task", ""),
            text=said.get("text", ""),
            sort=sort,
            descending=order == "desc",
            limit=min(MOST, max(1, whole(said, "limit", 100))),
            cursor=said.get("cursor", ""),
        )


def page(store: RunStore, query: Query) -> dict[str, Any]:
    """Give a page: ``{"runs": [...], "total": how many match, "next": cursor or None}``.

    Raises:
        ValueError: the cursor is none.
    """
    where, values = _where(query)
    total = store.ask(f"SELECT count(*) FROM runs {_clause(where)}", values)[0][0]  # noqa: S608 - constants
    key, way = _KEYS[query.sort], "DESC" if query.descending else "ASC"
    if query.cursor:
        where = [*where, f"({key}, id) {'<' if query.descending else '>'} (?, ?)"]
        values = [*values, *_place(query.cursor)]
    sql = (
        f"SELECT {', '.join(_COLUMNS)}, {key} FROM runs {_clause(where)}"  # noqa: S608 - constants
        f" ORDER BY {key} {way}, id {way} LIMIT ?"
    )
    rows = store.ask(sql, [*values, query.limit + 1])
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    return {
        "runs": [_run(row) for row in shown],
        "total": total,
        "next": _cursor(shown[-1]) if more else None,
    }


def row(store: RunStore, name: str) -> dict[str, Any] | None:
    """Give one run as a page lists it; None if there is none of that name."""
    found = store.ask(f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE name = ?", (name,))  # noqa: S608 - constants
    return _run(found[0]) if found else None


def whole(said: Mapping[str, str], name: str, otherwise: int) -> int:
    """Read a whole number.

    Raises:
        ValueError: it is none, or negative.
    """
    text = said.get(name, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - fits the database
        raise ValueError(f"{name}={text!r} is not a whole number")
    return int(text)


def _phase(text: str) -> Phase:
    try:
        return Phase(text.upper())
    except ValueError:
        raise ValueError(f"phase={text!r} is none of {', '.join(Phase)}") from None


def _where(query: Query) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if query.phases:
        where.append(f"phase IN ({','.join('?' * len(query.phases))})")
        values += [phase.value for phase in query.phases]
    for column in ("notebook", "task"):
        if wanted := getattr(query, column):
            where.append(f"{column} = ?")
            values.append(wanted)
    if query.text:
        where.append("instr(lower(name || ' ' || task || ' ' || notebook || ' ' || labels), ?)")
        values.append(query.text.lower())
    return where, values


def _clause(where: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(where)}" if where else ""


def _run(row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=False))
    del found["id"]
    return found | {name: json.loads(found[name]) for name in ("source", "labels")}


def _cursor(row: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row[-1], row[0]]).encode()).decode()


def _place(cursor: str) -> list[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        found = None
    if not isinstance(found, list) or [type(part) for part in found[1:]] != [int]:
        raise ValueError(f"cursor={cursor!r} is none that a page gave")
    if not isinstance(found[0], str | int | float):
        raise ValueError(f"cursor={cursor!r} is none that a page gave")  # noqa: TRY004 - of the request
    return found
