"""Follows the cells of a shell and keeps the notebook's lineage: what each took, gave and ran."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, compress, repeat
from operator import is_, not_
from types import ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.cells import Cell, Cells
from flyte_jupyter.notebook.celltask.names import Names
from flyte_jupyter.notebook.formed import line_of
from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_content import content_of, words_of
from flyte_jupyter.notebook.lineage_modules import Modules
from flyte_jupyter.notebook.lineage_names import MAGIC, is_hidden, names_of, taken, title_of
from flyte_jupyter.notebook.lineage_node import Node, State
from flyte_jupyter.notebook.render.phases import BAD
from flyte_jupyter.notebook.restored import is_restored
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

_MISSING: Any = object()
_LOOKED = 10
"""So many of a cell's runs are looked at, the last ones: each look reads the store."""
_NO_CODE = ("%", "!", "?")


@dataclass(eq=False)
class _Execution:
    """A cell that is running.

    Args:
        node: the cell.
        message: the request that it was executed by.
        names: the names that its text takes and binds.
        before: the notebook's names before it.
        runs: the runs that it has started.
        over: the names of those that have ended.
    """

    node: Node
    message: str
    names: Names
    before: Mapping[str, Any]
    runs: "list[Run]" = field(default_factory=list)
    over: set[str] = field(default_factory=set)


class Following:
    """Keeps the lineage of one shell's notebook.

    Args:
        shell: the interactive shell.
        cells: follows its cells; must hear of a cell before this does.
    """

    def __init__(self, shell: Any, cells: Cells) -> None:
        self._lineage = Lineage()
        self._shell = shell
        self._cells = cells
        self._going: list[_Execution] = []
        self._open: dict[str, list[Run]] = {}
        self._modules = Modules()

    @property
    def lineage(self) -> Lineage:
        """The graph as it is now; cells whose runs went on in the background end with these.

        Files of the user's modules are looked at here: they are edited elsewhere.
        """
        if changed := self._modules.changed():
            self._lineage = self._lineage.loaded(changed)
        for cell, runs in self._open.copy().items():
            if all(run.done() for run in runs):
                del self._open[cell]
                failed = any(run.phase in BAD for run in runs)
                self._lineage = self._lineage.marked(cell, "failed" if failed else _state(runs))
        return self._lineage

    def begin(self, info: Any) -> None:
        """Take note of a cell that is about to run; the callback of ``pre_run_cell``."""
        if self._cells.is_part:
            return
        cell, scope = self._cells.current, self._shell.user_ns
        # What is left of an earlier request never ended as cells do; a cell that runs others is of the same.
        self._going = [one for one in self._going if one.message == cell.message]
        text = _text(cell, info.raw_cell or "")
        names = names_of(self._shell, text, getattr(info, "transformed_cell", None))
        key = cell.id or f"In[{cell.number}]"
        title, task = title_of(text, names.binds), MAGIC.match(text) is not None
        node = Node(cell=key, title=title, number=cell.number, text=text, is_task=task)
        self._going.append(_Execution(node, cell.message, names, dict(scope)))
        took = taken(names.reads, scope)
        if took or names.binds or names.deletes:
            self._lineage = self._lineage.begun(node, took)
        else:
            self._lineage = self._lineage.without(key)

    def end(self, result: Any) -> None:
        """Take note of its end; the callback of ``post_run_cell``."""
        if not self._going or self._cells.is_part:
            return
        going = self._going.pop()
        gave, scope = self._gave(going), self._shell.user_ns
        uses = self._uses(going)
        succeeded = bool(getattr(result, "success", True))
        key = going.node.cell
        empty = not (gave or going.runs or uses)
        if empty and not getattr(self._lineage.nodes.get(key), "took", None):
            self._lineage = self._lineage.without(key)
        if key not in self._lineage.nodes:
            failed = not succeeded and not going.node.text.lstrip().startswith(_NO_CODE)
            if empty and not failed:
                return  # it has nothing to do with the notebook's values: a print, a help text
            self._lineage = self._lineage.begun(going.node, ())
        self._open.pop(key, None)
        if rest := [run for run in going.runs if run.name not in going.over]:
            self._open[key] = rest
        state: State = "failed"
        if succeeded:
            state = "running" if rest else _state(going.runs)
        self._lineage = self._lineage.ended(
            key,
            gave,
            state=state,
            runs=tuple(run.name for run in going.runs),
            deleted=list(going.before.keys() - scope.keys()),
            changed=_changed(going, gave, scope),
            uses=uses,
            title=title_of(going.node.text, _ordered(gave, scope)) if gave else going.node.title,
            words={name: words for name in gave if (words := words_of(name, scope[name]))},
        )

    def _uses(self, going: _Execution) -> dict[str, str]:
        """Digest what a cell uses of the user's modules: after it, for it or its beginning loads them."""
        scope = self._shell.user_ns
        if any(isinstance(scope.get(name), ModuleType) for name in going.names.stores):
            self._lineage = self._lineage.loaded(self._modules.changed(whole=True))
        return self._modules.contents(going.names.dotted, scope)

    def __call__(self, run: "Run") -> "_Ending | None":
        """Take note of a run that begins; an observer of the engine."""
        message = self._cells.message()
        going = next((one for one in reversed(self._going) if one.message == message), None)
        if going is None:
            return None
        going.runs.append(run)
        return _Ending(going, run.name)

    def _gave(self, going: _Execution) -> dict[str, str]:
        """Digest what a cell has bound, and what it has changed in place."""
        gave: dict[str, str] = {}
        scope = self._shell.user_ns.copy()
        bound = dict.fromkeys((*rebound(going.before, scope), *going.names.binds))
        for name in dict.fromkeys((*bound, *going.names.changes)):
            value = scope.get(name, _MISSING)
            if value is _MISSING or is_hidden(name) or isinstance(value, ModuleType):
                continue
            if name in bound:
                gave[name] = content_of(value)
            else:
                origin, content = self._lineage.origin(name), content_of(value)
                if origin is None or origin.cell == going.node.cell or origin.content != content:
                    gave[name] = content
        return gave


