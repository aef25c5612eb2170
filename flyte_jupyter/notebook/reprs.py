"""What our objects look like at the end of a cell, registered with the shell's own formatters."""

from collections.abc import Callable, Mapping
from typing import Any

from flyte_jupyter.loading import load

_FACES = {
    "flyte_jupyter.runs.run": ("Run", "Action"),
    "flyte_jupyter.runs.rows": ("Entry",),
    "flyte_jupyter.tasks.template": ("TaskTemplate", "AsyncFunctionTaskTemplate"),
    "flyte_jupyter.tasks.environment": ("Environment", "TaskEnvironment"),
    "flyte_jupyter.tasks.image": ("Image",),
    "flyte_jupyter.tasks.resources": ("Resources",),
    "flyte_jupyter.types.files": ("File",),
    "flyte_jupyter.types.folders": ("Dir",),
}
"""The classes that have a face, by the module that defines them; none is imported for it."""

Shown = Callable[[str], bool]
"""Whether the running cell shows a run already."""


def register(shell: Any, is_shown: Shown) -> Callable[[], None]:
    """Give our objects their faces; gives the undo."""
    bundles = shell.display_formatter.mimebundle_formatter
    whole = shell.display_formatter.ipython_display_formatter
    keys = [(module, name) for module, names in _FACES.items() for name in names]
    for module, name in keys:
        bundles.for_type_by_name(module, name, _face)
    whole.for_type_by_name("flyte_jupyter.runs.run", "Run", lambda run: _once(run, is_shown))

    def undo() -> None:
        for module, name in keys:
            _forget(bundles, module, name)
        _forget(whole, "flyte_jupyter.runs.run", "Run")

    return undo


def _face(value: Any) -> Mapping[str, Any]:
    """Draw a value; where that fails, its plain repr is what is shown."""
    try:
        found: Mapping[str, Any] = load("flyte_jupyter.notebook.faces:face")(value)
    except Exception:  # noqa: BLE001 - a repr never raises
        return {"text/plain": repr(value)}
    return found


def _once(run: Any, is_shown: Shown) -> None:
    """Show nothing where the cell shows the run's block already; else leave it to the other formatters.

    Raises:
        NotImplementedError: the shell's word for "ask the next one".
    """
    if not is_shown(run.name):
        raise NotImplementedError


def _forget(formatter: Any, module: str, name: str) -> None:
    """Take a registration back, wherever the formatter has moved it in the meantime."""
    formatter.deferred_printers.pop((module, name), None)
    for kind in [k for k in formatter.type_printers if (k.__module__, k.__qualname__) == (module, name)]:
        del formatter.type_printers[kind]
