"""``%flyte images build``: builds the images of the notebook's tasks, a line for each step."""

from IPython.core.error import UsageError

from flyte_jupyter.engine.building import build as build_now
from flyte_jupyter.engine.imaging import image_in
from flyte_jupyter.images.steps import Step
from flyte_jupyter.notebook.command import Given
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.render.builds import step_line

_ENDED = ("ran", "cached", "failed")


def build(given: Given, here: Here) -> None:
    """Build the image that is named, or those of all tasks."""
    asked = [here.names[given.name]] if given.name in here.names else []
    if given.name and not asked:
        asked = [here.task(given.name)]
    try:
        wanted = {image.uri: image for image in map(image_in, asked or here.tasks().values())}
    except TypeError as error:
        raise UsageError(str(error)) from None
    for uri, image in wanted.items():
        done = build_now(image, force=given.force, on_step=_tell)
        if not (done.built or done.pushed):
            print(f"≡ {uri} is there")  # noqa: T201 - the cell's output


def _tell(image: str, step: Step) -> None:
    if not step.number or (step.status in _ENDED and not step.size):
        print(step_line(step, step.count, image))  # noqa: T201 - the cell's output
