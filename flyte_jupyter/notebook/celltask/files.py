"""The files that a cell reads and writes: whether they still are as the cell found and left them."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyte_jupyter.loading import load

_MOST = 256
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec"})
_CHANGES = frozenset({"os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink"})
_CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".egg-link")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file at one moment.

    Args:
        path: where it is.
        size: its bytes; -1 for a folder.
        time: when it was changed.
        content: the hash of its content.
    """

    path: str
    size: int
    time: int
    content: str

    @classmethod
    def of(cls, path: str) -> "Stamp | None":
        """Look at a file; None if there is none, or nothing that can be read twice."""
        try:
            facts = Path(path).stat()
            if Path(path).is_dir():
                return cls(path, -1, 0, "")
            return cls(path, facts.st_size, facts.st_mtime_ns, _hash(path)) if Path(path).is_file() else None
        except OSError:
            return None

    def holds(self) -> bool:
        """Whether the file still is what it was."""
        try:
            facts = Path(self.path).stat()
            if self.size < 0:
                return Path(self.path).is_dir()
            if facts.st_size != self.size:
                return False
            return facts.st_mtime_ns == self.time or _hash(self.path) == self.content
        except OSError:
            return False


class Files:
    """Takes note of the files that are opened.

    Args:
        hears: whether what this thread does is to be noted.
    """

    def __init__(self, hears: Callable[[], bool]) -> None:
        self._hears = hears
        self._paths: dict[str, None] = {}
        self.effect = ""

    @contextmanager
    def following(self) -> Iterator[None]:
        """Take note of what is opened in the block."""
        _watch()
        _following.append(self)
        try:
            yield
        finally:
            _following.remove(self)

    def stamps(self) -> tuple[Stamp, ...]:
        """Look at the files as they are now."""
        return tuple(found for path in self._paths if (found := Stamp.of(path)) is not None)

    def note(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of an audit event."""
        if not self._hears():
            return
        if event in _PROGRAMS:
            self.effect = self.effect or f"it starts a program ({event})"
            return
        path = _path(args[0]) if args else ""
        if not path or _is_machinery(path):
            return
        if event in _CHANGES:
            # A file of the cell's own: it wrote it and takes it away.
            known = any(Path(path).name == Path(noted).name for noted in self._paths)
            self.effect = self.effect or ("" if known else f"it changes the files at {Path(path).name}")
        elif len(self._paths) < _MOST and not (path.endswith(_CODE) and not _writes(args)):
            self._paths[path] = None


_following: list[Files] = []
_state = {"watched": False}


def _watch() -> None:
    """Hear of opened files from now on: the interpreter has no word for the end of it."""
    if not _state["watched"]:
        _state["watched"] = True
        sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _following and (event in {"open", "os.mkdir"} or event in _CHANGES or event in _PROGRAMS):
        for files in tuple(_following):
            with suppress(Exception):  # what is opened is opened
                files.note(event, args)


def _path(found: Any) -> str:
    return os.path.abspath(os.fsdecode(found)) if isinstance(found, str | bytes | os.PathLike) else ""  # noqa: PTH100 - no links


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = (*args, None, None)[1:3]
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & _WRITES)


def _is_machinery(path: str) -> bool:
    """Whether a file belongs to Python, a package or a cache, and not to the user's data."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in Path(path).parts)
    outside = path.startswith((sys.prefix, sys.base_prefix, "/proc/", "/dev/", "/sys/", "/etc/", "/usr/"))
    return hidden or outside


def _hash(path: str) -> str:
    found = load("xxhash:xxh3_128")()
    with Path(path).open("rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return str(found.hexdigest())
