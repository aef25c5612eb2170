"""The form of a call: the inputs of a task, and the run that a press begins."""

import enum
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from flyte_jupyter.engine.loop import loop
from flyte_jupyter.engine.runner import with_runcontext
from flyte_jupyter.ids import random_name
from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]

_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True)
class RunPanel:
    """The inputs of a task to fill in.

    Args:
        task: the task.
        names: the notebook's names, which inputs may use.
        show: is told the name of each run that a press begins.
    """

    task: Task
    names: Names
    show: Callable[[str], None]
    buttons: tuple[str, ...] = ("Run",)
    title: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", f"Run {self.task.short_name}")

    @property
    def fields(self) -> tuple[Field, ...]:
        """A field for each input."""
        defaults = {name: p.default for name, p in self.task.interface.signature.parameters.items()}
        return tuple(_field(p.name, p.type, defaults[p.name]) for p in self.task.interface.inputs)

    def answer(self, values: Values) -> Answer:
        """Write the call as code."""
        name = self.names.name_of(self.task) or self.task.short_name
        return Answer(
            code=coding.call("run = flyte.run", {"": name, **self._texts(values)}).replace("(=", "(")
        )

    def press(self, button: str, values: Values) -> Answer:  # noqa: ARG002 - there is only one
        """Begin a run with what is seen."""
        inputs = {name: self.names.evaluated(text) for name, text in self._texts(values).items() if text}
        self.task.interface.signature.bind(**inputs)
        name = random_name()
        done = loop.submit(with_runcontext(name=name).run.aio(self.task, **inputs))
        done.add_done_callback(
            lambda future: future.cancelled() or future.exception()
        )  # the record tells how it ended
        self.show(name)
        return Answer(code=self.answer(values).code, said=f"Run {name} has begun.")

    def _texts(self, values: Values) -> dict[str, str]:
        types = {p.name: p.type for p in self.task.interface.inputs}
        return {name: _text(values[name], kind) for name, kind in types.items()}


def _field(name: str, kind: Any, default: Any) -> Field:
    missing = default is inspect.Parameter.empty
    value = "" if missing else default
    help_text = getattr(kind, "__name__", str(kind))
    if kind is bool:
        return Field(name=name, label=name, kind="check", value=bool(value), help=help_text)
    if choices := _choices(kind):
        first = value.name if isinstance(value, enum.Enum) else str(value) or choices[0]
        return Field(name=name, label=name, kind="choice", value=first, choices=choices)
    if kind in _NUMBERS:
        return Field(name=name, label=name, kind="number", value=str(value), help=help_text)
    shown = value if kind is str else "" if missing else repr(value)
    return Field(
        name=name,
        label=name,
        value=shown,
        help=help_text if kind is str else f"{help_text}: code, as in a cell",
    )


def _choices(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(member.name for member in kind)
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


def _text(value: Any, kind: Any) -> str:
    """Write an input as code."""
    if kind is bool:
        return repr(value is True)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"{kind.__name__}.{value}"
    if kind is str or get_origin(kind) is Literal:
        return repr(next((choice for choice in get_args(kind) if str(choice) == value), str(value)))
    return str(value).strip()
