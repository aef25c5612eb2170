"""Files that a cell may use without being heard: known by their names, and compared before and after."""

import ast
import glob
import io
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.opened import Files
from flyte_jupyter.backends.stamps import Absent, File, Here, Matches, Stamp, Variable, look
from flyte_jupyter.notebook.celltask import native
from flyte_jupyter.notebook.celltask.built import built
from flyte_jupyter.notebook.celltask.candidates import is_pattern, joined, looks_like_path, texts_in
from flyte_jupyter.notebook.celltask.reached import Reached

_ASKS = frozenset(
    {"access", "exists", "getctime", "getmtime", "getsize", "is_dir", "is_file", "isdir", "isfile", "lexists"}
    | {"lstat", "stat", "FileNotFoundError", "IOError", "OSError"}
)
"""Names with which code asks whether there is a file."""

_RECENT = 100_000_000  # nanoseconds: two changes in less may show one time
_BEHIND = 10_000_000  # nanoseconds by which the clock of a file system may be behind
_MOST = 1000
_MANY = 256
"""More texts than these are data, unless the code is seen to use files without being heard."""

Facts = tuple[int, ...]
"""What tells whether a file was changed; empty for none, one number for a folder."""


@dataclass(frozen=True, slots=True)
class _Seen:
    facts: Facts
    stamp: Stamp | None = None


