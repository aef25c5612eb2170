"""The card of a run: what stays under a cell, in any page, with no script and no style sheet."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeAlias

from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.error import error_html
from flyte_jupyter.notebook.render.graph import graph, graph_html
from flyte_jupyter.notebook.render.html import Html, fold, join, note, tag
from flyte_jupyter.notebook.render.logs import log_html
from flyte_jupyter.notebook.render.objects import block
from flyte_jupyter.notebook.render.parity import parity_html
from flyte_jupyter.notebook.render.phases import BAD, look, pill
from flyte_jupyter.notebook.render.report import report_frame
from flyte_jupyter.notebook.render.stop import Stop, stop_html
from flyte_jupyter.notebook.render.summary import counts, facts, retried, title, took
from flyte_jupyter.notebook.render.text import duration, line, moment, plural, shorten
from flyte_jupyter.notebook.render.timeline import timeline
from flyte_jupyter.notebook.render.tree import tree, used
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.runs.state import ActionState, RunState

Log: TypeAlias = str | Sequence[str]
"""A log, or its end: text or lines, with the terminal's colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a card shows.

    Args:
        nodes: boxes in the graph.
        bars: rows in the timeline.
        rows: rows in the table of actions.
        logs: actions whose logs are shown.
        lines: last lines of each log.
        output: characters of each output's preview.
        reports: reports.
        page: characters of all reports together.
    """

    nodes: int = 40
    bars: int = 60
    rows: int = 200
    logs: int = 5
    lines: int = 20
    output: int = 4_000
    reports: int = 3
    page: int = 2_000_000


PLACES, LABELS = 3, 10
"""So many places and labels are named in the head."""

NAMED = 5
"""So many reports that are not shown are named."""

_FRAME = "border:1px solid rgba(128,128,128,.35);border-left-width:4px;border-left-color:{};border-radius:6px"
_INSIDE = "padding:10px 14px;text-align:left;font-size:13px;line-height:1.5;max-width:1120px"


def card(
    state: RunState,
    *,
    logs: Mapping[str, Log] | None = None,
    outputs: Mapping[str, str] | None = None,
    reports: Mapping[str, str] | None = None,
    now: float | None = None,
    zone: tzinfo | None = None,
    limits: Limits | None = None,
    stop: Stop | None = None,
) -> Html:
    """Show a run.

    Args:
        state: the run, ended or not.
        logs: by action, its log or the end of it; those of failed actions and of the root are shown.
        outputs: by name, a preview of each of the run's outputs; text is escaped, ``Html`` is not.
        reports: by action, the HTML of its report; each is shut into a sandbox of its own.
        now: what time it is, in seconds since 1970-01-01 UTC, for what has not ended.
        zone: the zone in which times of day are told; the local one if None.
        limits: how much to show.
        stop: how it can be stopped, as long as it goes on.
    """
    now, limits = time.time() if now is None else now, limits or Limits()
    several = len(state.actions) > 1
    sections = (
        error_html(state),
        _progress(state),
        stop_html(state, stop) if stop is not None and state.ended is None else None,
        _graph(state, limits) if several else None,
        fold("Timeline", timeline(state, now=now, rows=limits.bars)) if several or _again(state) else None,
        fold(f"Actions ({len(state.actions):,})", tree(state, now=now, rows=limits.rows))
        if several
        else None,
        _logs(state, logs or {}, limits),
        _outputs(outputs or {}, limits),
        *_reports(state, reports or {}, limits),
        *parity_html(state),
    )
    style = f"{_FRAME.format(look(state.root).colour)};{_INSIDE}"
    return tag("div", _head(state, now, zone), *sections, style=style)


def _head(state: RunState, now: float, zone: tzinfo | None) -> Html:
    name = tag("strong", title(state), style="font-size:15px")
    first = join([name, pill(look(state.root)), duration(took(state, now))], Html("&ensp;"))
    began = tag("span", moment(state.started, zone), style="white-space:nowrap")
    rerun = join(["rerun of ", tag("code", line(state.rerun_of))]) if state.rerun_of else None
    told = [
        tag("code", line(state.name)),
        _where(state),
        began,
        rerun,
        facts(state) if len(state.actions) > 1 else None,
        used(state.root) if len(state.actions) == 1 else None,
    ]
    labels = [f"{line(key)}={shorten(value, 60)}" for key, value in list(state.labels.items())[:LABELS]]
    return join([tag("div", first), note(join([*told, *labels], " · "))])


def _where(state: RunState) -> str:
    places = sorted(
        {shorten(attempt.place, 30) for a in state.actions.values() for attempt in a.attempts} - {""}
    )
    more = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    return line(state.mode) + (f" ({', '.join(places[:PLACES])}{more})" if places else "")


def _progress(state: RunState) -> Html | None:
    if state.ended is not None:
        return None
    found = counts(state)
    done = sum(a.phase.terminal for a in state.actions.values() if a is not state.root)
    total = max(1, sum(found.values()))
    bar = tag("progress", value=done, max=total, style="width:240px;vertical-align:middle")
    return tag("div", bar, f" {done:,} of {total:,} done", style="padding:4px 0")


def _graph(state: RunState, limits: Limits) -> Html:
    found = graph(state, room=limits.nodes)
    legend = note("Solid: calls. Dotted: came after.") if found.then else None
    picture = tag("div", graph_html(found), style="padding:8px 0 2px;overflow:auto")
    return fold("Graph", picture, legend, unfolded=True)


def _again(state: RunState) -> bool:
    return retried(state) > 0


def _logs(state: RunState, logs: Mapping[str, Log], limits: Limits) -> Html | None:
    bad = [n for n in logs if n in state.actions and n != ROOT and state.actions[n].phase in BAD]
    names = [*bad[: limits.logs], *([ROOT] if logs.get(ROOT) else [])]
    if not names:
        return None
    parts = [_log(state, name, logs[name], limits) for name in names]
    left = (
        note(f"Logs of {plural(len(bad) - limits.logs, 'more failed action')} not shown.")
        if len(bad) > limits.logs
        else None
    )
    return fold("Logs", *parts, left)


def _log(state: RunState, name: str, log: Log, limits: Limits) -> Html:
    heading = tag("div", shorten(label(state.actions[name]), 60), style="padding:4px 0 0;font-weight:600")
    return join([heading, log_html(log, lines=limits.lines)])


def _outputs(outputs: Mapping[str, str], limits: Limits) -> Html | None:
    if not outputs:
        return None
    return fold("Outputs", *_previews(outputs, limits), unfolded=True)


def _previews(outputs: Mapping[str, str], limits: Limits) -> Iterator[Html]:
    for name, preview in outputs.items():
        yield tag("div", shorten(name, 60), style="padding:4px 0 0;font-weight:600")
        if isinstance(preview, Html):
            yield preview
            continue
        yield block(preview[: limits.output])
        if len(preview) > limits.output:
            yield note(f"Showing {limits.output:,} of {len(preview):,} characters.")


def _reports(state: RunState, pages: Mapping[str, str], limits: Limits) -> Iterator[Html]:
    """Show the first reports, each in a fold of its own, and name those for which there is no room."""
    names = _apart([action for action in state.actions.values() if action.report or action.name in pages])
    shown: set[str] = set()
    room = limits.page
    for name in [name for name in pages if name in names][: limits.reports]:
        room -= len(pages[name])
        if room >= 0:
            title = "Report" if name == ROOT else f"Report of {names[name]}"
            unfolded = not shown and state.ended is not None
            yield fold(title, report_frame(pages[name], title=title), unfolded=unfolded)
            shown.add(name)
    left = [title for name, title in names.items() if name not in shown]
    if left:
        named = ", ".join(left[:NAMED]) + (f" and {len(left) - NAMED:,} more" if len(left) > NAMED else "")
        ask = tag("code", f"%flyte report {line(state.name)} ACTION")
        yield note(f"{plural(len(left), 'more report')} not shown: {named}. ", ask, " shows one.")


def _apart(actions: Sequence[ActionState]) -> dict[str, str]:
    """Name actions for people; those of the same task are told apart by the beginning of their names."""
    alike = Counter(map(label, actions))
    return {
        a.name: shorten(label(a), 60) + (f" {line(a.name)[:10]}" if alike[label(a)] > 1 else "")
        for a in actions
    }
