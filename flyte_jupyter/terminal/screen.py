"""Where a command writes: results to one stream, words about them to the other, in colour if wanted."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.render.phases import BAD_LOOKS, CACHED, LOOKS, Look
from flyte_jupyter.runs.state import Phase

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_RESET = "\x1b[0m"
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_COLOURS = {LOOKS[Phase.SUCCEEDED]: "green", LOOKS[Phase.RUNNING]: "blue", CACHED: "cyan"}


class UsageError(Error):
    """The command was asked for something that cannot be; the process ends with status 2."""


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours, where they are wanted.

    Args:
        wanted: whether text gets colours at all.
    """

    wanted: bool = False

    def __call__(self, text: str, colour: str) -> str:
        """Colour a text."""
        return f"\x1b[{_CODES[colour]}m{text}{_RESET}" if self.wanted and text else text

    def look(self, text: str, seen: Look) -> str:
        """Colour the state's symbol and word where they first stand in a text."""
        word = f"{seen.symbol} {seen.word}"
        return text.replace(word, self(word, _colour(seen)), 1)

    def user(self, text: str) -> str:
        """Let a user's text keep its colours, if they are wanted, and nothing else that moves a terminal."""
        kept = _ESCAPES.sub(_only_colours if self.wanted else "", text)
        kept = _UNFIT.sub("\ufffd", kept)
        if not self.wanted:
            return kept.replace("\x1b", "\ufffd")
        return kept + _RESET if "\x1b[" in kept else kept


@dataclass(frozen=True, slots=True)
class Screen:
    """The two streams of a command.

    Args:
        out: takes the results.
        err: takes errors and progress.
        paint: the colours of ``out``.
        hue: the colours of ``err``.
    """

    out: TextIO
    err: TextIO
    paint: Paint = Paint()
    hue: Paint = Paint()

    @classmethod
    def of(cls, out: TextIO, err: TextIO, environment: Mapping[str, str] | None = None) -> "Screen":
        """Find out what the streams are: terminals get colours unless ``NO_COLOR`` is set."""
        variables = os.environ if environment is None else environment
        for stream in (out, err):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(
                    errors="replace"
                )  # a terminal that lacks a sign shows "?", not a traceback
        return cls(out, err, Paint(_colourful(out, variables)), Paint(_colourful(err, variables)))

    def print(self, text: str = "") -> None:
        """Write a line of results."""
        self.out.write(text + "\n")

    def tell(self, text: str) -> None:
        """Write a line about what is going on, at once."""
        self.out.flush()
        self.err.write(text + "\n")
        self.err.flush()

    def width(self) -> int:
        """Give the columns of the terminal."""
        return shutil.get_terminal_size().columns


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees what is written, as it is written."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _colourful(stream: TextIO, variables: Mapping[str, str]) -> bool:
    return stream.isatty() and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"


def _only_colours(found: re.Match[str]) -> str:
    return found.group() if _SGR.fullmatch(found.group()) else ""


def _colour(seen: Look) -> str:
    return "red" if seen in BAD_LOOKS else _COLOURS.get(seen, "dim")
