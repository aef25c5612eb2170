"""The steps of image builds as lines of text."""

from typing import Protocol

from flyte_jupyter.notebook.render.text import duration, line, shorten, size

_WIDTH = 100
_SIGNS = {
    "running": "▸", "ran": "✓", "cached": "≡", "failed": "✗", "building": "▸", "built": "✓", "pulling": "▸",
    "pulled": "✓", "pushing": "▸", "pushed": "✓",
}  # fmt: skip


class Step(Protocol):
    """A step of a build, as it is told or as it is recorded."""

    @property
    def number(self) -> int:
        """Its place; 0 for the image as a whole."""

    @property
    def status(self) -> str:
        """How it is."""

    @property
    def layer(self) -> str:
        """What it is for."""

    @property
    def command(self) -> str:
        """What it does."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def size(self) -> int:
        """The bytes that it added."""


def step_line(step: Step, count: int = 0, image: str = "") -> str:
    """Write a step in one line: how it ended, its place, how long it took, what it added and what it does."""
    sign = _SIGNS.get(step.status, " ")
    if not step.number:
        facts = [step.status, line(image), _took(step.seconds), size(step.size) if step.size else ""]
        return f"{sign} {'  '.join(filter(None, facts))}"
    place = f"{step.number}/{count}" if count else str(step.number)
    facts = [f"{place:>5}", f"{step.status:<7}", f"{_took(step.seconds):>9}"]
    facts.append(f"{size(step.size) if step.size else '':>8}")
    return f"{sign} {' '.join(facts)}  {shorten(step.command, _WIDTH)}"


def _took(seconds: float) -> str:
    return duration(seconds) if seconds else ""
