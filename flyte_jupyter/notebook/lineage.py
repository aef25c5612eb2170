"""Which cell made a value of which others: the notebook's graph, and what in it is out of date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal as OneOf

from flyte_jupyter.notebook.lineage_code import differences

State = OneOf["fresh", "stale", "running", "failed", "cached"]
STATES: tuple[State, ...] = ("fresh", "stale", "running", "failed", "cached")
_SAID = 3
"""So many differences of one value are said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the value of a name comes from.

    Args:
        cell: the cell that bound it or changed it last.
        content: tells this value from others of the same cell; equal for equal values.
        run: the run that made it, if one did.
        words: a small value in words.
    """

    cell: str
    content: str
    run: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A cell as it was executed last.

    Args:
        cell: the cell's id; without one, its ``In[n]``.
        title: what it is called: its task's name, or what it binds.
        number: the number of the execution.
        text: its source.
        state: how it ended, or "stale" if it has not run; other staleness is found by ``Lineage.state``.
        took: the names that it took, with where their values came from then.
        gave: the names that it bound or changed, with the digests of the values.
        words: small values among them, in words.
        runs: the runs that it started.
        is_task: whether the cell is a task, or runs one.
    """

    cell: str
    title: str = ""
    number: int = 0
    text: str = ""
    state: State = "fresh"
    took: Mapping[str, Origin | None] = field(default_factory=dict)
    gave: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    is_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A value that one cell gave and another took; ``names`` are what it is called."""

    start: str
    end: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """The cells of a notebook and the values between them. It never changes; each step gives a new one.

    Args:
        nodes: the cells by id, in the order of their first execution.
        origins: the names' values by the cells that made them; the cell that was executed last wins.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def begun(self, node: Node, takes: Iterable[str]) -> "Lineage":
        """Let a cell begin that takes these names."""
        took = {name: self.origins.get(name) for name in takes}
        return replace(self, nodes={**self.nodes, node.cell: replace(node, state="running", took=took)})

    def ended(
        self,
        cell: str,
        contents: Mapping[str, str],
        *,
        state: State = "fresh",
        runs: tuple[str, ...] = (),
        deleted: Iterable[str] = (),
        words: Mapping[str, str] | None = None,
        title: str = "",
    ) -> "Lineage":
        """Let it end.

        Args:
            cell: the cell.
            contents: what it bound or changed, with the digests of the values.
            state: "fresh", "cached" or "failed".
            runs: the runs that it started.
            deleted: the names that it deleted.
            words: small values in words, by name.
            title: what it is called now; as before if empty.
        """
        node = self.nodes.get(cell, Node(cell=cell))
        run, told = runs[-1] if runs else "", dict(words or {})
        made = {
            name: Origin(cell=cell, content=content, run=run, words=told.get(name, ""))
            for name, content in contents.items()
        }
        gone = set(deleted)
        origins = {name: origin for name, origin in self.origins.items() if name not in gone}
        is_task = node.is_task or bool(runs)
        node = replace(node, title=title or node.title)
        ended = replace(node, state=state, gave=dict(contents), words=told, runs=runs, is_task=is_task)
        return Lineage({**self.nodes, cell: ended}, {**origins, **made})

    def origin(self, name: str) -> Origin | None:
        """Tell where a name's value comes from; None if no cell is known to have made it."""
        return self.origins.get(name)

    def outdated(self, cell: str) -> tuple[str, ...]:
        """Name what a cell took of which the cell that made it has made another value since."""
        node = self.nodes.get(cell)
        if node is None or node.state == "running":
            return ()
        return tuple(
            name for name, origin in self._taken(node) if self._gives(origin, name) != origin.content
        )

    def changes(self, cell: str) -> tuple[str, ...]:
        """Say how what a cell took is different now, a name each: with both values, where they are small."""
        return tuple(self._change(name, self.nodes[cell].took[name]) for name in self.outdated(cell))

    def redefined(self, cell: str) -> tuple[str, ...]:
        """Name what a cell took that another cell has defined since: running it again takes that."""
        node = self.nodes[cell]
        now = {name: self.origins.get(name) for name in node.took if name not in node.gave}
        return tuple(name for name, o in self._taken(node) if (n := now.get(name)) and n.cell != o.cell)

    def stale(self) -> tuple[str, ...]:
        """Name the cells that are out of date: what they took has changed, or was made by one that is.

        A cell that failed counts as such if others take values from it.
        """
        links = [(edge.start, edge.end) for edge in self.edges()]
        found = {cell for cell, node in self.nodes.items() if node.state == "stale" or self.outdated(cell)}
        found |= {start for start, _ in links if self.nodes[start].state == "failed"}
        while more := {end for start, end in links if start in found and end not in found}:
            found |= more
        return tuple(cell for cell in self.nodes if cell in found)

    def state(self, cell: str) -> State:
        """Tell a cell's state as it is now."""
        node = self.nodes[cell]
        if node.state in {"running", "failed"}:
            return node.state
        return "stale" if cell in self.stale() else node.state

    def order(self) -> tuple[str, ...]:
        """Give the cells that are out of date, each after those that it takes values from."""
        todo = list(self.stale())
        links = {(e.start, e.end) for e in self.edges() if e.start in todo and e.end in todo}
        done: list[str] = []
        while todo:
            free = [c for c in todo if not any(end == c and start in todo for start, end in links)]
            # Cells that need each other (one changes what the other takes) keep the order of their execution.
            chosen = free or [min(todo, key=lambda c: self.nodes[c].number)]
            done += sorted(chosen, key=lambda c: self.nodes[c].number)
            todo = [c for c in todo if c not in done]
        return tuple(done)

    def edges(self) -> tuple[Edge, ...]:
        """Give the values between cells: from the one that made a value to those that took it."""
        names: dict[tuple[str, str], list[str]] = {}
        for cell, node in self.nodes.items():
            for name, origin in self._taken(node):
                names.setdefault((origin.cell, cell), []).append(name)
        return tuple(Edge(start=a, end=b, names=tuple(found)) for (a, b), found in names.items())

    def marked(self, cell: str, state: State) -> "Lineage":
        """Let a cell have ended otherwise than it seemed: its run in the background came to an end."""
        return replace(self, nodes={**self.nodes, cell: replace(self.nodes[cell], state=state)})

    def without(self, cell: str) -> "Lineage":
        """Forget a cell that was deleted from the notebook; its values stay."""
        return replace(self, nodes={c: node for c, node in self.nodes.items() if c != cell})

    def _taken(self, node: Node) -> Iterator[tuple[str, Origin]]:
        """Give what a cell took from other cells that are still there."""
        for name, origin in node.took.items():
            if origin is not None and origin.cell != node.cell and origin.cell in self.nodes:
                yield name, origin

    def _change(self, name: str, origin: Origin | None) -> str:
        maker = self.nodes[origin.cell] if origin is not None else Node(cell="")
        now = maker.words.get(name, "")
        if name not in maker.gave:
            return f"`{name}` is not made any more"
        if origin is not None and origin.words and now and origin.words != now:
            return f"`{name}` {origin.words} -> {now}"
        return _changed(name, origin.content if origin is not None else "", maker.gave[name])

    def _gives(self, origin: Origin, name: str) -> str | None:
        return self.nodes[origin.cell].gave.get(name)


def _changed(name: str, old: str, new: str) -> str:
    """Say that a value changed; of code what is different in it."""
    found = differences(old, new)
    more = f", {len(found) - _SAID} more changes" if len(found) > _SAID else ""
    return f"{', '.join(found[:_SAID])}{more}" if found else f"`{name}` changed"
