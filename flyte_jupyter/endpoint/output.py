"""What attempts printed: a file per attempt, read from any place and followed live."""

import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flyte_jupyter.endpoint.bells import Bells
from flyte_jupyter.endpoint.folders import Folders
from flyte_jupyter.redaction import redact

_OPEN = 64  # files that are kept open
_LONGEST = 1 << 13  # of a line that is not cut


@dataclass(frozen=True, slots=True)
class Line:
    """A line of output: when it came, on which stream, and its text."""

    time: float
    stream: str
    text: str


class Output:
    """The output of attempts.

    Args:
        folders: where it is kept.
        bells: rung with ``("output", run, action, attempt)`` when something came.
    """

    def __init__(self, folders: Folders, bells: Bells) -> None:
        self._folders = folders
        self._bells = bells
        self._files: OrderedDict[Path, IO[str]] = OrderedDict()
        self._begun: dict[tuple[str, str, int, str], str] = {}

    def write(self, run: str, action: str, attempt: int, stream: str, text: str) -> str:
        """Take what an attempt printed, and give what is kept of it now: whole lines, without secrets.

        A line that has begun waits for its end.
        """
        key = (run, action, attempt, stream)
        text = self._begun.pop(key, "") + text
        whole = len(text) if len(text) > _LONGEST else text.rfind("\n") + 1
        if whole < len(text):
            self._begun[key] = text[whole:]
        return self._kept(run, action, attempt, stream, text[:whole])

    def over(self, run: str, action: str, attempt: int) -> dict[str, str]:
        """Keep the lines that have only begun, as their attempt has ended; give them by stream."""
        return {
            stream: self._kept(
                run, action, attempt, stream, self._begun.pop((run, action, attempt, stream), "")
            )
            for stream in ("stdout", "stderr")
        }

    def _kept(self, run: str, action: str, attempt: int, stream: str, text: str) -> str:
        text = redact(text)
        if text:
            file = self._file(self._path(run, action, attempt))
            now = time.time()
            file.writelines(json.dumps([now, stream, line]) + "\n" for line in text.splitlines(keepends=True))
            file.flush()
            self._bells.ring(("output", run, action, attempt))
        return text

    def read(self, run: str, action: str, attempt: int, start: int = 0) -> tuple[list[Line], int]:
        """Read what came behind a position, and give the next position."""
        try:
            with self._path(run, action, attempt).open("rb") as file:
                file.seek(start)
                data = file.read()
        except FileNotFoundError:
            return [], start
        whole = data[: data.rfind(b"\n") + 1]
        return list(_lines(whole)), start + len(whole)

    def tail(self, run: str, action: str, attempt: int) -> str:
        """Give the end of what an attempt printed to stderr."""
        lines, _ = self.read(run, action, attempt)
        return "".join(line.text for line in lines[-20:])

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    def _path(self, run: str, action: str, attempt: int) -> Path:
        return self._folders.attempt(run, action, attempt) / "output"

    def _file(self, path: Path) -> IO[str]:
        file = self._files.pop(path, None)
        if file is None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = path.open("a", encoding="utf-8")
        self._files[path] = file
        while len(self._files) > _OPEN:
            self._files.popitem(last=False)[1].close()
        return file


def _lines(data: bytes) -> Iterator[Line]:
    for row in data.splitlines():
        with suppress(ValueError):  # cut off when the endpoint was killed
            yield Line(*json.loads(row))
