"""When what ran: one row an action, one bar an attempt, its waiting paler; readable without colours."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.marks import marked, marks
from flyte_jupyter.notebook.render.phases import BAD, CACHED, LOOKS, Look, badge, look
from flyte_jupyter.notebook.render.text import TIMES, duration, plural, shorten
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.runs.state import ActionState, AttemptState, Phase, RunState

ROWS = 60
_WAIT = "rgba(128,128,128,.38)"
_CELL = "padding:2px 18px 2px 0;text-align:left;white-space:nowrap;font-weight:400"
_BARS = "padding:2px 0;width:100%"


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    span: float

    def percent(self, seconds: float) -> str:
        return f"{max(0.0, min(100.0, 100 * seconds / self.span)):.2f}".rstrip("0").rstrip(".") + "%"


def timeline(state: RunState, *, now: float, rows: int = ROWS) -> Html:
    """Show when each action waited and ran.

    Args:
        state: the run.
        now: the end of bars that go on.
        rows: show at most so many actions; the root, bad ones, retried ones, and then the longest.
    """
    shown = _chosen(state, rows, now)
    hits = _hits(state)
    end = max((a.ended or now for a in shown), default=now)
    scale = _Scale(state.started, max(end - state.started, 1e-6))
    told = marks(action for action in shown if hits.get(_kin(action), 1) == 1)
    labels = {action.name: marked(label(action), told.get(action.name, "")) for action in shown}
    body = [_row(action, labels[action.name], scale, end, hits.get(_kin(action), 1)) for action in shown]
    header = tag(
        "tr", *(tag("th", text, scope="col", style=_CELL) for text in ("Action", "Took", _ruler(scale)))
    )
    left = len(state.actions) - sum(hits.get(_kin(a), 1) if look(a) is CACHED else 1 for a in shown)
    total = len(state.actions)
    more = note(f"Showing {total - left:,} of {plural(total, 'action')}: bad, retried, longest.")
    table = tag(
        "table", tag("thead", header, style="opacity:.75"), tag("tbody", *body),
        style="margin:2px 0;width:100%;border-collapse:collapse;table-layout:auto;font-size:12px",
    )  # fmt: skip
    return join([more if left else None, tag("div", table, style="max-height:420px;overflow:auto")])


def _ruler(scale: _Scale) -> Html:
    ends = (tag("span", "0"), tag("span", duration(scale.span)))
    return tag("div", *ends, style="display:flex;justify-content:space-between")


def _chosen(state: RunState, rows: int, now: float) -> Sequence[ActionState]:
    met: set[object] = set()
    actions = [a for a in state.actions.values() if look(a) is not CACHED or _new(_kin(a), met)]
    if len(actions) > rows:
        ranked = sorted(actions, key=lambda a: _rank(a, now))
        names = {a.name for a in ranked[:rows]}
        actions = [a for a in actions if a.name in names]
    return sorted(actions, key=lambda a: (a.name != ROOT, a.queued or 0.0))


def _kin(action: ActionState) -> object:
    return action.parent, action.task, action.group


def _hits(state: RunState) -> Mapping[object, int]:
    """Count alike cache hits: they share one row."""
    return Counter(_kin(a) for a in state.actions.values() if look(a) is CACHED)


def _new(kin: object, met: set[object]) -> bool:
    new = kin not in met
    met.add(kin)
    return new


def _rank(action: ActionState, now: float) -> tuple[int, float]:
    if action.name == ROOT:
        return 0, 0.0
    length = (action.ended or now) - (action.queued or now)
    first = 1 if action.phase in BAD else 2 if len(action.attempts) > 1 else 3
    return first, -length


def _row(action: ActionState, called: str, scale: _Scale, end: float, hits: int) -> Html:
    times = f" {TIMES}{hits:,}" if hits > 1 and look(action) is CACHED else ""
    name = tag("th", badge(look(action)), " ", shorten(called, 32), times, scope="row", style=_CELL)
    begun = action.started or action.queued or scale.start
    took = duration(max(0.0, (action.ended or end) - begun))
    bars = tag("div", *_bars(action, scale, end), style="display:flex")
    return tag("tr", name, tag("td", took, style=_CELL), tag("td", bars, style=_BARS))


def _bars(action: ActionState, scale: _Scale, end: float) -> Iterator[Html]:
    at, margin = action.queued or scale.start, (action.queued or scale.start) - scale.start
    if not action.attempts:
        waited = action.phase not in (Phase.SUCCEEDED, Phase.RECOVERED)
        colour = _WAIT if waited else look(action).colour
        words = "waited" if waited else look(action).word
        yield _bar(scale, margin, (action.ended or end) - at, colour, words)
        return
    for attempt in action.attempts:
        start, stop = attempt.started or at, attempt.ended or action.ended or end
        if start - at > scale.span / 1000:
            yield _bar(scale, margin, start - at, _WAIT, "waited")
            margin = 0.0
        fate = _fate(action, attempt)
        yield _bar(scale, margin, stop - start, fate.colour, f"attempt {attempt.number} {fate.word}")
        at, margin = stop, 0.0


def _bar(scale: _Scale, margin: float, length: float, colour: str, words: str) -> Html:
    place = f"margin-left:{scale.percent(margin)};" if margin > 0 else ""
    shape = "min-width:3px;height:10px;border-radius:2px"
    style = f"{place}width:{scale.percent(length)};{shape};background:{colour}"
    return tag("div", title=f"{words} {duration(length)}", style=style)


def _fate(action: ActionState, attempt: AttemptState) -> Look:
    if attempt is action.attempts[-1] and (action.ended is not None or attempt.failure is None):
        return look(action)
    timed_out = attempt.failure is not None and attempt.failure.kind == "timeout"
    return LOOKS[Phase.TIMED_OUT if timed_out else Phase.FAILED]