def _changed(going: _Execution, gave: Mapping[str, str], scope: Mapping[str, Any]) -> list[str]:
    """Name what a cell has changed in place: it took the object, which is still there."""
    may = set(going.names.changes).intersection(going.names.reads)
    return [name for name in gave if name in may and going.before.get(name) is scope[name]]


def rebound(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """Find the names that mean another object now, of thousands: each cell's text and result has one."""
    if len(now) < len(before) or not all(map(is_, before, now)):  # some were deleted since
        return [name for name, value in now.items() if before.get(name, _MISSING) is not value]
    same = chain(map(is_, before.values(), now.values()), repeat(False))
    return compress(now, map(not_, same))


class _Ending:
    """What the engine closes when a run ends."""

    def __init__(self, of: _Execution, run: str) -> None:
        self._of = of
        self._run = run

    def close(self) -> None:
        self._of.over.add(self._run)


def connect(
    shell: Any, cells: Cells, following: Following | None = None
) -> tuple[Following, Callable[[], None]]:
    """Follow a shell's cells; gives what follows them, and the undo. The cells must be connected before.

    Args:
        shell: the interactive shell.
        cells: follows its cells.
        following: what followed them until now and goes on; None where nothing did.
    """
    following = following or Following(shell, cells)
    undo = process.observe(following)
    shell.events.register("pre_run_cell", following.begin)
    shell.events.register("post_run_cell", following.end)

    def disconnect() -> None:
        shell.events.unregister("pre_run_cell", following.begin)
        shell.events.unregister("post_run_cell", following.end)
        undo()

    return following, disconnect


def _text(cell: Cell, raw: str) -> str:
    """Write a cell so that it can be run again: one that is a task by its metadata gets its magic line."""
    said = None
    if not raw.lstrip().startswith("%%"):
        with suppress(UsageError):  # running the cell says so
            said = line_of(cell.meta)
    return raw if said is None else f"%%flyte_task {said}\n{raw}"


def _ordered(gave: Mapping[str, str], scope: Mapping[str, Any]) -> list[str]:
    """Put the tasks that a cell has bound before its other names."""
    return sorted(gave, key=lambda name: not isinstance(scope.get(name), TaskTemplate))


def _state(runs: "list[Run]") -> State:
    return "cached" if runs and all(map(is_restored, runs[-_LOOKED:])) else "fresh"
