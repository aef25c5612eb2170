"""A run as the notebook shows it: its state with the logs, outputs and report that belong to it."""

import os
from contextlib import suppress
from typing import Any

from flyte_jupyter.notebook.previews import preview
from flyte_jupyter.notebook.render.bundle import bundle
from flyte_jupyter.notebook.render.card import Limits
from flyte_jupyter.notebook.render.phases import BAD
from flyte_jupyter.notebook.render.stop import Stop
from flyte_jupyter.runs.both import ActionOutputs
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import Phase, RunState

_BUTTONS = "VSCODE_PID"
"""Is set where the front end is known to have no commands behind buttons."""

_LOGS = 5
_LINES = 20


def bundle_of(run: Run, *, interrupts: bool = False) -> dict[str, Any]:
    """Make the MIME bundle of a run as it is now; nothing is loaded that is not in memory.

    Args:
        run: the run.
        interrupts: whether the cell that waits for it is running: interrupting that stops the run.
    """
    state = run.state
    return bundle(
        state,
        logs=logs_of(run, state),
        outputs=_outputs(run, state),
        reports=reports_of(run, state),
        stop=Stop(button=interrupts and _BUTTONS not in os.environ, interrupts=interrupts),
    )


def logs_of(run: Run, state: RunState) -> dict[str, str]:
    """Give the ends of the logs of the root and of the first failed actions."""
    failed = [a.name for a in state.actions.values() if a.phase in BAD and a.name != ROOT]
    return {name: _tail(run, name) for name in (ROOT, *failed[:_LOGS])}


def reports_of(run: Run, state: RunState) -> dict[str, str]:
    """Give the HTML of the first reports that are still kept; the root's comes before the others."""
    found: dict[str, str] = {}
    most = Limits().reports
    for action in sorted(state.actions.values(), key=lambda a: a.name != ROOT):
        if action.report and len(found) < most:
            with suppress(KeyError):
                found[action.name] = run.store.blobs.get(action.report).decode()
    return found


def _tail(run: Run, action: str) -> str:
    return "".join(row.text for row in run.store.logs(run.name, action, tail=_LINES))


def _outputs(run: Run, state: RunState) -> dict[str, str]:
    found = in_memory(run, state)
    return {} if found is None else {name: preview(value) for name, value in found.named_outputs.items()}


def in_memory(run: Run, state: RunState) -> ActionOutputs | None:
    """Give the outputs of a run that this process drove to its end; None where they would have to be read."""
    control = run._control  # noqa: SLF001 - asking the handle itself would wait or read
    if control is None or state.phase is not Phase.SUCCEEDED:
        return None
    found = control.result()
    return found if isinstance(found, ActionOutputs) else None
