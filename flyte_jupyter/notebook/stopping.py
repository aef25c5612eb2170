"""Stop while a cell is busy: the kernel hears of it on threads of its own, not on the one that runs cells.

Two ways lead here. A front end opens a comm, which the kernel takes on a subshell if the front end can ask
for one. Anybody else, a server, a terminal, another notebook, leaves a note in the store, which outlives
the page.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comm import get_comm_manager

from flyte_jupyter.runs.asking import forget_asking, is_asked_to_stop

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

TARGET = "flyte-jupyter.stop"
"""The name under which a front end opens the comm; its data is {"run": name}."""

_STEP = 0.2
"""Seconds between looks for notes while runs go on."""

_AFTER = 5.0
"""Seconds for which it goes on looking after the last run, as another one often follows."""

_REASON = "stopped from its block"
_ASKED = "stopped from outside of the notebook"


class Stops:
    """Stops the runs of a kernel when somebody asks for it; an observer of the engine."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._wake = threading.Event()
        self._closed = False
        self._last = 0.0
        self._thread: threading.Thread | None = None

    def __call__(self, run: "Run") -> "_Ending":
        """Look after a run that begins; what is returned is closed when it ends."""
        self._runs[run.name] = run
        self._last = time.monotonic()
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="flyte-stops", daemon=True)
            self._thread.start()
        return _Ending(self, run)

    def opened(self, comm: Any, message: Any) -> None:
        """Stop the run that a front end names; the callback of the comm's target."""
        data = message["content"].get("data")
        run = self._runs.get(str(data.get("run"))) if isinstance(data, dict) else None
        if run is not None:
            run.abort(_REASON)
        comm.close({"stopped": run is not None})

    def ended(self, run: "Run") -> None:
        """Look after it no more."""
        self._runs.pop(run.name, None)
        self._last = time.monotonic()

    def close(self) -> None:
        """Look for nothing any more."""
        self._closed = True
        self._wake.set()

    def _look(self) -> None:
        while not self._closed:
            self._wake.wait()
            for run in list(self._runs.values()):
                if is_asked_to_stop(run.store, run.name):
                    run.abort(_ASKED)
                    forget_asking(run.store, run.name)
            if not self._runs and time.monotonic() - self._last > _AFTER:
                self._wake.clear()
            time.sleep(_STEP)


class _Ending:
    """What the engine closes when a run ends."""

    def __init__(self, stops: Stops, run: "Run") -> None:
        self._stops = stops
        self._run = run

    def close(self) -> None:
        self._stops.ended(self._run)


def listen(stops: Stops) -> Callable[[], None]:
    """Let front ends reach it; gives the undo."""
    manager = get_comm_manager()
    manager.register_target(TARGET, stops.opened)

    def undo() -> None:
        manager.unregister_target(TARGET, stops.opened)
        stops.close()

    return undo
