"""The MIME bundle of a run: small JSON that a renderer goes on from, the card, and text."""

import json
import time
from collections.abc import Mapping
from typing import Any

from flyte_jupyter.notebook.render.card import Log, card
from flyte_jupyter.notebook.render.graph import Graph, graph
from flyte_jupyter.notebook.render.phases import LOOKS, Look, tally
from flyte_jupyter.notebook.render.stop import Stop
from flyte_jupyter.notebook.render.summary import retried, summary, title
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.runs.state import RunState

RUN_MIME = "application/vnd.flyte-jupyter.run.v1+json"
LIMIT = 20_000
"""At most so many bytes of JSON."""


def bundle(
    state: RunState,
    *,
    logs: Mapping[str, Log] | None = None,
    outputs: Mapping[str, str] | None = None,
    reports: Mapping[str, str] | None = None,
    now: float | None = None,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Write everything that an output shows of a run; the arguments are those of ``card``."""
    now = time.time() if now is None else now
    return {
        RUN_MIME: run_json(state),
        "text/html": str(card(state, logs=logs, outputs=outputs, reports=reports, now=now, stop=stop)),
        "text/plain": summary(state, now=now),
    }


def run_json(state: RunState) -> dict[str, Any]:
    """Write a run's headline and its placed graph, with as many boxes as fit in ``LIMIT`` bytes.

    One action alone has no graph: there is nothing to see in it, and placing it takes longer than all else.
    """
    head = _headline(state)
    if len(state.actions) == 1:
        return head
    for room in (80, 40, 20, 8):
        found = head | {"graph": _graph(graph(state, room=room))}
        if len(json.dumps(found)) <= LIMIT:
            return found
    return head


def _headline(state: RunState) -> dict[str, Any]:
    return {
        "v": 1,
        "run": shorten(state.name, 200),
        "task": shorten(state.task, 200),
        "title": title(state),
        "mode": shorten(state.mode, 40),
        "phase": state.phase.value,
        "started": state.started,
        "ended": state.ended,
        "actions": len(state.actions),
        "retried": retried(state),
        "counts": _counts(tally(state.actions.values())),
    }


def _graph(found: Graph) -> dict[str, Any]:
    nodes = [
        {
            "key": shorten(node.key, 80),
            "label": shorten(node.label, 60),
            "count": node.count,
            "rest": node.rest,
            "counts": _counts(node.counts),
            "at": [round(box.x), round(box.y), round(box.width), round(box.height)],
        }
        for node, box in zip(found.nodes, found.drawing.boxes, strict=True)
    ]
    place = {node.key: i for i, node in enumerate(found.nodes)}
    edges = [[place[a], place[b], "then" if (a, b) in found.then else "call"] for a, b in _edges(found)]
    return {"size": [round(found.drawing.width), round(found.drawing.height)], "nodes": nodes, "edges": edges}


def _edges(found: Graph) -> list[tuple[str, str]]:
    return [route.edge for route in found.drawing.routes]


def _counts(counts: Mapping[Look, int]) -> dict[str, int]:
    """Name each look by its phase; what came from the cache is told apart."""
    return {_NAMES.get(one, "CACHED"): count for one, count in counts.items()}


_NAMES: Mapping[Look, str] = {one: phase.value for phase, one in LOOKS.items()}
