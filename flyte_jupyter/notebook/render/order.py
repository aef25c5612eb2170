"""Order within layers: barycentre sweeps, the best of which is kept."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence

Edge = tuple[str, str]
SWEEPS = 6


def least_crossings(columns: list[list[str]], links: Sequence[Edge]) -> list[list[str]]:
    """Reorder each column so that links between neighbouring columns cross little.

    Args:
        columns: the layers; their order is kept where nothing is won.
        links: pairs of nodes in neighbouring columns.
    """
    best, least = columns, crossings(columns, links)
    before, after = _neighbours(links)
    current = [list(column) for column in columns]
    for sweep in range(SWEEPS):
        if least == 0:
            break
        down = sweep % 2 == 0
        near = before if down else after
        for i in range(1, len(current)) if down else range(len(current) - 2, -1, -1):
            beside = {key: at for at, key in enumerate(current[i - 1 if down else i + 1])}
            current[i] = _sorted(current[i], near, beside)
        found = crossings(current, links)
        if found < least:
            best, least = [list(column) for column in current], found
    return best


def crossings(columns: Sequence[Sequence[str]], links: Iterable[Edge]) -> int:
    """Count the pairs of links that cross."""
    place = {key: (i, at) for i, column in enumerate(columns) for at, key in enumerate(column)}
    between: dict[int, list[tuple[int, int]]] = {}
    for start, end in links:
        layer, at = place[start]
        between.setdefault(layer, []).append((at, place[end][1]))
    return sum(_inversions(sorted(pairs)) for pairs in between.values())


def _inversions(pairs: Iterable[tuple[int, int]]) -> int:
    seen: list[int] = []
    count = 0
    for _, end in pairs:
        count += len(seen) - bisect_right(seen, end)
        insort(seen, end)
    return count


def _neighbours(links: Iterable[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in links:
        after.setdefault(start, []).append(end)
        before.setdefault(end, []).append(start)
    return before, after


def _sorted(column: Sequence[str], near: Mapping[str, Sequence[str]], beside: Mapping[str, int]) -> list[str]:
    """Sort by the mean place of the neighbours; those without any stay where they are."""

    def weight(item: tuple[int, str]) -> float:
        at, key = item
        places = [beside[n] for n in near.get(key, ()) if n in beside]
        return sum(places) / len(places) if places else float(at)

    return [key for _, key in sorted(enumerate(column), key=weight)]
