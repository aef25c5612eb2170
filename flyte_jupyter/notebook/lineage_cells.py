"""Follows the cells of a shell and keeps the notebook's lineage: what each took, gave and ran."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.celltask.contents import data_digest
from flyte_jupyter.notebook.celltask.names import Names
from flyte_jupyter.notebook.lineage import Lineage, Node, State
from flyte_jupyter.tasks.slicing.names import uses_of
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

_HIDDEN = re.compile(r"_+|_i+|_i?\d+|_ih|_oh|_dh|In|Out|exit|quit|get_ipython|_exit_code|__\w+__")
_MAGIC = re.compile(r"\s*%%flyte_task\b[^\n]*\n?")
_LARGE = 64 * 1024 * 1024
_MANY = 200_000
_MISSING: Any = object()


class Following:
    """Keeps the lineage of one shell's notebook.

    Args:
        shell: the interactive shell.
        cells: follows its cells; must hear of a cell before this does.
    """

    def __init__(self, shell: Any, cells: Cells) -> None:
        self.lineage = Lineage()
        self._shell = shell
        self._cells = cells
        self._before: dict[str, Any] = {}
        self._runs: list[Run] = []
        self._names = Names()
        self._key = ""

    def begin(self, info: Any) -> None:
        """Take note of a cell that is about to run; the callback of ``pre_run_cell``."""
        cell = self._cells.current
        self._key = cell.id or f"In[{cell.number}]"
        self._runs = []
        scope = self._shell.user_ns
        self._before = dict(scope)
        text = info.raw_cell or ""
        self._names = names_of(self._shell, text)
        task = bool(_MAGIC.match(text))
        node = Node(cell=self._key, title=self._title(), number=cell.number, text=text, is_task=task)
        self.lineage = self.lineage.begun(node, taken(self._names.reads, scope))

    def end(self, result: Any) -> None:
        """Take note of its end; the callback of ``post_run_cell``."""
        if not self._key:
            return
        scope, before = self._shell.user_ns, self._before
        changed = {*self._names.binds, *self._names.changes}
        gave = {
            name: content_of(value)
            for name, value in list(scope.items())
            if not _HIDDEN.fullmatch(name)
            and not isinstance(value, ModuleType)
            and (name in changed or before.get(name, _MISSING) is not value)
        }
        gone = [name for name in before if name not in scope]
        state: State = "failed"
        if getattr(result, "success", True):
            state = "cached" if self._runs and all(map(_is_restored, self._runs)) else "fresh"
        runs = tuple(run.name for run in self._runs)
        self.lineage = self.lineage.ended(self._key, gave, state=state, runs=runs, deleted=gone)
        self._key, self._before, self._runs = "", {}, []

    def __call__(self, run: "Run") -> None:
        """Take note of a run that the cell starts; an observer of the engine."""
        self._runs.append(run)

    def _title(self) -> str:
        return ", ".join(self._names.binds[:3]) or "cell"


def connect(shell: Any, cells: Cells) -> tuple[Following, Callable[[], None]]:
    """Follow a shell's cells; gives what follows them, and the undo. The cells must be connected before."""
    following = Following(shell, cells)
    undo = process.observe(following)
    shell.events.register("pre_run_cell", following.begin)
    shell.events.register("post_run_cell", following.end)

    def disconnect() -> None:
        shell.events.unregister("pre_run_cell", following.begin)
        shell.events.unregister("post_run_cell", following.end)
        undo()

    return following, disconnect


def _is_restored(run: "Run") -> bool:
    return run.state.root.cache == "hit"


def names_of(shell: Any, text: str) -> Names:
    """Read the names of a cell; none where it is no Python."""
    body = _MAGIC.sub("", text, count=1)
    if body.lstrip().startswith("%%"):
        return Names()
    try:
        return Names.of(ast.parse(shell.transform_cell(body)))
    except (SyntaxError, ValueError):
        return Names()


def taken(names: Iterable[str], scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what code takes from the notebook, through its functions and tasks, too."""
    found: dict[str, None] = {}
    todo = list(names)
    while todo:
        name = todo.pop(0)
        if name in found or name not in scope or isinstance(scope[name], ModuleType):
            continue
        found[name] = None
        todo += _globals_of(scope[name], scope)
    return tuple(found)


def content_of(value: Any) -> str:
    """Digest a value so that equal ones can be told; a large one counts as new each time."""
    func = _function(value)
    if func is not None:
        return _safely(lambda: slice_of(func).version)
    if _size(value) > _LARGE:
        return f"large {id(value)}"
    return _safely(lambda: data_digest(value, {}))


def _safely(make: Callable[[], str]) -> str:
    try:
        return make()
    except Exception:  # noqa: BLE001 - looking at values runs their own code
        return ""


def _size(value: Any) -> int:
    """Estimate bytes without a walk over the data."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if hasattr(value, "memory_usage"):
        return int(_safely(lambda: str(int(value.memory_usage(deep=False).sum()))) or 0)
    many = len(value) if isinstance(value, list | dict | set | tuple) else 0
    return _LARGE + 1 if many > _MANY else 0


def _function(value: Any) -> Any:
    if isinstance(value, FunctionType):
        return value
    return getattr(value, "func", None) if isinstance(value, TaskTemplate) else None


def _globals_of(value: Any, scope: Mapping[str, Any]) -> Iterator[str]:
    func = _function(value)
    functions = [func] if func is not None else []
    if isinstance(value, type) and value.__module__ == "__main__":
        functions += [found for found in vars(value).values() if isinstance(found, FunctionType)]
    for found in functions:
        if isinstance(found, FunctionType) and found.__globals__ is scope:
            yield from (name for name, _ in uses_of(found.__code__).reads)
