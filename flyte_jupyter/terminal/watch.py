"""The runs that a kernel has started, read from the run store while it works."""

from pathlib import Path

from flyte_jupyter.runs.asking import KERNEL
from flyte_jupyter.runs.rows import RunRow
from flyte_jupyter.runs.state import ActionState, Phase
from flyte_jupyter.runs.store import RunStore

_LOOK = 100  # runs that one look takes


class Watch:
    """Looks at the runs of one process. The store is opened when it is there, and never made.

    Args:
        home: the store's folder.
        pid: the process.
        since: when it was started; a process of the same number may have been there before.
    """

    def __init__(self, home: Path, pid: int, since: float) -> None:
        self._home = home
        self._pid = str(pid)
        self._since = since
        self._store: RunStore | None = None
        self._rows: dict[str, RunRow] = {}

    def look(self) -> list[RunRow]:
        """Give all runs so far, in the order in which they began."""
        if self._store is None and (self._home / "runs.db").exists():
            self._store = RunStore.open(self._home)
        if self._store is not None:
            rows = self._store.runs(limit=_LOOK)
            new = {row.name: row for row in reversed(rows) if self._is_its(row)}
            left = [name for name, row in self._rows.items() if row.ended is None and name not in new]
            self._rows |= new | {name: self._store.run(name) for name in left}
        return list(self._rows.values())

    def running(self, run: str) -> list[ActionState]:
        """Give the actions of a run that run now and wait for no other."""
        if self._store is None:
            return []
        state = self._store.state(run)
        busy = [a for a in state.actions.values() if a.phase is Phase.RUNNING]
        waiting = {a.parent for a in busy}
        return [a for a in busy if a.name not in waiting and a is not state.root]

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()

    def _is_its(self, row: RunRow) -> bool:
        return self._pid in (row.source.get("pid"), row.source.get(KERNEL)) and row.started >= self._since
