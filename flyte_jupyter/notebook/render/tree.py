"""The actions of a run as a table: the tree where all fit, else bad ones first."""

from collections.abc import Iterator, Sequence

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.marks import marked, marks
from flyte_jupyter.notebook.render.phases import BAD, badge, look
from flyte_jupyter.notebook.render.text import duration, plural, shorten, size
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.runs.state import ActionState, RunState

ROWS = 200
NOTABLE, SEEN = 0.05, 0.0005
"""From so many seconds on, waiting is worth a column, and a cell in it."""

DEEPEST = 24
"""Deeper actions are not indented further."""

_WIDTHS = {
    "Action": 190, "State": 120, "Began": 90, "Waited": 90, "Took": 100, "Attempts": 80,
    "Place": 100, "CPU": 80, "Memory": 130, "Disk": 130, "GPU": 130, "Cache": 80,
}  # fmt: skip
_CELL = "text-align:left;white-space:nowrap"
_HEAD = f"{_CELL};font-weight:400"
_TABLE = "margin:2px 0;border-collapse:collapse;table-layout:auto;font-size:12px"

Row = tuple[ActionState, int]


def tree(state: RunState, *, now: float, rows: int = ROWS) -> Html:
    """Show the actions as a table.

    Args:
        state: the run.
        now: the end of durations that go on.
        rows: show at most so many.
    """
    shown = chosen(state, rows)
    names = [name for name, used in _used(shown).items() if used]
    header = tag("tr", *(tag("th", name, scope="col", style=_HEAD) for name in names))
    widths = tag("colgroup", *(tag("col", width=_WIDTHS[name]) for name in names))
    told = marks(action for action, _ in shown)
    labels = {action.name: marked(label(action), told.get(action.name, "")) for action, _ in shown}
    body = [_row(state, action, labels[action.name], depth, names, now) for action, depth in shown]
    table = tag(
        "table",
        widths,
        tag("thead", header, style="opacity:.75"),
        tag("tbody", *body),
        cellpadding=3,
        style=_TABLE,
    )
    left = len(state.actions) - len(shown)
    more = (
        note(f"Showing {len(shown):,} of {plural(len(state.actions), 'action')}: bad ones first.")
        if left
        else None
    )
    return join([more, tag("div", table, style="max-height:420px;overflow:auto")])


def chosen(state: RunState, rows: int) -> Sequence[Row]:
    """Choose the actions to show, each with its depth."""
    if len(state.actions) <= rows:
        return list(_deep(state))
    actions = sorted(
        state.actions.values(), key=lambda a: (a.name != ROOT, look(a).urgent if a.phase in BAD else 9)
    )
    return [(action, 0) for action in actions[:rows]]


def _deep(state: RunState) -> Iterator[Row]:
    """Walk the tree; actions that hang nowhere come last."""
    seen: set[str] = set()
    for top in (ROOT, *state.actions):
        todo = [(top, 0)]
        while todo:
            name, depth = todo.pop()
            if name in seen or name not in state.actions:
                continue
            seen.add(name)
            yield state.actions[name], depth
            todo += [(child.name, depth + 1) for child in reversed(state.children(name))]


def _used(shown: Sequence[Row]) -> dict[str, bool]:
    """Tell which columns say anything."""
    actions = [action for action, _ in shown]
    return {
        "Action": True,
        "State": True,
        "Began": True,
        "Waited": any(_waited(a) >= NOTABLE for a in actions),
        "Took": True,
        "Attempts": any(len(a.attempts) > 1 for a in actions),
        "Place": len({a.place for a in actions if a.place}) > 1,
        "CPU": any(cpu(a) is not None for a in actions),
        "Memory": any(peak(a) is not None for a in actions),
        "Disk": any(disk(a) for a in actions),
        "GPU": any(gpu(a) for a in actions),
        "Cache": any(a.cache not in ("", "disabled") for a in actions),
    }


def _row(
    state: RunState, action: ActionState, called: str, depth: int, names: Sequence[str], now: float
) -> Html:
    indent = f"{_HEAD};padding-left:{3 + 16 * min(depth, DEEPEST)}px" if depth else _HEAD
    name = tag(
        "th",
        shorten(called, 48),
        scope="row",
        title=shorten(f"{action.name} {action.task}", 120),
        style=indent,
    )
    seen = look(action)
    texts = {
        "State": join([badge(seen), seen.word], " "),
        "Began": f"+{duration((action.started or action.queued or state.started) - state.started)}",
        "Waited": duration(_waited(action)) if _waited(action) >= SEEN else "",
        "Took": _took(action, now),
        "Attempts": str(len(action.attempts) or ""),
        "Place": action.place,
        "CPU": "" if cpu(action) is None else duration(cpu(action)),
        "Memory": _memory(action),
        "Disk": disk(action),
        "GPU": gpu(action),
        "Cache": "" if action.cache == "disabled" else action.cache,
    }
    return tag("tr", name, *(tag("td", texts[n], style=_CELL) for n in names[1:]))


def cpu(action: ActionState) -> float | None:
    """Give the seconds of CPU time that all its attempts used; None where that was not measured."""
    found = [attempt.cpu for attempt in action.attempts if attempt.cpu is not None]
    return sum(found) if found else None


def peak(action: ActionState) -> int | None:
    """Give the most memory that an attempt used, in bytes; None where that was not measured."""
    return max((attempt.peak for attempt in action.attempts if attempt.peak is not None), default=None)


def disk(action: ActionState) -> str:
    """Tell what all its attempts read from storage and wrote there; empty where that is nothing."""
    read, written = (sum(getattr(a, name) or 0 for a in action.attempts) for name in ("read", "written"))
    parts = (f"{size(read)} read" if read else "", f"{size(written)} written" if written else "")
    return ", ".join(filter(None, parts))


def gpu(action: ActionState) -> str:
    """Tell how long the GPUs of its attempts were busy, and the most memory there; empty if not measured."""
    seconds = sum(attempt.gpu or 0.0 for attempt in action.attempts)
    most = max((attempt.gpu_memory or 0 for attempt in action.attempts), default=0)
    parts = (f"{duration(seconds)} busy" if seconds else "", size(most) if most else "")
    return ", ".join(filter(None, parts))


def used(action: ActionState) -> Html | None:
    """Tell in a few words what an action used; None where that was not measured."""
    seconds, gpus = cpu(action), gpu(action)
    parts = [f"CPU {duration(seconds)}" if seconds is not None else "", _memory(action), disk(action)]
    parts += [f"GPU {gpus}" if gpus else ""]
    return join(filter(None, parts), " · ") if seconds is not None or parts[1] else None


def _memory(action: ActionState) -> Html:
    """Tell the most memory, beside its limit with how that was held, or else beside what was asked for."""
    limits = [attempt.limits["memory"] for attempt in action.attempts if "memory" in attempt.limits]
    used = "" if peak(action) is None else size(peak(action))
    limit = limits[-1].partition(",")[0] if limits else action.asked.get("memory", "") if used else ""
    text = " of ".join(filter(None, (used, limit)))
    return tag("span", text, title=f"limit {limits[-1]}") if limits else join([text])


def _waited(action: ActionState) -> float:
    if action.started is None or action.queued is None:
        return 0.0
    return action.started - action.queued


def _took(action: ActionState, now: float) -> str:
    begun = action.started if action.started is not None else action.queued
    if begun is None or (action.started is None and action.ended is None):
        return ""
    return duration((now if action.ended is None else action.ended) - begun)
