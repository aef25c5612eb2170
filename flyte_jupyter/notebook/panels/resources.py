"""The form of a task's resources: what it asks for beside what its attempts have used."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flyte_jupyter.config import Settings
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.costs import words
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.panels.measured import Used, suggestion, used_by
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.notebook.render.text import duration, size
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]

_LABELS = {"cpu": "Cores", "memory": "Memory", "gpu": "GPUs", "disk": "Disk", "shm": "Shared memory"}
_COLUMNS = ("Run", "Time", "CPU", "Cores", "Memory", "Disk", "GPU", "State")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ResourcesPanel:
    """What a task asks for, to fill in.

    Args:
        task: the task.
        names: the notebook's names, where the changed task is put.
    """

    task: Task
    names: Names
    buttons: tuple[str, ...] = ("Use suggestion", "Apply")
    title: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", f"Resources of {self.task.short_name}")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The amounts that it asks for, and what its attempts used."""
        rows = tuple((f"{i}", _cells(used)) for i, used in enumerate(self._used()[:_SHOWN]))
        measured = Field(
            name="used", label="Used by past attempts", kind="shown", columns=_COLUMNS, rows=rows
        )
        return (*_amounts(_asked(self.task)), measured)

    def answer(self, values: Values) -> Answer:
        """Write the changed task as code, and suggest."""
        name = self.names.name_of(self.task) or self.task.short_name
        code = f"{name} = {name}.override(resources={_code(values)})"
        return Answer(code=code, said=self._said(values))

    def press(self, button: str, values: Values) -> Answer:
        """Fill the suggestion in, or make the changed task and put it in the task's place."""
        if button == "Use suggestion":
            values = {**values, **suggestion(self._used())}
            return replace(self.answer(values), fields=_amounts(values))
        name = self.names.name_of(self.task) or self.task.short_name
        changed = self.task.override(resources=self.names.evaluated(_code(values)))
        self.names.put(name, changed)
        return Answer(code=self.answer(values).code, said=f"{name} asks for that now.")

    def _used(self) -> tuple[Used, ...]:
        return used_by(process.setup.store(), self.task.name)

    def _said(self, values: Values) -> str:
        found, prices = self._used(), Settings.load().prices
        best = suggestion(found)
        suggested = self.names.evaluated(_code({**values, **best})) if best else None
        costs = words(self.names.evaluated(_code(values)), suggested, found, prices)
        return f"{_measured(found, best)} {costs}".strip()


def _measured(found: tuple[Used, ...], best: Mapping[str, str]) -> str:
    if not best:
        return "No attempt of it was measured yet: places that measure are worker processes and containers."
    peak = size(max(used.peak for used in found))
    cores = f"{best['cpu']} {'core' if best['cpu'] == '1' else 'cores'}"
    return f"It used {peak} at most; {best['memory']} and {cores} leave a quarter of head-room."


def _code(values: Values) -> str:
    return coding.resources(values) or "flyte.Resources()"


def _amounts(values: Values) -> tuple[Field, ...]:
    return tuple(
        Field(name=name, label=label, value=str(values.get(name, ""))) for name, label in _LABELS.items()
    )


def _asked(task: Task) -> dict[str, str]:
    given = {name: getattr(task.resources, name, None) for name in _LABELS}
    return {
        name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in given.items()
        if value is not None
    }


def _cells(used: Used) -> tuple[str, ...]:
    cores = f"{used.cores:.1f}"
    disk, gpu = size(used.disk) if used.disk else "", duration(used.gpu) if used.gpu else ""
    seconds, cpu = duration(used.seconds), duration(used.cpu)
    return (used.run, seconds, cpu, cores, size(used.peak), disk, gpu, used.phase.lower())
