"""The form of an image: base and layers; its Dockerfile as it is filled in; its build in steps."""

import difflib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import packages_distributions
from typing import Any

from flyte_jupyter.engine.building import build
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.images.dockerfile import dockerfile
from flyte_jupyter.images.steps import Step
from flyte_jupyter.notebook.panels import coding, layers
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
    _built: tuple[Image, int] | None = None  # the image that was built before, and its size

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields with what they hold at first."""
        return (
            Field(name="variable", label="Variable", value="image"),
            Field(name="name", label="Name", value="notebook"),
            Field(name="base", label="Base", help="Empty: Debian with Python; or an image's URI"),
            Field(name="python", label="Python", help="3.11"),
            layers.field((kind, "") for kind in (layers.APT, layers.PIP, layers.VARIABLES)),
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
            filled = layers.with_packages(layers.read(values["layers"]), found)
            shown = self.answer({**values, "layers": filled})
            return replace(shown, fields=(layers.field(filled), *shown.fields))
        shown = self.answer(values)
        if button == "Stop":
            stopped = self._going is not None and not self._going.done() and self._going.cancel()
            return replace(shown, said="Stopped." if stopped else "Nothing is being built.")
        image: Image = self.names.evaluated(self._code(values))
        variable = coding.variable(values["variable"])
        self.names.put(variable, image)
        if button == "Apply":
            return replace(shown, said=f"{variable} is {image.uri} now.")
        self._begin(image)
        return replace(shown, said=f"Building {image.uri}", begun=True)

    def _begin(self, image: Image) -> None:
        if self._going is not None:
            self._going.cancel()
        self._going = loop.submit(build.aio(image, on_step=self._step))
        self._going.add_done_callback(partial(self._ended, image))

    def _step(self, image: str, step: Step) -> None:
        if self._going is not None and self._going.cancelled():
            return  # that it fails now is what was asked for
        self.tell(f"{image} {step.number}", step_line(step, step.count, image))

    def _ended(self, image: Image, done: Future[Any]) -> None:
        if done.cancelled():
            self.tell("end", "■ stopped")
        elif error := done.exception():
            self.tell("end", f"✗ {error}")
        else:
            made = done.result()
            how = "built" if made.built else "was there already"
            self.tell("end", f"✓ {made.uri} {how} in {duration(made.seconds)}, {size(made.size)}")
            if self._built is not None and self._built[0] != image:
                for at, line in enumerate(_difference(*self._built, image, made.size)):
                    self.tell(f"difference {at}", line)
            self._built = image, made.size

    def _code(self, values: Values) -> str:
        base, python = str(values["base"]).strip(), str(values["python"]).strip()
        named = {"name": coding.text(values["name"]), "registry": coding.text(values["registry"])}
        if base:
            code = f"flyte.Image.from_base({base!r})" + coding.call(".clone", {**named, "extendable": "True"})
        else:
            version = f"({python.replace('.', ', ')})" if python else ""
            code = coding.call("flyte.Image.from_debian_base", {"python_version": version, **named})
        return code + layers.code(layers.read(values["layers"]))


def _difference(before: Image, size_before: int, image: Image, size_now: int) -> Iterator[str]:
    """Tell how an image differs from the one that was built before: by its size and line by line."""
    more = size_now - size_before
    change = f"{size(abs(more))} {'more' if more > 0 else 'less'} than" if more else "of the same size as"
    yield f"It is {change} {before.uri}, and differs from it in:"
    lines = difflib.ndiff(dockerfile(before).splitlines(), dockerfile(image).splitlines())
    yield from (line for line in lines if line.startswith(("+ ", "- ")))


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
