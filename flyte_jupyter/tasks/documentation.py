"""What a task says about itself, taken from its docstring in Google, NumPy or reST style."""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.tasks.checks import shown, wrong_type

SHORT = 255
"""The longest short description, in characters."""

_SECTION = r"(?:Args|Arguments|Parameters|Params):[ \t]*"
_GOOGLE = r"\*{0,2}(\w+)[ \t]*(?:\([^)]*\))?:[ \t]*(.*)"
_NUMPY = r"\*{0,2}(\w+(?:[ \t]*,[ \t]*\*{0,2}\w+)*)[ \t]*(?::.*)?"
_REST = r":(?:param|parameter|arg|argument)[ \t]+(?:[^:]*[ \t])?\*{0,2}(\w+):[ \t]*(.*)"


def shortened(text: str, limit: int = SHORT) -> str:
    """Cut text to a number of characters; three dots stand for the rest."""
    return text if len(text) <= limit else text[: max(limit - 3, 0)].rstrip() + "..."


@dataclass(frozen=True, slots=True)
class Documentation:
    """A description for people.

    Args:
        description: the whole text.

    Raises:
        TypeError: it is no text.
    """

    description: str = ""

    __repr__ = shown

    def __post_init__(self) -> None:
        if not isinstance(self.description, str):
            raise wrong_type("description", self.description, "text")

    @classmethod
    def of(cls, source: "Documentation | Callable[..., Any] | str | None") -> "Documentation":
        """Take it from a function's docstring or a text.

        Raises:
            TypeError: it is neither.
        """
        if isinstance(source, Documentation):
            return source
        if not (source is None or isinstance(source, str) or callable(source)):
            raise wrong_type("docs", source, "a Documentation, text, or a function with a docstring")
        doc = source if isinstance(source, str) else getattr(source, "__doc__", None)
        return cls(inspect.cleandoc(doc) if isinstance(doc, str) else "")

    @property
    def short(self) -> str:
        """The first paragraph in one line of at most 255 characters."""
        first = re.split(r"\n[ \t]*\n", self.description.strip(), maxsplit=1)[0]
        return shortened(" ".join(first.split()))

    @property
    def parameters(self) -> dict[str, str]:
        """What it says of each parameter, by name, in one line each."""
        lines = self.description.expandtabs().splitlines()
        found: dict[str, str] = {}
        for read in (_google, _numpy, _rest):
            for name, words in read(lines):
                found.setdefault(name, " ".join(" ".join(words).split()))
        return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block(lines: list[str], start: int, margin: int) -> Iterator[str]:
    """Give the lines that are indented by more than the margin; empty lines do not end them."""
    for line in lines[start:]:
        if line.strip() and _indent(line) <= margin:
            return
        if line.strip():
            yield line


def _entries(block: list[str], form: str) -> Iterator[tuple[str, list[str]]]:
    """Split a block where a line at its own margin names a parameter."""
    words: list[str] = []
    margin = _indent(block[0]) if block else 0
    for line in block:
        match = re.fullmatch(form, line.strip()) if _indent(line) == margin else None
        if match:
            words = [match[2]]
            yield match[1], words
        else:
            words.append(line)


def _google(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines):
        if re.fullmatch(_SECTION, line.strip()):
            # A list, so that every entry has its last line before it is read.
            yield from list(_entries(list(_block(lines, number + 1, _indent(line))), _GOOGLE))


def _numpy(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number in range(len(lines) - 1):
        if lines[number].strip() in ("Parameters", "Other Parameters") and set(lines[number + 1].strip()) == {
            "-"
        }:
            margin = _indent(lines[number])
            for at in range(number + 2, len(lines)):
                match = re.fullmatch(_NUMPY, lines[at].strip()) if _indent(lines[at]) == margin else None
                if lines[at].strip() and _indent(lines[at]) <= margin and not match:
                    break
                if at + 1 < len(lines) and set(lines[at + 1].strip()) == {"-"}:
                    break
                for name in re.split(r"[ \t]*,[ \t]*", match[1]) if match else ():
                    yield name.lstrip("*"), list(_block(lines, at + 1, margin))


def _rest(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines):
        match = re.fullmatch(_REST, line.strip())
        if match:
            yield match[1], [match[2], *_block(lines, number + 1, _indent(line))]
