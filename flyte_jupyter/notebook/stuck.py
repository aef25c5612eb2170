"""What an interrupt cannot end: a body in a call of a library that lets nothing of Python run in its thread.

Such a run is recorded as aborted in time all the same, the cell says what still runs, and where bodies run
that can be ended at once.
"""

import contextvars
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.backends.interrupting import GIVES_UP_WAITS
from flyte_jupyter.engine.live import KEYBOARD
from flyte_jupyter.notebook.interrupts import Interrupts
from flyte_jupyter.notebook.restored import note

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

_HEARD = 0.2
"""Seconds after which an interrupt that Python has not handled meets such a call."""

_ENDED = 1.0
"""Seconds after which a body that was stopped and has not ended is in such a call."""

_FOLLOWS = "nothing after it will run" if GIVES_UP_WAITS else "what follows it will be cut off"
_HINT = 'With isolation="process", an interrupt ends such a call at once'


@dataclass(frozen=True, slots=True, eq=False)
class _Execution:
    """A cell that is running, the runs that it has started, and where its output goes."""

    runs: dict[str, "Run"] = field(default_factory=dict)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class Stuck:
    """Sees to interrupted cells whose bodies go on; an observer of the engine.

    Args:
        shell: the interactive shell.
        interrupts: handles the signal, as soon as the main thread can.
    """

    def __init__(self, shell: Any, interrupts: Interrupts) -> None:
        self._shell = shell
        self._interrupts = interrupts
        self._cell: _Execution | None = None
        self._told: _Execution | None = None

    def begin(self, _info: Any) -> None:
        """Take note of a cell that is about to run; the callback of ``pre_run_cell``."""
        self._cell = _Execution()

    def __call__(self, run: "Run") -> None:
        """Take note of a run that begins."""
        if self._cell is not None:
            self._cell.runs[run.name] = run

    def interrupted(self) -> None:
        """Record the cell's runs as aborted if the main thread does not react; called on another thread."""
        cell, heard = self._cell, time.monotonic()
        if cell is None or cell is self._told or all(run.done() for run in cell.runs.values()):
            return
        time.sleep(_HEARD)
        if self._interrupts.called >= heard or self._cell is not cell:
            return
        for run in cell.runs.values():
            run.abort(KEYBOARD)
        self._tell(cell, "the cell ends when it returns, and nothing after it will run")

    def ended(self, *, interrupted: bool) -> None:
        """Look after the bodies of a cell that has ended."""
        cell, self._cell = self._cell, None
        if interrupted and cell is not None and cell.runs:
            threading.Thread(target=self._look, args=(cell,), name="flyte-stuck", daemon=True).start()

    def _look(self, cell: _Execution) -> None:
        time.sleep(_ENDED)
        self._tell(cell, f"it goes on in the kernel until it returns, and {_FOLLOWS}")

    def _tell(self, cell: _Execution, what: str) -> None:
        tasks = ", ".join(dict.fromkeys(filter(None, bodies.stuck(cell.runs))))
        if tasks and cell is not self._told:
            self._told = cell
            text = f"{tasks} is in a call that Python cannot interrupt: {what}. {_HINT}"
            cell.context.copy().run(note, self._shell, text)
