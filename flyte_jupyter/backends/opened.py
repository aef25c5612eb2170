"""The files and folders that code opens, lists and changes: heard while it runs."""

import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

from flyte_jupyter.backends import callers
from flyte_jupyter.backends.stamps import Here, Listing, Stamp, look

_READS = os.O_RDONLY
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec"})
_CHANGES = frozenset({"os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink"})
_LISTS = frozenset({"os.listdir", "os.scandir"})
_OPENS = frozenset({"open", "os.mkdir", "sqlite3.connect"})
_HEARD = _PROGRAMS | _CHANGES | _LISTS | _OPENS
_CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".egg-link")
_TOOLS = frozenset({"__pycache__", "site-packages", ".ipynb_checkpoints", ".ipython", ".jupyter", ".git"})
_OUTSIDE = ("/proc/", "/dev/", "/sys/", "/etc/", "/usr/")


class Files:
    """Takes note of what code does to files.

    Args:
        hears: whether what this thread does is to be noted.
        store: the folder in which results are kept.
    """

    def __init__(self, hears: Callable[[], bool], store: str = "") -> None:
        self._hears = hears
        self._busy = threading.local()
        self._store = store
        self._read: dict[str, Stamp] = {}
        self._listed: dict[str, Stamp] = {}
        self._written: dict[str, None] = {}
        self._here = ""
        self.effect = ""

    @cached_property
    def _machinery(self) -> tuple[str, ...]:
        return _machinery(self._store)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Take note of what is done in the block."""
        _watch()
        _following.append(self)
        try:
            yield
        finally:
            _following.remove(self)

    @property
    def heard(self) -> frozenset[str]:
        """The files that it opened."""
        return frozenset({*self._read, *self._written})

    @property
    def written(self) -> frozenset[str]:
        """Those that it wrote."""
        return frozenset(self._written)

    @property
    def listed(self) -> tuple[str, ...]:
        """The folders that it listed."""
        return tuple(self._listed)

    @property
    def changed(self) -> str:
        """Say what it changed after it had looked at it: it would do something else next time."""
        for path, stamp in self._read.items():
            if not stamp.holds():
                return f"it changes the file {Path(path).name}, on which what it does depends"
        for path, stamp in self._listed.items():
            if not stamp.holds():
                return f"it changes which files there are in {Path(path).name}, which it lists"
        return ""

    def stamps(self) -> tuple[Stamp, ...]:
        """Give what it read as it was before, and what it wrote as it is now."""
        written = [look(path) for path in self._written if path not in self._read]
        here = [Here(self._here)] if self._here else []
        found = (*self._read.values(), *self._listed.values(), *written, *here)
        return tuple(stamp for stamp in found if stamp is not None)

    def note(self, event: str, args: tuple[Any, ...], frame: FrameType | None) -> None:
        """Take note of an audit event."""
        if getattr(self._busy, "on", False) or not self._hears():
            return
        self._busy.on = True  # looking at a file opens it
        try:
            self._note(event, args, frame)
        finally:
            self._busy.on = False

    def _note(self, event: str, args: tuple[Any, ...], frame: FrameType | None) -> None:
        if event in _PROGRAMS:
            if not callers.tells_of_the_machine(args, frame):
                self.effect = self.effect or f"it starts a program ({event})"
            return
        given = _given(event, args)
        path = os.path.abspath(given) if given else ""  # noqa: PTH100 - no links
        if not path or self.is_machinery(path) or callers.imports(frame):
            return
        if not Path(given).is_absolute():
            self._here = self._here or str(Path.cwd())
        if event in _CHANGES:
            self._change(event, args, path)
        elif event in _LISTS:
            self._list(path)
        elif not (path.endswith(_CODE) and callers.shows_code(frame)):
            self._open(event, args, path, frame)

    def _change(self, event: str, args: tuple[Any, ...], path: str) -> None:
        # A file of the cell's own: it wrote it and takes it away.
        known = any(Path(path).name == Path(noted).name for noted in (*self._read, *self._written))
        self.effect = self.effect or ("" if known else f"it changes the files at {Path(path).name}")
        target = _path(args[1]) if event != "os.truncate" and len(args) > 1 else ""
        if target:
            self._written[os.path.abspath(target)] = None  # noqa: PTH100 - no links

    def _list(self, path: str) -> None:
        if path not in self._listed:
            self._listed[path] = Listing.of(path)

    def _open(self, event: str, args: tuple[Any, ...], path: str, frame: FrameType | None) -> None:
        reads, writes = _way(event, args)
        reads = reads or (event == "os.mkdir" and callers.wants_it_new(frame))
        for one in (path, f"{path}-wal") if event == "sqlite3.connect" else (path,):
            if reads and one not in self._written and one not in self._read:
                found = look(one)
                if found is not None:
                    self._read[one] = found
            if writes:
                self._written[one] = None

    def is_machinery(self, path: str) -> bool:
        """Whether a file belongs to Python, a package or a cache, and not to the user's data."""
        return path.startswith(self._machinery) or not _TOOLS.isdisjoint(Path(path).parts)


_following: list[Files] = []
_state = {"watched": False}


def _watch() -> None:
    """Hear of opened files from now on: the interpreter has no word for the end of it."""
    if not _state["watched"]:
        _state["watched"] = True
        sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _following and event in _HEARD:
        frame = inspect.currentframe()
        for files in tuple(_following):
            with suppress(Exception):  # what is opened is opened
                files.note(event, args, frame.f_back if frame else None)


def _given(event: str, args: tuple[Any, ...]) -> str:
    """Give the path as the cell gave it."""
    if event in _LISTS and (not args or args[0] is None):
        return "."
    found = _path(args[0]) if args else ""
    if event == "sqlite3.connect":
        found = unquote(found.removeprefix("file:").partition("?")[0]) if found[:5] == "file:" else found
        return "" if found == ":memory:" else found
    return found


def _path(found: Any) -> str:
    return os.fsdecode(found) if isinstance(found, str | bytes | os.PathLike) else ""


def _way(event: str, args: tuple[Any, ...]) -> tuple[bool, bool]:
    """Tell whether what was in a file before counts, and whether it may be another one afterwards."""
    if event != "open":
        return event == "sqlite3.connect", event == "os.mkdir"
    mode, flags = (*args, None, None)[1:3]
    if isinstance(mode, str):
        return "w" not in mode, bool(set(mode) & set("wax+"))
    flags = flags if isinstance(flags, int) else 0
    # Whoever asks for a name that is free makes a temporary file.
    anew = bool(flags & (os.O_TRUNC | os.O_EXCL))
    return not anew, flags & _ACCESS != _READS or anew


def _machinery(store: str) -> tuple[str, ...]:
    """Name the beginnings of paths that are not the user's data."""
    home = Path.home()
    caches = [f"{home / name}{os.sep}" for name in (".cache", ".config", ".local", ".matplotlib", ".ssh")]
    own = [f"{os.environ[name]}{os.sep}" for name in ("IPYTHONDIR", "MPLCONFIGDIR") if os.environ.get(name)]
    here = f"{Path.cwd()}{os.sep}"
    found = [*caches, *own, *([f"{store}{os.sep}"] if store else [])]
    return (
        *(one for one in found if not here.startswith(one)),
        f"{sys.prefix}{os.sep}",
        f"{sys.base_prefix}{os.sep}",
        *_OUTSIDE,
    )
