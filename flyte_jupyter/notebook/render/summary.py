"""A run as text: one line that says how it is, and its tree for a terminal."""

import time
from collections.abc import Iterator, Mapping, Sequence

from flyte_jupyter.notebook.render.clusters import Cluster, clusters, trimmed
from flyte_jupyter.notebook.render.error import causes
from flyte_jupyter.notebook.render.phases import Look, look, tally, told
from flyte_jupyter.notebook.render.text import TIMES, columns, duration, line, plural, shorten
from flyte_jupyter.runs.state import RunState

LABEL = 60


def title(state: RunState) -> str:
    """Name a run for people: the short name of its task."""
    return shorten(state.root.short or state.task.rpartition(".")[2] or state.name, 80)


def took(state: RunState, now: float) -> float:
    """Give the seconds from a run's start to its end, or to now."""
    return max(0.0, (now if state.ended is None else state.ended) - state.started)


def counts(state: RunState) -> dict[Look, int]:
    """Count how the actions below the root look; of the root, where it is alone."""
    below = [action for action in state.actions.values() if action is not state.root]
    return tally(below or state.actions.values())


def retried(state: RunState) -> int:
    """Count the actions that took more than one attempt."""
    return sum(len(action.attempts) > 1 for action in state.actions.values())


def facts(state: RunState) -> str:
    """Say how many actions went how: ``"22 actions: 4 succeeded, 18 cached; 1 retried"``."""
    found = counts(state)
    total = sum(found.values())
    again = f"; {retried(state):,} retried" if retried(state) else ""
    return f"{plural(total, 'action')}: {told(found)}{again}"


def summary(state: RunState, *, now: float | None = None) -> str:
    """Tell a run in a terminal: a headline, what went wrong, and the tree with alike actions folded.

    Args:
        state: the run, ended or not.
        now: what time it is, in seconds since 1970-01-01 UTC, for what has not ended.
    """
    now = time.time() if now is None else now
    seen = look(state.root)
    verb = "in" if state.ended is not None else "for"
    head = f"{seen.symbol} {title(state)} {seen.word} {verb} {duration(took(state, now))}"
    return "\n".join(
        [
            f"{head}  ·  run {line(state.name)}, {line(state.mode)}",
            facts(state),
            *_said(state),
            *_drawn(state, now),
        ]
    )


def _said(state: RunState) -> Iterator[str]:
    for cause in causes(state)[:3]:
        failure = cause.failure
        times = f" ({TIMES}{len(cause.actions)})" if len(cause.actions) > 1 else ""
        yield f"{shorten(f'{failure.code}: {failure.message}', 200)}{times}"


def _drawn(state: RunState, now: float) -> Iterator[str]:
    if len(state.actions) == 1:
        return
    rows = list(_branches(trimmed(clusters(state), room=60, depth=10)))
    width = max(columns(left) for left, _ in rows)
    for left, cluster in rows:
        yield f"{left}{' ' * (width - columns(left))}  {_fate(cluster, now)}".rstrip()


def _branches(found: Sequence[Cluster]) -> Iterator[tuple[str, Cluster]]:
    below: dict[str | None, list[Cluster]] = {}
    for cluster in found:
        below.setdefault(cluster.parent, []).append(cluster)
    todo = [(cluster, "", "") for cluster in reversed(below.get(None, []))]
    while todo:
        cluster, mark, indent = todo.pop()
        yield mark + shorten(cluster.title, LABEL), cluster
        todo += reversed(list(_hung(below, cluster, indent)))


def _hung(
    below: Mapping[str | None, Sequence[Cluster]], cluster: Cluster, indent: str
) -> Iterator[tuple[Cluster, str, str]]:
    children = () if cluster.rest else below.get(cluster.key, ())
    for i, child in enumerate(children):
        last = i == len(children) - 1
        yield child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")


def _fate(cluster: Cluster, now: float) -> str:
    begun = cluster.queued if cluster.started is None else cluster.started
    passed = duration(max(0.0, (now if cluster.ended is None else cluster.ended) - begun))
    if cluster.count == 1:
        return f"{cluster.look.symbol} {cluster.look.word}  {passed}"
    return f"{cluster.look.symbol} {told(cluster.counts)}  {passed}"
