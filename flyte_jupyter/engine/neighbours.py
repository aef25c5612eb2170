"""What other kernels of this user hold of the machine, and for how long they wait.

Each kernel has a small file in a private folder, and keeps it locked as long as it lives: the system frees
the lock when it dies, however it dies, and then its file counts for nothing and is removed. Who hands out
looks at the others' files and writes its own in one step, while it holds the folder's lock. Who is alone does
without, until the folder changes.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.ids import random_name
from flyte_jupyter.loading import tempfile
from flyte_jupyter.runs.locks import acquire, release

_PATIENCE = 1.0
"""Seconds to wait for the folder's lock. A kernel that is halted in that step must not halt the others."""

_FRESH = 2.0
"""Seconds that a kernel is believed to be waiting, without another sign of it."""

_PAUSE = 0.002

_SETTLED = 100_000_000
"""Nanoseconds after which a folder's time of change tells of every later change."""


@dataclass(frozen=True, slots=True)
class Held:
    """What kernels hold.

    Args:
        cpu: thousandths of a core.
        memory: bytes.
        gpus: GPUs, as CUDA_VISIBLE_DEVICES takes them.
        since: since when somebody waits there, in seconds since 1970-01-01 UTC; 0 if nobody does.
    """

    cpu: int = 0
    memory: int = 0
    gpus: tuple[str, ...] = ()
    since: float = 0.0

    def __add__(self, other: "Held") -> "Held":
        waits = [since for since in (self.since, other.since) if since]
        return Held(
            self.cpu + other.cpu,
            self.memory + other.memory,
            (*self.gpus, *other.gpus),
            min(waits, default=0.0),
        )


NOTHING = Held()


class Neighbours:
    """The kernels of this user on this machine, this one among them.

    Args:
        folder: where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: tuple[int, Path] | None = None
        self._pid = 0
        self._ancestors: frozenset[int] = frozenset()
        self._alone_since = 0

    @contextmanager
    def turn(self) -> Iterator[Held]:
        """Give what the others hold; nobody else looks or writes in the block. ``write`` is for inside."""
        if self._pid != os.getpid():
            self._begin()
        if self._alone_since and self._folder.stat().st_mtime_ns == self._alone_since:
            yield NOTHING
            return
        lock = self._locked()
        try:
            yield self._others()
        finally:
            if lock is not None:
                os.close(lock)

    def write(self, held: Held) -> None:
        """Say what this kernel holds."""
        if self._own is not None:
            data = json.dumps(asdict(held)).encode()
            os.pwrite(self._own[0], data, 0)
            os.ftruncate(self._own[0], len(data))

    def close(self) -> None:
        """Hold nothing any more."""
        if self._own is not None and self._pid == os.getpid():
            release(*self._own)
        self._own, self._pid = None, 0

    # Inside

    def _begin(self) -> None:
        """Make this process's file: at first, and in a forked child, which is a kernel of its own."""
        self._pid, self._alone_since = os.getpid(), 0
        self._ancestors = frozenset(_ancestors())
        path = self._folder / f"{self._pid}-{random_name()}.json"
        lock = acquire(path, wait=False)
        self._own = None if lock is None else (lock, path)

    def _locked(self) -> int | None:
        end = time.monotonic() + _PATIENCE
        while (lock := acquire(self._folder / "lock", wait=False)) is None and time.monotonic() < end:
            time.sleep(_PAUSE)
        return lock

    def _others(self) -> Held:
        """Add up what the others hold; but for those that wait for this process, as its ancestors may."""
        own = self._own[1] if self._own is not None else None
        found, alone, changed = NOTHING, True, self._folder.stat().st_mtime_ns
        for path in self._folder.glob("*.json"):
            pid = path.name.partition("-")[0]
            if path == own or not pid.isdigit():
                continue
            alone = False
            lock = acquire(path, wait=False, create=False)
            if lock is not None:
                release(lock, path)  # its kernel is gone
            elif int(pid) not in self._ancestors and _exists(int(pid)):
                found += _read(path)
        self._alone_since = changed if alone and time.time_ns() - changed > _SETTLED else 0
        return found


def neighbours() -> Neighbours | None:
    """Give the kernels of this machine; None where a process is a worker, or no private folder can be had.

    What runs in a worker is part of an action that holds something already.
    """
    if TOKEN in os.environ:
        return None
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(place) if place and Path(place).is_dir() else Path(tempfile.gettempdir())
    folder /= f"flyte-jupyter-kernels-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_dir() and not folder.is_symlink() and found.st_uid == user and not found.st_mode & 0o077:
            return Neighbours(folder)
    return None


def _read(path: Path) -> Held:
    try:
        data: Any = json.loads(path.read_bytes())
        held = Held(**{f.name: data[f.name] for f in fields(Held)})
        fresh = time.time() - path.stat().st_mtime < _FRESH
        return Held(int(held.cpu), int(held.memory), tuple(held.gpus), float(held.since) if fresh else 0.0)
    except (OSError, ValueError, KeyError, TypeError):
        return NOTHING


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            return