class Unheard:
    """Looks at the files that a cell may use, before it runs.

    Args:
        func: the cell as a function.
        tree: the cell's statements.
        inputs: the values that it takes, by name.
    """

    def __init__(self, func: Any, tree: ast.Module, inputs: Mapping[str, Any]) -> None:
        self._tree = tree
        self._inputs = inputs
        self._reached = Reached.by(func, inputs)
        self._readers = native.readers(self._reached)
        self._writers = native.writers(self._reached, tree)
        self._asks = not self._reached.names.isdisjoint(_ASKS) or bool(self._readers and _tries(tree))
        self._only_written = native.only_written(tree, inputs)
        self._lazy = native.lazy(inputs)
        self._meant: set[str] = set()
        self._patterns: dict[str, Stamp] = {}
        self._before = {_full(path): _seen(path) for path in self._paths(())}
        self._variables = self._environment()
        self._start = time.time_ns() - _BEHIND
        self.reason = ""
        self.stamps: tuple[Stamp, ...] = ()

    @property
    def names(self) -> set[str]:
        """All names in the code that the cell leads to."""
        return self._reached.names

    @property
    def drawn(self) -> dict[str, str]:
        """Name the generator that nobody can look at, if the code draws from it."""
        reached = self._reached
        draws = not reached.names.isdisjoint({"sample", "shuffle"}) and "seed" not in set(reached.texts)
        return {"polars": "not seen"} if draws and "polars" in reached.packages else {}

    def compare(self, files: Files, bound: Mapping[str, Any]) -> None:
        """Look at the files again, when the cell has run.

        Args:
            files: what was heard.
            bound: what the cell has bound, by name.
        """
        paths = list(self._paths(bound.values()))
        if self._readers or self._asks:  # the size of a file counts, too
            paths += [path for folder in files.listed for path in _beneath(folder)]
        known = {_full(path): path for path in paths}
        user = {path: given for path, given in known.items() if not files.is_machinery(path)}
        found = [stamp for path in user for stamp in self._stamp(path, files)]
        there = {stamp.path for stamp in found if isinstance(stamp, File)}
        relative = any(not Path(given).is_absolute() for path, given in user.items() if path in there)
        here = [Here(str(Path.cwd()))] if relative or (self._asks and found) else []
        self.stamps = (*found, *self._patterns.values(), *here, *self._variables)
        for pattern, stamp in self._patterns.items():
            if not stamp.holds():
                self._changes(pattern)
        self.reason = self.reason or self._unseen(there, files, {**self._inputs, **bound})

    def _paths(self, more: Iterable[Any]) -> Iterator[str]:
        """Give the paths that the cell may use: also those of patterns, and of what is in folders."""
        texts = [*self._reached.texts, *built(self._tree, self._inputs)]
        held = list(texts_in([*self._inputs.values(), *self._reached.values, *more]))
        if len(held) <= _MANY or self._readers or self._writers or self._asks:
            texts += held
        for text, is_joined in joined(texts).items():
            yield text
            if looks_like_path(text) and not is_joined:
                self._meant.add(_full(text))
            if self._readers and Path(text).is_dir() and not _is_above(text):
                yield from self._matching(os.path.join(text, "**", "*"))  # noqa: PTH118 - a pattern
            elif self._readers and is_pattern(text):
                yield from self._matching(text)

    def _environment(self) -> tuple[Stamp, ...]:
        """Look at the variables of the environment that the code may ask for."""
        if self._reached.names.isdisjoint({"environ", "environb", "getenv"}):
            return ()
        texts = {*self._reached.texts, *texts_in([*self._inputs.values(), *self._reached.values])}
        return tuple(Variable.of(text) for text in sorted(texts) if text.isidentifier())

    def _matching(self, pattern: str) -> Iterator[str]:
        found = _full(pattern)
        self._patterns.setdefault(found, Matches.of(found))
        yield from glob.iglob(pattern, recursive=True)  # noqa: PTH207 - as it is given

    def _stamp(self, path: str, files: Files) -> Iterator[Stamp]:
        """Say how a file was found, and see whether the cell has changed it."""
        seen, now = self._before.get(path), _facts(path)
        if not now:
            if seen is not None and seen.facts and path not in files.written:
                self._changes(path)
            elif seen is not None and (self._asks or path in self._meant):
                yield Absent(path)
            return
        if len(now) == 1 and seen is not None and seen.facts == now:
            yield File(path, -1, 0, "")
            return
        if self._is_changed(now, seen):
            self._check_changed(path, seen)
        elif path in files.heard:
            return
        stamp = look(path)
        if stamp is not None and path not in files.heard:
            yield stamp

    def _is_changed(self, now: Facts, seen: _Seen | None) -> bool:
        if seen is None:
            return now[-1] >= self._start
        return seen.facts != now or (seen.stamp is not None and not seen.stamp.holds())

    def _check_changed(self, path: str, seen: _Seen | None) -> None:
        """Take a file that the cell has changed for written, unless what it was before may have counted."""
        was_there = seen is None or bool(seen.facts)
        if any(path.endswith(os.sep + text.lstrip("./")) for text in self._only_written) and not self._asks:
            return
        if (self._readers and was_there) or (self._asks and seen is not None and not was_there):
            self._changes(path)

    def _changes(self, path: str) -> None:
        self.reason = self.reason or f"it changes the file {Path(path).name}, on which what it does depends"

    def _unseen(self, there: set[str], files: Files, values: Mapping[str, Any]) -> str:
        """Say which reader or writer may have used files that are not known."""
        if any(_is_open(value) for value in self._reached.values):
            return "it goes on with a file that is open"
        if self._lazy:
            return f"its input `{self._lazy}` reads files only when it is used"
        names = [*self._readers, *self._writers]
        if not names or (native.has_buffers(self._reached) and not there):
            return ""
        pieces = {text for text in self._reached.texts if native.names_data(text)}
        ends = tuple(there | {path for path in files.heard if Path(path).exists()})
        pieces = {text for text in pieces if not glob.has_magic(text)}
        open_ends = [t for t in pieces if not any(e.endswith(os.sep + t.lstrip("./")) for e in ends)]
        listed = bool(files.listed)
        is_unknown = not ends or native.unknown_loop(self._tree, names, values) or bool(open_ends)
        if len(there) > _MOST or (is_unknown and not (listed and there)):
            return f"it reads or writes files in a way that cannot be seen (`{names[0]}`)"
        return ""


def _full(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - no links


def _tries(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Try) for node in ast.walk(tree))


def _is_open(value: Any) -> bool:
    """Whether a value is a file of the user's: the streams of the notebook are none."""
    if not isinstance(value, io.FileIO | io.BufferedIOBase | io.TextIOWrapper):
        return False
    name = getattr(value, "name", None)
    return isinstance(name, str) and not name.startswith("<")


def _seen(path: str) -> _Seen:
    facts = _facts(path)
    recent = len(facts) > 1 and time.time_ns() - facts[-1] < _RECENT
    return _Seen(facts, look(path) if recent else None)


def _facts(path: str) -> Facts:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return ()
    if Path(path).is_dir():
        return (found.st_ino,)
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_above(path: str) -> bool:
    """Whether a folder holds more than the data of a notebook: the working folder, or one above it."""
    return Path.cwd().is_relative_to(Path(path).absolute())


def _beneath(folder: str) -> list[str]:
    return [str(path) for path in Path(folder).iterdir() if path.is_file()] if Path(folder).is_dir() else []
