"""Why a run failed: each different failure once, with the user's own frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.logs import screen
from flyte_jupyter.notebook.render.phases import BAD, LOOKS, badge, look
from flyte_jupyter.notebook.render.text import clean, plural, shorten
from flyte_jupyter.runs.events import ROOT, Failure
from flyte_jupyter.runs.state import ActionState, Phase, RunState

_ROOTS = frozenset({Phase.FAILED, Phase.TIMED_OUT})
SHOWN = 3
MESSAGE, TRACEBACK = 2_000, 6_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A failure and the actions that ended with it, those first that it came from."""

    failure: Failure
    actions: tuple[ActionState, ...]


def causes(state: RunState) -> list[Cause]:
    """Find the different failures of a run, without what they only dragged along; those of callees first."""
    found: dict[tuple[str, str], list[ActionState]] = {}
    bad = [action for action in _bad(state) if action.failure is not None]
    roots = [action for action in bad if action.phase in _ROOTS]
    for action in roots or bad:
        if action.failure is not None:
            found.setdefault((action.failure.code, action.failure.message), []).append(action)
    return [Cause(failure=_fullest(actions), actions=_origins(actions)) for actions in found.values()]


def error_html(state: RunState) -> Html | None:
    """Show why a run failed; None where nothing did."""
    found = causes(state)
    if not found:
        return None
    left = note(f"{plural(len(found) - SHOWN, 'more cause')} not shown.") if len(found) > SHOWN else None
    return join([*(_panel(cause) for cause in found[:SHOWN]), left])


def _bad(state: RunState) -> Iterable[ActionState]:
    """Failures before what they dragged along, callees before their callers."""
    own = [a for a in state.actions.values() if a.phase in BAD]
    order = {Phase.FAILED: 0, Phase.TIMED_OUT: 0, Phase.INTERRUPTED: 1, Phase.ABORTED: 2}
    callers = {a.parent for a in own}
    return sorted(own, key=lambda a: (order[a.phase], a.name == ROOT, a.name in callers, a.ended or 0.0))


def _origins(actions: Sequence[ActionState]) -> tuple[ActionState, ...]:
    """Leave out those that only passed on what happened in an action that they called."""
    callers = {action.parent for action in actions}
    return tuple(action for action in actions if action.name not in callers) or tuple(actions)


def _fullest(actions: Iterable[ActionState]) -> Failure:
    failures = [a.failure for a in actions if a.failure is not None]
    return next((f for f in failures if f.traceback), failures[0])


def _panel(cause: Cause) -> Html:
    first = cause.actions[0]
    others = cause.actions[1:]
    where = [tag("strong", shorten(label(first), 60)), f" {look(first).word}"]
    if len(first.attempts) > 1:
        where.append(f" in attempt {first.attempts[-1].number}")
    if others:
        where.append(f", and {plural(len(others), 'more action')} likewise")
    said = shorten_lines(f"{cause.failure.code}: {cause.failure.message}".rstrip(": "), MESSAGE)
    trace = cause.failure.traceback.strip("\n")
    body = screen(_cut(trace)) if trace else None
    message = None if trace.endswith(said) else tag("div", said, style="white-space:pre-wrap;padding:2px 0")
    style = f"border-left:3px solid {LOOKS[first.phase].colour};padding:2px 0 2px 10px;margin:6px 0"
    return tag("div", tag("div", badge(look(first)), " ", *where), message, body, style=style)


def shorten_lines(text: str, limit: int) -> str:
    """Cut a text of several lines."""
    text = clean(text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _cut(trace: str) -> str:
    """Keep the start and the end of a long traceback: where it was called, and what went wrong."""
    if len(trace) <= TRACEBACK:
        return trace
    left = f"  … {len(trace) - TRACEBACK:,} characters not shown …"
    return f"{trace[: TRACEBACK // 4]}\n{left}\n{trace[-TRACEBACK * 3 // 4 :]}"
