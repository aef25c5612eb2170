"""Says at the end of a cell which of its runs did not run: their results were kept, and since when."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.render.html import tag
from flyte_jupyter.notebook.render.text import TIMES, ago
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.state import Phase

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

NOTE = {"flyte_jupyter": {"note": True}}
"""The metadata of what is said quietly."""

_MOST = 3
"""So many tasks are named."""

_LOOKED = 100
"""So many of a cell's runs are looked at, the last ones: each look reads the store."""

_quiet: ContextVar[bool] = ContextVar("flyte_jupyter_quiet", default=False)


def note(shell: Any, text: str) -> None:
    """Say something quietly in the running cell."""
    page = str(tag("small", text, style="opacity:.75"))
    shell.display_pub.publish(data={"text/plain": text, "text/html": page}, metadata=NOTE)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out the runs that begin inside: whoever starts them says it."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


class Restored:
    """Follows the runs of a shell's cells; an observer of the engine.

    Args:
        shell: the interactive shell.
        cells: tells which cell is running.
    """

    def __init__(self, shell: Any, cells: Cells) -> None:
        self._shell = shell
        self._cells = cells
        self._begun: dict[str, list[Run]] = {}

    def __call__(self, run: "Run") -> None:
        """Take note of a run that begins."""
        if not _quiet.get():
            self._begun.setdefault(self._cells.message(), []).append(run)

    def end(self, _result: Any) -> None:
        """Say it; the callback of ``post_run_cell``."""
        begun, self._begun = self._begun, {}
        runs = begun.get(self._cells.message(), [])
        found = [run for run in runs[-_LOOKED:] if is_restored(run)]
        if found:
            note(self._shell, "; ".join(_told(found)))


def is_restored(run: "Run") -> bool:
    """Whether a run's result was kept, so that nothing of it ran."""
    root = run.state.root
    return root.phase is Phase.SUCCEEDED and root.cache == "hit"


def _told(runs: "list[Run]") -> Iterator[str]:
    """Tell each task once, with the newest of its results."""
    tasks: dict[str, list[Run]] = {}
    for run in runs:
        tasks.setdefault(run.state.root.short, []).append(run)
    for task, same in list(tasks.items())[:_MOST]:
        many = f" {TIMES}{len(same):,}" if len(same) > 1 else ""
        entry = ResultCache(same[-1].store).get(same[-1].state.root.cache_key)
        yield f"{task}{many} restored" + (f" from {ago(entry.created, time.time())}" if entry else "")
    if len(tasks) > _MOST:
        yield f"{len(tasks) - _MOST} more tasks restored"
