"""``images``: which images were built, built now, and looked for."""

from argparse import Namespace
from collections.abc import Iterator

from flyte_jupyter.engine.building import build as build_now
from flyte_jupyter.engine.imaging import image_in
from flyte_jupyter.errors import Error
from flyte_jupyter.images.check import ImageChecker
from flyte_jupyter.images.steps import Step
from flyte_jupyter.notebook.render.builds import step_line
from flyte_jupyter.notebook.render.text import duration, moment, plural, size, table
from flyte_jupyter.runs.builds import ImageState, images
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.defining import define
from flyte_jupyter.terminal.screen import Screen

_HEADERS = ("IMAGE", "STATUS", "WHEN", "TOOK", "SIZE", "STEPS", "CACHED", "BY RUN")
_NUMBERS = (3, 4, 5, 6)
_ENDED = ("ran", "cached", "failed")


def ls(args: Namespace, screen: Screen) -> int:
    """List the images that runs built, pulled or pushed, the newest first."""
    rows = [_row(run, image) for run, image in _recorded(args.limit)]
    if not rows:
        screen.tell(f"no image was built in the last {plural(args.limit, 'run')}")
        return 0
    screen.print(table(_HEADERS, rows, _NUMBERS))
    return 0


def build(args: Namespace, screen: Screen) -> int:
    """Build an image and tell its steps as they come."""

    def on_step(image: str, step: Step) -> None:
        if not step.number or (step.status in _ENDED and not step.size):
            screen.tell(step_line(step, step.count, image))

    def on_line(line: str) -> None:
        if args.verbose:
            screen.tell("        " + screen.hue.user(line))

    done = build_now(
        target(args.target), force=args.force, builder=args.builder, on_step=on_step, on_line=on_line
    )
    screen.print(done.uri)
    if not (done.built or done.pushed):
        screen.tell("it was there already")
    return 0


def check(args: Namespace, screen: Screen) -> int:
    """Tell where an image is; the status is 1 if it is nowhere."""
    image, checker = target(args.target), ImageChecker()
    here = checker.here(image.uri)
    there = checker.there(image.uri) if image.registry or not image.is_built else None
    screen.print(image.uri)
    if here is not None:
        screen.print(f"  on the container engine: {size(here.size)}, {here.platform}, {here.id}")
    if there is not None:
        screen.print(f"  in its registry: {there}")
    if here is None and there is None:
        screen.print("  nowhere; 'images build' makes it")
        return 1
    return 0


def target(text: str) -> Image:
    """Find the image that a person means: ``FILE.py:NAME`` of an image, environment or task; or a URI.

    Raises:
        Error: there is no such file, or it defines no such thing.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not file.endswith(".py"):
        return image_in(text)
    value = getattr(define(file), name, None)
    if isinstance(value, Image | Environment | TaskTemplate):
        return image_in(value)
    raise Error(f"{file} defines no image, environment or task {name!r}")


def _recorded(limit: int) -> Iterator[tuple[str, ImageState]]:
    where = found.store()
    for row in where.runs(limit=limit):
        for image in images(event for _, event in where.events(row.name)):
            yield row.name, image


def _row(run: str, image: ImageState) -> tuple[str, ...]:
    cached = sum(step.status == "cached" for step in image.steps)
    return (
        image.name, image.status, moment(image.started), duration(image.seconds),
        size(image.size) if image.size else size(None), str(len(image.steps)), str(cached), run,
    )  # fmt: skip
