"""Runs as front ends read them: states and events without values, log lines in pages."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.errors import RunNotFoundError
from flyte_jupyter.runs import state as states
from flyte_jupyter.runs.events import ROOT, Event, Failure, to_plain
from flyte_jupyter.runs.state import ActionState, AttemptState, RunState, fold
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
    """Write a state as ``runs/state.py`` does, without values; quick for many actions."""
    alone = states.to_plain(replace(found, actions={ROOT: found.root}))
    return alone | {"actions": [_action(action) for action in found.actions.values()]}


def _action(action: ActionState) -> dict[str, Any]:
    plain = _slim(action, _ACTION)
    if action.attempts:
        plain["attempts"] = [_attempt(attempt) for attempt in action.attempts]
    if action.failure is not None:
        plain["failure"] = _slim(action.failure, _FAILURE)
    if action.asked:
        plain["asked"] = dict(action.asked)
    return plain


def _attempt(attempt: AttemptState) -> dict[str, Any]:
    plain = _slim(attempt, _ATTEMPT)
    if attempt.failure is not None:
        plain["failure"] = _slim(attempt.failure, _FAILURE)
    if attempt.limits:
        plain["limits"] = dict(attempt.limits)
    return plain


def _slim(value: Any, plain: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Give the fields that do not have their default."""
    return {name: found for name, default in plain if (found := getattr(value, name)) != default}


def _plain_fields(kind: type, *others: str) -> tuple[tuple[str, Any], ...]:
    """Name the fields that are written as they are, with their defaults; the phase is always written."""
    shown = [f for f in fields(kind) if f.name not in (*_BYTES, *others)]
    return tuple((f.name, None if f.name == "phase" else f.default) for f in shown)


_ACTION = _plain_fields(ActionState, "attempts", "failure", "asked")
_ATTEMPT = _plain_fields(AttemptState, "failure", "limits")
_FAILURE = _plain_fields(Failure)


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


_LOGS = "FROM logs WHERE run = (SELECT id FROM runs WHERE name = ?) AND action = ?"
_STEP = 16
"""So many rows of a log are read at once; they may be large."""

LAST = 10**15
"""Behind the row with this number there is none."""


def logs(store: RunStore, run: str, action: str, after: int, size: int) -> dict[str, Any]:
    """Give what an action printed behind a row, about ``size`` characters of it.

    ``{"rows": [[number, attempt, time, stream, text], ...], "more": False, "goes_on": False}``; the first row
    may go on with a line that began before.
    """
    found: list[list[Any]] = []
    room, last = size, after
    sql = f"SELECT seq, attempt, time, stream, text {_LOGS} AND seq > ? ORDER BY seq LIMIT {_STEP}"
    more = True
    while more and room > 0:
        rows = store.ask(sql, (run, action, last))
        more = bool(rows)
        for row in rows:
            found.append([*row[:4], redaction.redact(row[4])])
            last, room = row[0], room - len(row[4])
            if room <= 0:
                break
    goes_on = bool(found) and _is_open(store, (run, action, after), found[0])
    return {"rows": found, "more": more, "goes_on": goes_on}


def _is_open(store: RunStore, place: tuple[str, str, int], row: Sequence[Any]) -> bool:
    """Tell whether what was printed last up to a place has no end, so that a row goes on with it."""
    sql = f"SELECT attempt, stream, substr(text, -1) {_LOGS} AND seq <= ? ORDER BY seq DESC LIMIT 1"
    before = store.ask(sql, place)
    return bool(before) and tuple(before[0][:2]) == (row[1], row[3]) and before[0][2] not in {"", "\n"}


def tail(store: RunStore, run: str, action: str, size: int, until: int = LAST) -> int:
    """Tell behind which row about the last ``size`` characters begin that an action printed up to a row."""
    sql = f"SELECT seq, length(text) {_LOGS} AND seq <= ? ORDER BY seq DESC LIMIT {_STEP}"
    room, last = size, until + 1
    while rows := store.ask(sql, (run, action, last - 1)):
        for last, length in rows:
            if room < size and length > room:
                return int(last)
            room -= length
    return 0
