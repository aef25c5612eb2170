"""How a run that goes on can be stopped, said in its block; with a button where a page can have one."""

from dataclasses import dataclass

from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.text import line
from flyte_jupyter.runs.state import RunState

_INTERRUPT = "notebook:interrupt-kernel"
_KERNEL = "interrupt the kernel (■)"
_LOOK = "padding:1px 10px;font-size:12px;cursor:pointer;margin-right:8px"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What stops a run.

    Args:
        button: whether the page may be JupyterLab, where a button can interrupt the kernel.
        interrupts: whether interrupting the kernel stops the run: the cell that waits for it is running.
    """

    button: bool = False
    interrupts: bool = False


def stop_html(state: RunState, stop: Stop) -> Html:
    """Say it. The button asks the server, so it works while the kernel is busy."""
    command = {"data-commandlinker-command": _INTERRUPT, "data-commandlinker-args": "{}"}
    button = tag("button", "■ Stop", type="button", style=_LOOK, **command) if stop.button else None
    name = line(state.name)
    here = join(["in a cell, ", tag("code", f"%flyte abort {name}")])
    terminal = join(["in a terminal, ", tag("code", f"flyte-jupyter abort {name}")])
    ways = [*([_KERNEL] if stop.interrupts else [here]), terminal]
    return note(button, "To stop it: ", join(ways, "; or "))
