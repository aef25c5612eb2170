"""The form of a call with the runs that it began under it."""

from typing import Any

import ipywidgets  # type: ignore[import-untyped] # the library has no types

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.panels.form import Form
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.notebook.panels.running import RunPanel, Task
from flyte_jupyter.notebook.shown import bundle_of
from flyte_jupyter.runs.run import Run


def run_form(task: Task, names: Names) -> Any:
    """Make the form; the run that was begun last is shown under it."""
    output = ipywidgets.Output()

    def show(name: str) -> None:
        store = process.setup.store()
        store.wait(name, 0, 5.0)
        data = bundle_of(Run(store, name))
        output.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    return ipywidgets.VBox([Form(RunPanel(task, names, show)), output])
