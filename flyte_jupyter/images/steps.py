"""What a builder says while it works, as steps: of BuildKit's plain text and of the engine's own stream.

Pure: a reader is given line after line and gives steps; it knows the instructions, so that each step says for
which layer of the image it is.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flyte_jupyter.images.dockerfile import Instruction

_KEPT = 20
"""Of a step's output, as many last lines are kept."""

_MOUNT = re.compile(r"--mount=\S+\s*(?:\\\n\s*)?")
_EXPORT = re.compile(r"export [^;]*; ?")
_QUIET = re.compile(r"PIP_[A-Z_]+=\S+ |UV_[A-Z_]+=\S+ |DEBIAN_FRONTEND=noninteractive ")
_BYE = re.compile(r"Successfully (built [0-9a-f]{12}|tagged \S+)$| ---> |Removing intermediate container ")
_SILENT = ("ENV", "LABEL", "CMD", "ENTRYPOINT", "ARG", "USER", "EXPOSE", "VOLUME", "STOPSIGNAL", "SHELL", "#")
"""Instructions that are no steps for BuildKit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a build.

    Args:
        number: its place, from 1.
        count: how many steps there are.
        status: running, ran, cached or failed.
        command: what it does.
        layer: the kind of the layer that it is for; empty for the base.
        place: that layer's place in the image; 0 for none.
        described: that layer as it was written.
        seconds: how long it took.
        size: the bytes that it added, where that is known.
        lines: its last lines, of one that failed.
    """

    number: int
    count: int
    status: str
    command: str
    layer: str = ""
    place: int = 0
    described: str = ""
    seconds: float = 0.0
    size: int = 0
    lines: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads what a builder says."""

    def read(self, said: Any) -> Iterator["Step | str"]:
        """Read one piece; gives steps, and lines of output as text."""


class _Steps:
    """The steps that have begun, by what the builder calls them.

    Args:
        known: the instructions that are steps for this builder; empty if they are not known.
    """

    def __init__(self, known: tuple[Instruction, ...]) -> None:
        self._known = known
        self._open: dict[str, Step] = {}
        self._lines: dict[str, deque[str]] = {}

    def begin(self, key: str, number: int, count: int, text: str) -> Step:
        step = Step(number=number, count=count, status="running", command=shortened(text))
        if number <= len(self._known) == count:
            one = self._known[number - 1]
            kind = one.layer.kind if one.layer is not None else ""
            described = repr(one.layer) if one.layer is not None else ""
            step = replace(
                step, command=shortened(one.text), layer=kind, place=one.number, described=described
            )
        self._open[key] = step
        self._lines[key] = deque(maxlen=_KEPT)
        return step

    def said(self, key: str, line: str) -> None:
        if key in self._lines:
            self._lines[key].append(line)

    def end(self, key: str, status: str, seconds: float = 0.0) -> Step | None:
        step = self._open.pop(key, None)
        if step is None:
            return None
        lines = tuple(self._lines.pop(key)) if status == "failed" else ()
        return replace(step, status=status, seconds=seconds, lines=lines)


class PlainReader:
    """Reads the lines that BuildKit writes with ``--progress=plain``.

    Args:
        instructions: those of the Dockerfile; empty if they are not known.
    """

    _line = re.compile(r"#(\d+) (.*)", re.DOTALL)
    _step = re.compile(r"\[(?:(\S+) )?(\d+)/(\d+)\] (.*)", re.DOTALL)
    _output = re.compile(r"\d+\.\d+ (.*)", re.DOTALL)

    def __init__(self, instructions: tuple[Instruction, ...]) -> None:
        self._steps = _Steps(counted(instructions))

    def read(self, said: str) -> Iterator[Step | str]:
        """Read one line."""
        line = self._line.match(said.rstrip("\n"))
        if line is None:
            return
        key, text = line.groups()
        found = self._step.match(text)
        if found:
            yield self._steps.begin(key, int(found[2]), int(found[3]), found[4])
            return
        # Output without a line break at its end stands before what follows.
        output = self._output.match(text)
        last = re.search(rf"#{key} (DONE \d.*|CACHED|CANCELED|ERROR.*)\Z", text) if output else None
        if output:
            line_said = text[: last.start()] if last else text
            line_said = line_said.partition(" ")[2]
            self._steps.said(key, line_said)
            yield line_said
            text = last[1] if last else ""
        yield from self._ended(key, text)

    def _ended(self, key: str, text: str) -> Iterator[Step]:
        step = None
        if text == "CACHED":
            step = self._steps.end(key, "cached")
        elif text.startswith("DONE "):
            step = self._steps.end(key, "ran", _seconds(text))
        elif text.startswith("ERROR"):
            step = self._steps.end(key, "failed")
        if step is not None:
            yield step


class StreamReader:
    """Reads the messages of the engine's classic builder.

    Args:
        instructions: those of the Dockerfile; empty if they are not known.
        clock: gives the time in seconds.

    Attributes:
        image: the image's identity, at the end.
        container: where the step runs, if it runs in one.
    """

    _step = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
    _colours = re.compile(r"\x1b\[[0-9;]*m")

    def __init__(self, instructions: tuple[Instruction, ...], clock: Any) -> None:
        self._steps = _Steps(instructions)
        self._clock = clock
        self._since = 0.0
        self._now = ""
        self._cached = False
        self.image = ""
        self.container = ""

    def read(self, said: Mapping[str, Any]) -> Iterator[Step | str]:
        """Read one message."""
        if "aux" in said and isinstance(said["aux"], Mapping):
            self.image = str(said["aux"].get("ID", self.image))
        if "error" in said:
            yield from self._end("failed")
        for line in self._colours.sub("", str(said.get("stream", ""))).splitlines():
            yield from self._line(line)

    def close(self) -> Iterator[Step]:
        """Give the last step."""
        yield from self._end("cached" if self._cached else "ran")

    def _line(self, line: str) -> Iterator[Step | str]:
        found = self._step.match(line)
        if found:
            yield from self.close()
            self._now, self._cached, self._since = found[1], False, self._clock()
            yield self._steps.begin(self._now, int(found[1]), int(found[2]), found[3])
            self.container = ""
        elif line.startswith(" ---> Running in "):
            self.container = line.rpartition(" ")[2]
        elif line.startswith(" ---> Using cache"):
            self._cached = True
        elif line.strip() and not _BYE.match(line):
            self._steps.said(self._now, line)
            yield line

    def _end(self, status: str) -> Iterator[Step]:
        step = self._steps.end(self._now, status, round(self._clock() - self._since, 3))
        if step is not None:
            yield step


def counted(instructions: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """Leave out the instructions that are no steps for BuildKit."""
    return tuple(one for one in instructions if not one.text.startswith(_SILENT))


def shortened(text: str) -> str:
    """Write an instruction without what every one of its kind has: mounts, variables of installers."""
    words, _, rest = text.partition(" ")
    rest = _QUIET.sub("", _EXPORT.sub("", _MOUNT.sub("", rest)))
    return " ".join(f"{words} {rest}".split())


def _seconds(text: str) -> float:
    found = re.search(r"(\d+(?:\.\d+)?)s", text)
    return float(found[1]) if found else 0.0
