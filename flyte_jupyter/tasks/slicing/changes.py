"""What differs between two slices, in sentences."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args

from flyte_jupyter.tasks.slicing.part import Kind, Part

_VALUES = ("constant", "unknown")
_ROOT = "task"
_TEXT = 120
_SECOND = re.compile(r".+#\d+")
"""The name of a part whose name another one has, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Args:
        name: the part that differs.
        kind: what it is, or was if it is gone.
        before: its short form before, "" if it is new or code.
        after: its short form now, "" if it is gone or code.
        sentence: the difference in words; what ``str`` gives.
    """

    name: str
    kind: Kind
    before: str
    after: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def mapping(parts: Iterable[Part]) -> dict[str, str]:
    """Write parts as ``kind:digest:text`` by name; the first is the function itself."""
    return {part.name: _line(part, first=not at) for at, part in enumerate(parts)}


def parts(lines: Mapping[str, str]) -> tuple[Part, ...]:
    """Read what ``mapping`` wrote; code comes back without its text."""
    return tuple(_part(name, line) for name, line in lines.items())


def between(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Compare two slices; most telling first: values, then code, then packages."""
    before, after = _by_name(old), _by_name(new)
    names = [*after, *(name for name in before if name not in after)]
    found = [change for name in names for change in _compare(before.get(name), after.get(name))]
    found = list(_joined(found))
    inner = {change.name for change in found}
    return sorted(
        (c for c in found if c.kind != "class" or not any(n.startswith(f"{c.name}.") for n in inner)),
        key=_order,
    )


def _joined(found: list[Change]) -> Iterator[Change]:
    """Say only that there is a second class of a name: one that is still held after it was defined anew."""
    second = {c.name for c in found if c.kind == "class" and _SECOND.fullmatch(c.name)}
    for change in found:
        word, uses, _ = change.sentence.partition(" uses ")
        if change.name in second and uses:
            yield replace(change, sentence=f"{word} uses two classes `{change.name.partition('#')[0]}`")
        elif not any(change.name.startswith(f"{name}.") for name in second):
            yield change


def _line(part: Part, *, first: bool) -> str:
    kind = _ROOT if first and part.kind == "function" else part.kind
    text = "" if part.kind in ("function", "class", "module") else part.text[:_TEXT]
    return f"{kind}:{part.digest}:{text}"


def _part(name: str, line: str) -> Part:
    kind, _, rest = line.partition(":")
    content, _, text = rest.partition(":")
    known = kind if kind in get_args(Kind) else "function" if kind == _ROOT else "unknown"
    return Part(name=name, kind=cast("Kind", known), digest=content, text=text)


def _by_name(lines: Mapping[str, str]) -> dict[str, Part]:
    """Read parts; the function itself is found under no name, for its name does not count."""
    return {"" if line.startswith(f"{_ROOT}:") else name: _part(name, line) for name, line in lines.items()}


def _compare(old: Part | None, new: Part | None) -> Iterator[Change]:
    if old is not None and new is not None and (old.kind, old.digest) == (new.kind, new.digest):
        return
    shown = cast("Part", new or old)
    before, after = old.text if old else "", new.text if new else ""
    yield Change(
        name=shown.name, kind=shown.kind, before=before, after=after, sentence=_sentence(shown.name, old, new)
    )


def _sentence(name: str, old: Part | None, new: Part | None) -> str:
    if old is None or new is None:
        part = cast("Part", new or old)
        return f"{'now' if new else 'no longer'} uses {_called(part)}"
    if old.kind != new.kind and not (old.kind in _VALUES and new.kind in _VALUES):
        return f"`{name}` was a {old.kind}, is now a {new.kind}"
    if new.kind in ("package", "builtin"):
        return f"{name} {old.text} -> {new.text}"
    if new.kind == old.kind == "unknown" and old.text == new.text:
        return f"`{name}` is another object ({new.text}), and its content cannot be compared"
    if new.kind in _VALUES:
        return (
            f"`{name}` {old.text} -> {new.text}" if old.text != new.text else f"`{name}` changed ({new.text})"
        )
    return f"{_called(new)} changed"


def _called(part: Part) -> str:
    if part.kind == "package":
        return f"{part.name} {part.text}"
    if part.kind in _VALUES:
        return f"`{part.name}` = {part.text}" if part.text else f"`{part.name}`"
    return f"{part.kind} `{part.name}`"


def _order(change: Change) -> int:
    kinds: tuple[Kind, ...] = ("constant", "unknown", "function", "class", "module", "package", "builtin")
    return kinds.index(change.kind)
