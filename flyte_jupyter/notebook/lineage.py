"""Which cell made a value of which others: the notebook's graph, and what in it is out of date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from flyte_jupyter.notebook.lineage_code import differences
from flyte_jupyter.notebook.lineage_node import Edge, Node, Origin, State

_SAID = 3
"""So many differences of one value are said."""


@dataclass(frozen=True)
class Lineage:
    """The cells of a notebook and the values between them. It never changes; each step gives a new one.

    Args:
        nodes: the cells by id, in the order of their first execution.
        origins: the names' values by the cells that made them; the cell that was executed last wins.
        modules: what cells use of the user's modules, with the digests of that as it is now.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)

    def begun(self, node: Node, takes: Iterable[str]) -> "Lineage":
        """Let a cell begin that takes these names."""
        took = {name: self._takes(node.cell, name) for name in takes}
        return replace(self, nodes={**self.nodes, node.cell: replace(node, state="running", took=took)})

    def ended(
        self,
        cell: str,
        contents: Mapping[str, str],
        *,
        state: State = "fresh",
        runs: tuple[str, ...] = (),
        deleted: Iterable[str] = (),
        changed: Iterable[str] = (),
        words: Mapping[str, str] | None = None,
        uses: Mapping[str, str] | None = None,
        title: str = "",
    ) -> "Lineage":
        """Let it end.

        Args:
            cell: the cell.
            contents: what it bound or changed, with the digests of the values.
            state: "fresh", "cached" or "failed".
            runs: the runs that it started.
            deleted: the names that it deleted.
            changed: those of ``contents`` that it changed in place.
            words: small values in words, by name.
            uses: what it uses of the user's modules, with the digests of that.
            title: what it is called now; as before if empty.
        """
        node = self.nodes.get(cell, Node(cell=cell))
        run, told, kept = runs[-1] if runs else "", dict(words or {}), tuple(changed)
        bases = {name: origin.base for name in kept if (origin := self.origins.get(name))}
        made = {
            name: Origin(
                cell=cell, content=content, base=bases.get(name, cell), run=run, words=told.get(name, "")
            )
            for name, content in contents.items()
        }
        gone = set(deleted)
        origins = {name: origin for name, origin in self.origins.items() if name not in gone}
        is_task = node.is_task or bool(runs)
        node = replace(node, title=title or node.title, changed=kept, uses=dict(uses or {}))
        ended = replace(node, state=state, gave=dict(contents), words=told, runs=runs, is_task=is_task)
        return Lineage({**self.nodes, cell: ended}, {**origins, **made}, {**self.modules, **ended.uses})

    def loaded(self, modules: Mapping[str, str]) -> "Lineage":
        """Let parts of the user's modules have these digests now."""
        return replace(self, modules={**self.modules, **modules})

    def origin(self, name: str) -> Origin | None:
        """Tell where a name's value comes from; None if no cell is known to have made it."""
        return self.origins.get(name)

    def outdated(self, cell: str) -> tuple[str, ...]:
        """Name what a cell took that has another value since: from the cell that made it, or by a change."""
        return tuple(name for name, _ in self._reasons(cell))

    def changes(self, cell: str) -> tuple[str, ...]:
        """Say how what a cell took is different now, a name each: with both values, where they are small."""
        return tuple(dict.fromkeys(words for _, words in self._reasons(cell)))

    def redefined(self, cell: str) -> tuple[str, ...]:
        """Name what a cell took that another cell has defined since: running it again takes that."""
        node = self.nodes[cell]
        now = {name: self.origins.get(name) for name in node.took if name not in node.gave}
        return tuple(name for name, o in self._taken(node) if (n := now.get(name)) and n.cell != o.cell)

    def stale(self) -> tuple[str, ...]:
        """Name the cells that are out of date: what they took has changed, or was made by one that is.

        A cell that failed counts as such if others take values from it.
        """
        return self._stale

    @cached_property
    def _stale(self) -> tuple[str, ...]:
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
        return self._edges

    @cached_property
    def _edges(self) -> tuple[Edge, ...]:
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

    def _takes(self, cell: str, name: str) -> Origin | None:
        """Tell where a cell's value of a name comes from; not from its own change of it, as it ran before."""
        now, node = self.origins.get(name), self.nodes.get(cell)
        before = node.took.get(name) if node is not None else None
        if now is None or before is None or now.cell != cell or now.base != before.base:
            return now
        made = before.cell in self.nodes and self._gives(before, name) == before.content
        return before if made else now

    def _reasons(self, cell: str) -> Iterator[tuple[str, str]]:
        """Give what a cell took that has another value since, each with how it differs."""
        node = self.nodes.get(cell)
        if node is None or node.state == "running":
            return
        for name, origin in self._taken(node):
            if self._gives(origin, name) != origin.content:
                yield name, self._change(name, origin)
            elif changer := self._changer(node, name, origin):
                since = f"`{name}` was changed since, in In[{changer.number}]"
                yield name, _differing(origin.content, changer.gave[name]) or since
            elif self._is_undone(node, name, origin):
                yield name, f"`{name}` was made anew, without the change made here"
        for name, content in node.uses.items():
            if (now := self.modules.get(name, content)) != content:
                yield name, _differing(content, now) or f"`{name}` changed"

    def _changer(self, node: Node, name: str, origin: Origin) -> Node | None:
        """Find the cell that has changed in place what another took, and took with an earlier change of it.

        A cell that changes a value for the first time after others have read it is how notebooks go on: run
        from top to bottom, these read the value as it was.
        """
        now = self.origins.get(name)
        if now is None or now.cell in {origin.cell, node.cell} or now.base != origin.base:
            return None
        changer = self.nodes.get(now.cell)
        if changer is None or name not in changer.changed or now.content == origin.content:
            return None
        earlier = self._places[changer.cell] < self._places[node.cell]
        later = changer.number > node.number and node.cell not in self._needed(now.cell)
        return changer if earlier and later else None

    @cached_property
    def _places(self) -> dict[str, int]:
        """Number the cells by their first execution."""
        return {cell: at for at, cell in enumerate(self.nodes)}

    def _is_undone(self, node: Node, name: str, origin: Origin) -> bool:
        """Whether a cell has changed an object in place that was made anew since."""
        if name not in node.changed or (now := self.origins.get(name)) is None or now.base != origin.base:
            return False
        maker = self.nodes.get(origin.base)
        return maker is not None and maker.number > node.number

    def _needed(self, cell: str) -> set[str]:
        """Give the cells that a cell takes from, and those that these do."""
        if cell in self._known:
            return self._known[cell]
        found, todo = self._known.setdefault(cell, set()), [cell]
        while todo:
            for _, origin in self._taken(self.nodes[todo.pop()]):
                if origin.cell not in found:
                    found.add(origin.cell)
                    todo.append(origin.cell)
        return found

    @cached_property
    def _known(self) -> dict[str, set[str]]:
        """Keeps what ``_needed`` has found: many cells may have read what one cell changed."""
        return {}

    def _change(self, name: str, origin: Origin) -> str:
        maker = self.nodes[origin.cell]
        now = maker.words.get(name, "")
        if name not in maker.gave:
            return f"`{name}` is not made any more"
        if origin.words and now and origin.words != now:
            return f"`{name}` {origin.words} -> {now}"
        return _differing(origin.content, maker.gave[name]) or f"`{name}` changed"

    def _gives(self, origin: Origin, name: str) -> str | None:
        return self.nodes[origin.cell].gave.get(name)


def _differing(old: str, new: str) -> str:
    """Say what differs in code; empty for what is none."""
    found = differences(old, new)
    more = f", {len(found) - _SAID} more changes" if len(found) > _SAID else ""
    return f"{', '.join(found[:_SAID])}{more}"
