"""The form of an image: base, packages, variables; its Dockerfile as it is filled in; its build in steps."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from typing import Any

from flyte_jupyter.engine.building import build
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.images.dockerfile import dockerfile
from flyte_jupyter.images.steps import Step
from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.panels.names import Names
from flyte_jupyter.notebook.render.builds import step_line
from flyte_jupyter.notebook.render.text import duration, size
from flyte_jupyter.tasks.environment import TaskEnvironment, environments
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.source import slice_of

Tell = Callable[[str, str], None]
"""Shows a line of what goes on, by a key."""


@dataclass(slots=True)
class ImagePanel:
    """An image to fill in and to build.

    Args:
        names: the notebook's names, where it is put.
    """

    names: Names
    title: str = "Image"
    buttons: tuple[str, ...] = ("Suggest from notebook", "Apply", "Build", "Stop")
    tell: Tell = field(default=lambda _key, _line: None)
    _going: Future[Any] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields with what they hold at first."""
        return (
            Field(name="variable", label="Variable", value="image"),
            Field(name="name", label="Name", value="notebook"),
            Field(name="base", label="Base", help="Empty: Debian with Python; or an image's URI"),
            Field(name="python", label="Python", help="3.11"),
            _packages(""),
            Field(name="apt", label="Debian packages", help="git, curl"),
            Field(name="variables", label="Variables", kind="lines", help="NAME=value, one a line"),
            Field(name="registry", label="Registry", help="Where it is pushed"),
            Field(name="dockerfile", label="Dockerfile", kind="pre"),
        )

    def answer(self, values: Values) -> Answer:
        """Write it as code and as a Dockerfile."""
        code = self._code(values)
        image: Image = self.names.evaluated(code)
        written = Field(name="dockerfile", label="Dockerfile", kind="pre", value=dockerfile(image))
        shown = f"{coding.variable(values['variable'])} = {code}"
        return Answer(code=shown, said=image.uri, fields=(written,))

    def press(self, button: str, values: Values) -> Answer:
        """Suggest packages, make the image, begin its build or end it."""
        if button == "Suggest from notebook":
            found = "\n".join(sorted(set(_used())))
            shown = self.answer({**values, "pip": found})
            return Answer(code=shown.code, said=shown.said, fields=(_packages(found), *shown.fields))
        if button == "Stop":
            stopped = self._going is not None and self._going.cancel()
            return Answer(
                code=self.answer(values).code, said="Stopping." if stopped else "Nothing is being built."
            )
        image: Image = self.names.evaluated(self._code(values))
        variable = coding.variable(values["variable"])
        self.names.put(variable, image)
        if button == "Apply":
            return Answer(code=self.answer(values).code, said=f"{variable} is {image.uri} now.")
        self._begin(image)
        return Answer(code=self.answer(values).code, said=f"Building {image.uri}", begun=True)

    def _begin(self, image: Image) -> None:
        if self._going is not None:
            self._going.cancel()
        self._going = loop.submit(build.aio(image, on_step=self._step))
        self._going.add_done_callback(self._ended)

    def _step(self, image: str, step: Step) -> None:
        self.tell(f"{image} {step.number}", step_line(step, step.count, image))

    def _ended(self, done: Future[Any]) -> None:
        if done.cancelled():
            self.tell("end", "■ stopped")
        elif error := done.exception():
            self.tell("end", f"✗ {error}")
        else:
            made = done.result()
            how = "built" if made.built else "was there already"
            self.tell("end", f"✓ {made.uri} {how} in {duration(made.seconds)}, {size(made.size)}")

    def _code(self, values: Values) -> str:
        base, python = str(values["base"]).strip(), str(values["python"]).strip()
        named = {"name": coding.text(values["name"]), "registry": coding.text(values["registry"])}
        if base:
            code = f"flyte.Image.from_base({base!r})" + coding.call(".clone", {**named, "extendable": "True"})
        else:
            version = f"({python.replace('.', ', ')})" if python else ""
            code = coding.call("flyte.Image.from_debian_base", {"python_version": version, **named})
        for method, words in (("apt", _words(values["apt"])), ("pip", _words(values["pip"]))):
            code += f".with_{method}_packages({', '.join(map(repr, words))})" if words else ""
        variables = coding.pairs(str(values["variables"]))
        return code + (f".with_env_vars({variables})" if variables else "")


def _packages(value: str) -> Field:
    return Field(
        name="pip", label="Python packages", kind="lines", value=value, help="pandas==2.2.3, one a line"
    )


def _words(text: object) -> list[str]:
    return str(text).replace(",", " ").split()


def _used() -> Iterator[str]:
    """Name the packages that the notebook's tasks really import, as they are installed here."""
    known = packages_distributions()  # ``sklearn`` is scikit-learn's
    for env in environments().values():
        for task in env.tasks.values() if isinstance(env, TaskEnvironment) else ():
            parts = slice_of(getattr(task, "func", task)).parts
            for part in parts:
                if part.kind == "package" and part.text:
                    name = known.get(part.name.partition(".")[0], [part.name])[0]
                    yield f"{name}=={part.text}"
