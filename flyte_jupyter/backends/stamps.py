"""What lies outside of the notebook, at one moment: files, folders, variables of the environment."""

import glob
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self

from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load

_SETTLED = 0.1
"""Clocks of file systems are coarse: a file changed twice within this many seconds may show one time."""

_TOOLS = frozenset({"__pycache__", ".ipynb_checkpoints"})


class Stamp(Protocol):
    """Something as it was."""

    @property
    def words(self) -> str:
        """What is to be said if it is another one now."""

    def holds(self) -> bool:
        """Whether it still is what it was."""


@dataclass(frozen=True, slots=True)
class File:
    """A file.

    Args:
        path: where it is.
        size: its bytes; -1 for a folder.
        time: when it was changed; 0 where that cannot tell whether it is the same.
        content: the hash of its content.
    """

    path: str
    size: int
    time: int
    content: str

    @property
    def words(self) -> str:
        """What is to be said if it is another one now."""
        return f"the file {self.path} has changed"

    def holds(self) -> bool:
        """Whether it still is what it was."""
        try:
            facts = Path(self.path).stat()
            if self.size < 0:
                return Path(self.path).is_dir()
            if facts.st_size != self.size:
                return False
            return facts.st_mtime_ns == self.time or _hash(self.path) == self.content
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Absent:
    """No file."""

    path: str

    @property
    def words(self) -> str:
        """What is to be said if there is one now."""
        return f"there is a file {self.path} now"

    def holds(self) -> bool:
        """Whether there still is none."""
        return not os.path.lexists(self.path)


@dataclass(frozen=True, slots=True)
class Here:
    """The working folder, to which paths were relative."""

    path: str

    @property
    def words(self) -> str:
        """What is to be said if it is another one now."""
        return "the working folder is another one"

    def holds(self) -> bool:
        """Whether it still is the same."""
        return str(Path.cwd()) == self.path


@dataclass(frozen=True, slots=True)
class _Looked(ABC):
    """What is looked up by a name, by the digest of what was found."""

    name: str
    content: str

    @classmethod
    def of(cls, name: str) -> Self:
        """Look it up."""
        return cls(name, cls._look(name))

    def holds(self) -> bool:
        """Whether it still is the same."""
        return self._look(self.name) == self.content

    @staticmethod
    @abstractmethod
    def _look(name: str) -> str:
        """Give the digest of what there is now."""


class Listing(_Looked):
    """The names in a folder."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """What is to be said if they are others now."""
        return f"there are other files in {self.name} now"

    @staticmethod
    def _look(name: str) -> str:
        try:
            return digest("folder", *sorted(one for one in os.listdir(name) if one not in _TOOLS))  # noqa: PTH208 - as it was
        except OSError:
            return ""


class Matches(_Looked):
    """The files that a pattern stands for."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """What is to be said if they are others now."""
        return f"there are other files like {self.name} now"

    @staticmethod
    def _look(name: str) -> str:
        return digest("pattern", *sorted(glob.iglob(name, recursive=True)))  # noqa: PTH207 - as it is given


class Variable(_Looked):
    """A variable of the environment; its value is not written down, it may be a secret."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """What is to be said if it is another one now."""
        return f"the environment variable {self.name} has changed"

    @staticmethod
    def _look(name: str) -> str:
        return digest("variable", os.environ[name]) if name in os.environ else ""


def changed(stamps: Iterable[Stamp]) -> str:
    """Say what is not any more as it was; empty if all is."""
    return next((stamp.words for stamp in stamps if not stamp.holds()), "")


def plain(stamps: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Write stamps as plain values."""
    return [(type(stamp).__name__, *astuple(stamp)) for stamp in stamps]


def of_plain(content: Iterable[Sequence[Any]]) -> list[Stamp]:
    """Read what ``plain`` wrote."""
    return [_KINDS[kind](*facts) for kind, *facts in content]


def look(path: str) -> File | Absent | None:
    """Look at a file; None if it is nothing that can be read twice."""
    try:
        if Path(path).is_dir():
            return File(path, -1, 0, "")
        if not Path(path).is_file():
            return None if os.path.lexists(path) else Absent(path)
        facts = Path(path).stat()
        settled = time.time() - facts.st_mtime > _SETTLED
        return File(path, facts.st_size, facts.st_mtime_ns if settled else 0, _hash(path))
    except (OSError, ValueError):
        return None


def _hash(path: str) -> str:
    found = load("xxhash:xxh3_128")()
    with Path(path).open("rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
    return str(found.hexdigest())


_KINDS = MappingProxyType({kind.__name__: kind for kind in (File, Absent, Listing, Matches, Here, Variable)})
