"""Layers of a directed graph: each node one after the last of those that lead to it."""

from collections.abc import Mapping, Sequence

Edge = tuple[str, str]


def ranks(keys: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Number the layers from 0 by the longest path to each node; a cycle is opened at its earliest node.

    Args:
        keys: the nodes; where a cycle has to be opened, the earliest goes first.
        edges: pairs of known, different nodes.
    """
    order = _order(keys, edges)
    place = {key: at for at, key in enumerate(order)}
    after: dict[str, list[str]] = {key: [] for key in keys}
    for edge in edges:
        start, end = forward(edge, place)
        after[start].append(end)
    level = dict.fromkeys(keys, 0)
    for key in order:
        for other in after[key]:
            level[other] = max(level[other], level[key] + 1)
    return level


def forward(edge: Edge, place: Mapping[str, int]) -> Edge:
    """Turn an edge of an opened cycle so that it leads onwards."""
    start, end = edge
    return (start, end) if place[start] < place[end] else (end, start)


def _order(keys: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    """Sort so that edges lead onwards, save those that close a cycle."""
    waits, after = _degrees(keys, edges)
    ready = [key for key in reversed(keys) if waits[key] == 0]
    order: dict[str, None] = {}
    rest = iter(keys)
    while len(order) < len(keys):
        key = ready.pop() if ready else next(k for k in rest if k not in order)
        if key in order:
            continue
        order[key] = None
        for other in after[key]:
            waits[other] -= 1
            if waits[other] == 0:
                ready.append(other)
    return list(order)


def _degrees(keys: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, int], dict[str, list[str]]]:
    waits = dict.fromkeys(keys, 0)
    after: dict[str, list[str]] = {key: [] for key in keys}
    for start, end in edges:
        waits[end] += 1
        after[start].append(end)
    return waits, after
