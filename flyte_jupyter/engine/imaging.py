"""The images of actions: built or pulled when they are first needed, and what is said of that, on record."""

import threading
import time
from dataclasses import replace
from functools import cache

from flyte_jupyter.backends.secrets import resolve
from flyte_jupyter.config import Settings
from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.build import ImageBuild, ImageBuildEngine, OnLine, OnStep
from flyte_jupyter.images.steps import Step
from flyte_jupyter.runs.events import Emit, ImageStep
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.tasks.values import AUTO, built_image, image_of

_there: set[str] = set()


def provided(spec: ActionSpec, emit: Emit, stop: threading.Event, *, again: bool = False) -> str:
    """See that the image of an action is on this machine's engine, and give its name.

    Args:
        spec: the action.
        emit: is told what is built, pulled or pushed.
        stop: ends that, when it is set.
        again: look again for one that was there before.

    Raises:
        InitializationError: no container engine answers.
        ImageBuildError: the image cannot be had.
    """
    image = meant(spec.task.image)
    uri = image.uri
    if uri not in _there or again:
        brought(image, builder_address(), recorded(spec.run.name, spec.id.name, emit), stop=stop)
        _there.add(uri)
    return uri


def brought(
    image: Image,
    address: str,
    on_step: OnStep,
    *,
    on_line: OnLine = lambda _line: None,
    stop: threading.Event | None = None,
    force: bool = False,
) -> ImageBuild:
    """Bring an image to this machine's engine; it is built by the one at ``address``.

    Raises:
        ImageBuildError: it cannot be built, or has no registry to come back through.
    """
    here = ImageBuildEngine(reveal=resolve, on_step=on_step, on_line=on_line, stop=stop or threading.Event())
    if not address:
        return here.build(image, force=force)
    if image.is_built and not image.registry:
        raise ImageBuildError(
            f"{image.uri} is built at {address}, and has no registry through which it could come here; give "
            "it one with registry=..."
        )
    replace(here, address=address).build(image, force=force, here=False)
    return here.build(image)


def meant(image: Image | str) -> Image:
    """Give an image itself; "auto" means the project's own setting, or the default image."""
    return image_of_text(_automatic()) if image == AUTO else built_image(image)


def image_in(what: object) -> Image:
    """Give the image of an environment or a task; an image itself, or the one that a text names.

    Raises:
        TypeError: it has none.
    """
    if isinstance(what, Image):
        return what
    if isinstance(what, str):
        return image_of_text(what)
    if isinstance(what, TaskTemplate):
        return meant(what.spec.image)
    if isinstance(what, Environment):
        return meant(what.image)
    raise TypeError(f"build takes an Image, its URI, an environment or a task, not {what!r}")


def image_of_text(text: str) -> Image:
    """Read an image from text: its URI, or "auto" for the default one."""
    return built_image(image_of(text))


def builder_address() -> str:
    """Tell which engine builds, as the project or the environment sets it; empty for the usual one."""
    return Settings.load().builder


def recorded(run: str, action: str, emit: Emit) -> OnStep:
    """Make what puts the steps of builds on record."""

    def on_step(image: str, step: Step) -> None:
        emit(
            ImageStep(
                run=run,
                action=action,
                time=time.time(),
                image=image,
                status=step.status,
                step=step.number,
                steps=step.count,
                layer=step.layer,
                command=step.command,
                seconds=step.seconds,
                size=step.size,
            )
        )

    return on_step


@cache
def _automatic() -> str:
    return Settings.load().image or AUTO
