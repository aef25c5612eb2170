"""The images of a run: the fold of what is said of them, step by step."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flyte_jupyter.runs.events import Event, ImageStep


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of a build.

    Args:
        number: its place, from 1.
        status: running, ran, cached or failed.
        layer: what it is for; empty for the base.
        command: what it does.
        started: when it began.
        seconds: how long it took.
        size: what it added, in bytes.
    """

    number: int
    status: str
    layer: str = ""
    command: str = ""
    started: float = 0.0
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """An image that an action needed.

    Args:
        name: the image's name.
        action: the action.
        status: building, built, pulling, pulled, pushing, pushed or failed.
        started: when that began.
        seconds: how long building, pulling or pushing took so far.
        size: its size in bytes, once that is known.
        count: how many steps there are.
        steps: those that have begun, in order.
    """

    name: str
    action: str
    status: str
    started: float
    seconds: float = 0.0
    size: int = 0
    count: int = 0
    steps: tuple[StepState, ...] = ()


def images(events: Iterable[Event]) -> tuple[ImageState, ...]:
    """Fold a run's events to the images that were built, pulled or pushed in it, in order."""
    found: dict[tuple[str, str], ImageState] = {}
    for event in events:
        if isinstance(event, ImageStep):
            key = (event.action, event.image)
            before = found.get(key) or ImageState(
                name=event.image, action=event.action, status=event.status, started=event.time
            )
            found[key] = _advanced(before, event)
    return tuple(found.values())


def _advanced(state: ImageState, event: ImageStep) -> ImageState:
    if not event.step:
        size = event.size or state.size
        return replace(state, status=event.status, seconds=state.seconds + event.seconds, size=size)
    steps = {step.number: step for step in state.steps}
    before = steps.get(event.step)
    steps[event.step] = StepState(
        number=event.step,
        status=event.status,
        layer=event.layer,
        command=event.command,
        started=before.started if before else event.time,
        seconds=event.seconds,
        size=event.size,
    )
    return replace(state, count=max(state.count, event.steps), steps=tuple(steps[n] for n in sorted(steps)))
