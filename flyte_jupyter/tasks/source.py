"""What a function depends on, found from the live function: the slice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

from flyte_jupyter.errors import CodeBundleError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.slicing import changes
from flyte_jupyter.tasks.slicing.changes import Change
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.part import Part

__all__ = ["Change", "Part", "Slice", "function_parts", "pin", "slice_of", "version_of"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A function with everything of the user's that it depends on, at one moment.

    Args:
        parts: the function itself first, then what was met on the way.
        warnings: what could not be seen, and values that make results never be found again.
        variables: the variables of the environment that it reads.
        unheard: whether compiled libraries read files for it, at paths that may be inputs.
        unseen: what may change without a change of the version, in words.
        version: a digest over all parts: the same in every process as long as nothing that counts changes.
        func: the live function; None for a slice read back from its stored form.
    """

    parts: tuple[Part, ...]
    warnings: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()
    unheard: bool = False
    unseen: tuple[str, ...] = ()
    version: str = ""
    func: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.version:
            object.__setattr__(self, "version", _version(self.parts))

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.parts[0].name if self.parts else ""

    def salted(self, salt: str) -> str:
        """Give the version, with any text that counts for it, too."""
        return digest("salted", self.version, salt) if salt else self.version

    def mapping(self) -> dict[str, str]:
        """Give the parts in a short form, by name: what ``diff`` takes."""
        return changes.mapping(self.parts)

    def diff(self, old_parts: Mapping[str, str]) -> list[Change]:
        """Say what has changed since the given parts were stored, one sentence each."""
        return changes.between(old_parts, self.mapping())

    def plain(self) -> dict[str, Any]:
        """Give a small form of plain values to store; without the source."""
        return {"version": self.version, "parts": self.mapping(), "warnings": list(self.warnings)}

    def text(self) -> str:
        """Write the function as a module that runs by itself: imports, values, helpers, classes, itself.

        Values that cannot be written as code are left out and named in comments; ``unshippable`` lists them.

        Raises:
            CodeBundleError: the function has no source, or this slice was read back from its stored form.
        """
        return self._written()[0]

    def unshippable(self) -> Mapping[str, str]:
        """Name the values that ``text`` leaves out, each with what it is."""
        return self._written()[1]

    def _written(self) -> tuple[str, dict[str, str]]:
        if self.func is None:
            raise CodeBundleError(f"{self.name} was read back from its stored form, which has no source")
        try:
            text, outside = load("flyte_jupyter.tasks.slicing.writing:write")(self.func)
        except load("flyte_jupyter.tasks.slicing.expressions:UnwritableError") as error:
            raise CodeBundleError(f"{self.name} cannot be written as code: it is {error}") from error
        return text, outside

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Slice":
        """Read the form that ``plain`` gives."""
        parts = changes.parts(plain.get("parts", {}))
        return cls(
            parts=parts, warnings=tuple(plain.get("warnings", ())), version=str(plain.get("version", ""))
        )


_known = Held(512)


def slice_of(func: Callable[..., Any]) -> Slice:
    """Find all that a function depends on: its own text, helpers, classes, values, modules and packages.

    A task is taken for its function. A slice is found again in microseconds as long as nothing has changed;
    values that can change in place are hashed again each time.
    """
    root = _function(func)
    known = _known.get(root)
    if known is not None and known[1].holds():
        found: Slice = known[0]
        return found
    walk = load("flyte_jupyter.tasks.slicing.walk:walk_from")(root)
    found = Slice(
        parts=tuple(walk.parts.values()),
        warnings=tuple(walk.warnings),
        variables=frozenset(walk.variables),
        unheard=walk.unheard,
        unseen=tuple(walk.unseen),
        func=root,
    )
    _known.put(root, (found, walk))
    return found


def pin(func: Callable[..., Any], found: Slice) -> None:
    """Take a slice for that of a function: it was made where the function comes from, and holds for ever."""
    root = _function(func)
    _known.put(root, (replace(found, func=root), _Pinned()))


def version_of(func: Callable[..., Any], salt: str = "") -> str:
    """Give the version of a function: 32 hex digits that change when its results may."""
    return slice_of(func).salted(salt)


def function_parts(func: Callable[..., Any]) -> Mapping[str, str]:
    """Give what a function's version is made of, by name, in the form that ``Slice.diff`` takes."""
    return slice_of(func).mapping()


class _Pinned:
    """What a pinned slice rests on: nothing that could change."""

    @staticmethod
    def holds() -> bool:
        return True


def _function(func: Callable[..., Any]) -> Callable[..., Any]:
    if isinstance(func, FunctionType):
        return func
    inside: Callable[..., Any] | None = load("flyte_jupyter.tasks.slicing.tasks:function_of")(func)
    return inside or func


def _version(parts: tuple[Part, ...]) -> str:
    """Hash the parts in the order of their names; the function's own name does not count."""
    lines = sorted((part.name if at else "", part.kind, part.digest) for at, part in enumerate(parts))
    return digest("slice", *(text for line in lines for text in line))
