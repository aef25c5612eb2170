"""Runs as front ends read them: states and events without values, log lines in pages."""

from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.errors import RunNotFoundError
from flyte_jupyter.runs import state as states
from flyte_jupyter.runs.events import Event, to_plain
from flyte_jupyter.runs.state import RunState, fold
from flyte_jupyter.runs.store import RunStore

EVENTS = 20_000
"""At most so many events are in one answer."""

_BYTES = ("inputs", "outputs", "parts")
"""What only a kernel reads; front ends ask for pictures of values."""


def state(store: RunStore, run: str) -> dict[str, Any]:
    """Give a run's state and the number of the last event in it: ``{"last": 7, "state": {...}}``.

    Raises:
        RunNotFoundError: there is no such run.
    """
    numbered = store.events(run)
    found = fold(event for _, event in numbered)
    if found is None:
        raise RunNotFoundError(f"the run store has no run {run!r}")
    return {"last": numbered[-1][0], "state": state_json(found)}


def state_json(found: RunState) -> dict[str, Any]:
    """Write a state without the values of inputs and outputs."""
    plain = states.to_plain(found)
    for action in plain["actions"]:
        for name in _BYTES:
            action.pop(name, None)
    return plain


def events(store: RunStore, run: str, after: int) -> dict[str, Any]:
    """Give events behind a number: ``{"events": [[8, {...}], ...], "more": False}``.

    Raises:
        RunNotFoundError: there is no such run.
    """
    numbered = store.events(run, after)
    if not numbered:
        store.run(run)
    shown = [[number, event_json(event)] for number, event in numbered[:EVENTS]]
    return {"events": shown, "more": len(numbered) > EVENTS}


def event_json(event: Event) -> dict[str, Any]:
    """Write an event without the values of inputs and outputs."""
    plain = to_plain(event)
    for name in _BYTES:
        plain.pop(name, None)
    for name, value in plain.items():
        if hasattr(value, "items"):
            plain[name] = dict(value)
    return plain


def logs(store: RunStore, run: str, action: str, after: int, size: int) -> dict[str, Any]:
    """Give what an action printed behind a row, about ``size`` characters of it.

    ``{"rows": [[number, attempt, time, stream, text], ...], "more": False}``
    """
    found: list[list[Any]] = []
    room = size
    sql = (
        "SELECT seq, attempt, time, stream, text FROM logs"
        " WHERE run = (SELECT id FROM runs WHERE name = ?) AND action = ? AND seq > ? ORDER BY seq LIMIT 16"
    )
    while room > 0:
        rows = store.ask(sql, (run, action, after))
        if not rows:
            return {"rows": found, "more": False}
        for row in rows:
            found.append([*row[:4], redaction.redact(row[4])])
            after, room = row[0], room - len(row[4])
            if room <= 0:
                break
    return {"rows": found, "more": True}


def tail(store: RunStore, run: str, action: str, size: int) -> int:
    """Tell behind which row about the last ``size`` characters that an action printed begin."""
    sql = (
        "SELECT seq FROM (SELECT seq, sum(length(text)) OVER (ORDER BY seq DESC) AS whole FROM logs"
        " WHERE run = (SELECT id FROM runs WHERE name = ?) AND action = ?) WHERE whole > ? ORDER BY seq DESC"
        " LIMIT 1"
    )
    found = store.ask(sql, (run, action, size))
    return int(found[0][0]) if found else 0
