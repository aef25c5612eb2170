"""What differed from the kernel in the places where a run's bodies ran."""

from collections.abc import Iterable
from dataclasses import dataclass

from flyte_jupyter.runs.events import PlaceCompared


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that was otherwise in a place than in the kernel.

    Args:
        place: where: process, container, ...
        image: the image there; empty for none.
        kind: python, platform, package or variable.
        name: the name of the package or variable; empty for the others.
        here: what it is in the kernel; empty if it is not there. Of variables only that they are set.
        there: what it is in that place.
    """

    place: str
    image: str
    kind: str
    name: str
    here: str
    there: str


def differences(compared: Iterable[PlaceCompared]) -> tuple[Difference, ...]:
    """List what differed, each thing once for a place."""
    found: dict[tuple[str, str, str], Difference] = {}
    for event in compared:
        for what in {**event.here, **event.there}:
            kind, _, name = what.partition(" ")
            found[event.place, event.image, what] = Difference(
                place=event.place, image=event.image, kind=kind, name=name,
                here=event.here.get(what, ""), there=event.there.get(what, ""),
            )  # fmt: skip
    return tuple(found[key] for key in sorted(found, key=lambda key: (*key[:2], _rank(key[2]))))


_KINDS = ("python", "platform", "package", "variable")


def _rank(what: str) -> tuple[int, str]:
    kind = what.partition(" ")[0]
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), what)
