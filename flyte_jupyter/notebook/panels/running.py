"""The form of a call: the inputs of a task, and the run that a press begins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flyte_jupyter.engine.loop import loop
from flyte_jupyter.engine.runner import with_runcontext
from flyte_jupyter.ids import random_name
from flyte_jupyter.notebook.panels import coding, inputs
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]


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
        """The fields of each input."""
        return tuple(one for each in self._inputs() for one in inputs.fields(*each))

    def answer(self, values: Values) -> Answer:
        """Write the call as code."""
        name = self.names.name_of(self.task) or self.task.short_name
        needed = "".join(f"import {module}\n" for module in self._lacking())
        return Answer(code=needed + coding.call("run = flyte.run", {"": name, **self._texts(values)}))

    def press(self, button: str, values: Values) -> Answer:  # noqa: ARG002 - there is only one
        """Begin a run with what is seen."""
        lent, texts = self._lacking(), self._texts(values)
        given = {name: self.names.evaluated(text, lent) for name, text in texts.items() if text}
        self.task.interface.signature.bind(**given)
        name = random_name()
        done = loop.submit(with_runcontext(name=name).run.aio(self.task, **given))
        done.add_done_callback(
            lambda future: future.cancelled() or future.exception()
        )  # the record tells how it ended
        self.show(name)
        return Answer(code=self.answer(values).code, said=f"Run {name} has begun.")

    def _inputs(self) -> list[tuple[str, Any, Any]]:
        """Give the name, the type and the default of each input."""
        interface = self.task.interface
        defaults = {name: p.default for name, p in interface.signature.parameters.items()}
        return [(p.name, p.type, defaults[p.name]) for p in interface.inputs]

    def _texts(self, values: Values) -> dict[str, str]:
        return {each[0]: inputs.code(*each, values, self.names.called) for each in self._inputs()}

    def _lacking(self) -> list[str]:
        found = (cls for _, kind, default in self._inputs() for cls in inputs.classes(kind, default))
        return self.names.lacking(found)
