"""A run's actions folded to what fits a picture: alike siblings become one, too many "n more"."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flyte_jupyter.notebook.render.marks import marked, marks
from flyte_jupyter.notebook.render.phases import BAD_LOOKS, Look, look, ordered
from flyte_jupyter.notebook.render.text import TIMES, WITHIN
from flyte_jupyter.runs.state import ActionState, RunState

SIBLINGS = 4
"""More siblings of the same task and group than these fold to one cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One or many actions that are shown as one.

    Args:
        key: the name of its first action.
        parent: the key of the cluster that its actions were called from.
        label: what to call it.
        count: how many actions it stands for.
        counts: how many of them look how.
        queued: when the first was queued.
        started: when the first began.
        ended: when the last ended; None while one goes on.
        rest: it stands for what there was no room for.
    """

    key: str
    parent: str | None
    label: str
    count: int
    counts: Mapping[Look, int]
    queued: float
    started: float | None
    ended: float | None
    rest: bool = False

    @property
    def title(self) -> str:
        """Its label with the number of actions, where there are several."""
        if self.rest:
            return self.label
        return f"{self.label} {TIMES}{self.count:,}" if self.count > 1 else self.label

    @property
    def look(self) -> Look:
        """Its most urgent look."""
        return min(self.counts, key=lambda one: one.urgent)


def label(action: ActionState) -> str:
    """Name an action for people."""
    short = action.short or action.task.rpartition(".")[2] or action.name
    return f"{action.group} {WITHIN} {short}" if action.group else short


def clusters(state: RunState, *, siblings: int = SIBLINGS) -> list[Cluster]:
    """Fold alike siblings, and what they called, in the order of first events."""
    actions = state.actions
    alike = Counter((a.parent, a.task, a.group) for a in actions.values())
    heaps: dict[object, _Heap] = {}
    home: dict[str, _Heap] = {}
    for action in actions.values():
        above = home.get(action.parent) if action.parent is not None else None
        key: object = action.name
        if above is not None and (above.many or alike[action.parent, action.task, action.group] > siblings):
            key = (above.key, action.task, action.group)
        heap = heaps.get(key)
        if heap is None:
            heap = heaps[key] = _Heap(action, above, many=key is not action.name)
        heap.add(action)
        home[action.name] = heap
    told = marks(heap.first for heap in heaps.values() if not heap.many)
    return [heap.done(told) for heap in heaps.values()]


@dataclass(slots=True)
class _Heap:
    """A cluster that is still growing."""

    first: ActionState
    above: "_Heap | None"
    many: bool
    key: str = ""
    counts: dict[Look, int] = field(default_factory=dict)
    queued: float = float("inf")
    started: float = float("inf")
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.key = self.first.name

    def add(self, action: ActionState) -> None:
        seen = look(action)
        self.counts[seen] = self.counts.get(seen, 0) + 1
        if action.queued is not None and action.queued < self.queued:
            self.queued = action.queued
        if action.started is not None and action.started < self.started:
            self.started = action.started
        self.ended = max(self.ended, _INFINITY if action.ended is None else action.ended)

    def done(self, told: Mapping[str, str]) -> Cluster:
        return Cluster(
            key=self.key,
            parent=self.above.key if self.above else None,
            label=marked(label(self.first), told.get(self.key, "")),
            count=sum(self.counts.values()),
            counts=ordered(self.counts),
            queued=self.queued if self.queued < _INFINITY else 0.0,
            started=self.started if self.started < _INFINITY else None,
            ended=self.ended if self.ended < _INFINITY else None,
        )


_INFINITY = float("inf")


def trimmed(found: Sequence[Cluster], *, room: int = 40, depth: int = 7, wide: int = 12) -> list[Cluster]:
    """Keep what fits, urgent ones first; what does not becomes one "n more" beside its siblings.

    Args:
        found: clusters, parents before their children.
        room: at most about so many clusters.
        depth: at most so many levels.
        wide: at most so many children of one parent.
    """
    below = _below(found)
    kept: list[Cluster] = []
    level = list(below.get(None, ()))
    while level:
        kept += level
        depth -= 1
        following: list[Cluster] = []
        for cluster in level:
            children = () if cluster.rest else below.get(cluster.key, ())
            free = min(wide, room - len(kept) - len(following)) if depth > 1 else 0
            following += _fitting(children, free, below)
        level = following
    return kept


def _below(found: Iterable[Cluster]) -> dict[str | None, list[Cluster]]:
    below: dict[str | None, list[Cluster]] = {}
    for cluster in found:
        below.setdefault(cluster.parent, []).append(cluster)
    return below


def _fitting(
    children: Sequence[Cluster], free: int, below: Mapping[str | None, Sequence[Cluster]]
) -> list[Cluster]:
    if len(children) <= free or not children:
        return list(children)
    urgent = sorted(range(len(children)), key=lambda i: (children[i].look not in BAD_LOOKS, i))
    chosen = set(urgent[: max(0, free - 1)])
    kept = [child for i, child in enumerate(children) if i in chosen]
    return [*kept, _rest([child for i, child in enumerate(children) if i not in chosen], below)]


def _rest(left: Sequence[Cluster], below: Mapping[str | None, Sequence[Cluster]]) -> Cluster:
    """Fold clusters and all that they called."""
    todo, all_of_them = list(left), []
    while todo:
        cluster = todo.pop()
        all_of_them.append(cluster)
        todo += below.get(cluster.key, ())
    counts: Counter[Look] = Counter()
    for cluster in all_of_them:
        counts.update(cluster.counts)
    starts = [c.started for c in all_of_them if c.started is not None]
    ends = [c.ended for c in all_of_them if c.ended is not None]
    return Cluster(
        key=left[0].key,
        parent=left[0].parent,
        label=f"{counts.total():,} more",
        count=counts.total(),
        counts=ordered(counts),
        queued=min(c.queued for c in all_of_them),
        started=min(starts, default=None),
        ended=max(ends) if len(ends) == len(all_of_them) else None,
        rest=True,
    )


def sequence(found: Sequence[Cluster]) -> list[tuple[str, str]]:
    """Find which siblings came right after which: ended before it was queued, no third between."""
    pairs: list[tuple[str, str]] = []
    for children in _below(found).values():
        for later in children:
            earlier = [
                c for c in children if c.ended is not None and c.ended <= later.queued and c is not later
            ]
            last = max((c.queued for c in earlier), default=0.0)
            pairs += [(c.key, later.key) for c in earlier if c.ended is not None and c.ended > last]
    return pairs
