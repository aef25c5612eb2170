"""What this process has appended and the database does not have yet, in files that outlive the process.

A journal is two segments that take turns: one is appended to while what is in the other goes to the
database. Segments are memory-mapped: a record is in the page cache, safe from a kill, for the price of a
memcpy; and, unlike a write call, it does not give up the interpreter's lock, which a thread that computes
would keep for milliseconds. Where the disk is nearly full, mapped pages might have no block to go to, and
then records are written by calls that can fail in order.

A record is ``length, CRC-32`` and then ``number, kind, length of the run's name, run, body``. Numbers count
up over both segments; a segment ends where the next number does not follow or the CRC does not fit.
"""

import errno
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from flyte_jupyter.ids import random_name
from flyte_jupyter.runs.locks import acquire

EVENT, RESULT = 0, 1
"""Kinds of records: a packed event of a run; a result for the cache."""

_HEAD = struct.Struct("<II")
_BODY = struct.Struct("<QBH")
_SIZE = 1 << 20  # a segment's size when it is new
_SHRINK = 1 << 23  # a drained segment larger than this is cut back
_SPARE = 1 << 28  # bytes free on the disk, below which nothing is mapped


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a journal."""

    number: int
    kind: int
    run: str
    body: bytes


class Journal:
    """This process's journal; its files are made by the first record. Its caller keeps threads apart.

    Args:
        folder: where the journals of all processes are.
    """

    def __init__(self, folder: Path) -> None:
        self.id = random_name("j")
        self._folder = folder
        self._lock: int | None = None
        self._active: _Segment | None = None
        self._other: _Segment | None = None
        self.number = 0

    def write(self, kind: int, run: str, body: bytes) -> None:
        """Append a record.

        Raises:
            OSError: the disk refuses.
        """
        active = self._active or self._open()
        number = self.number + 1
        name = run.encode("utf-8", "surrogatepass")
        payload = _BODY.pack(number, kind, len(name)) + name + body
        active.write(_HEAD.pack(len(payload), crc32(payload)) + payload, number)
        self.number = number

    def turn(self) -> int:
        """Let the other segment take its turn, if it is empty; return the last record's number."""
        if self._other is not None and not self._other.end:
            self._active, self._other = self._other, self._active
        return self.number

    def drained(self, number: int) -> None:
        """Forget records up to ``number``: they are in the database."""
        for segment in (self._active, self._other):
            if segment is not None and segment.end and segment.last <= number:
                segment.reset()

    def close(self) -> bool:
        """Close the files; remove them if all that they held is in the database, and tell whether it is."""
        segments = [segment for segment in (self._active, self._other) if segment is not None]
        empty = not any(segment.end for segment in segments)
        if self._lock is not None and empty:
            remove(self._folder, self.id)
        self.abandon()
        return empty

    def abandon(self) -> None:
        """Let go of the files and leave them as they are: in a forked child they are its parent's.

        The lock's descriptor is closed, too: the lock is free only when no process has it open.
        """
        for segment in (self._active, self._other):
            if segment is not None:
                segment.close()
        self._active = self._other = None
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def beat(self) -> None:
        """Mark that this process lives, for those who will ask when it died."""
        if self._lock is not None:
            os.utime(self._lock)

    def _open(self) -> "_Segment":
        lock, first, second = paths(self._folder, self.id)
        self._lock = acquire(lock, wait=True)
        self._active = _Segment(first)
        self._other = _Segment(second)
        return self._active


class _Segment:
    """A preallocated file that is written from its start again after each ``reset``."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._map: mmap.mmap | None = None
        self._size = 0
        self.end = 0
        self.last = 0
        try:
            self._resize(_SIZE)
        except OSError:
            self.close()
            raise

    def write(self, record: bytes, number: int) -> None:
        after = self.end + len(record)
        if after > self._size:
            self._resize(max(2 * self._size, after + _SIZE))
        if self._map is not None:
            self._map[self.end : after] = record
        else:
            self._call(record)
        self.end = after
        self.last = number

    def reset(self) -> None:
        self.end = 0
        if self._size > _SHRINK or (self._map is None) == self._roomy():
            with suppress(OSError):
                self._resize(_SIZE)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self._fd)

    def _resize(self, size: int) -> None:
        """Give the file blocks for ``size`` bytes, and map it if the disk has room to spare."""
        if self._map is not None:
            self._map.close()
            self._map = None
        os.ftruncate(self._fd, min(size, self._size))
        _allocate(self._fd, self._size, size)
        self._size = size
        if self._roomy():
            self._map = mmap.mmap(self._fd, size)

    def _call(self, record: bytes) -> None:
        if os.pwrite(self._fd, record, self.end) < len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _roomy(self) -> bool:
        if not hasattr(os, "fstatvfs"):
            return False
        disk = os.fstatvfs(self._fd)
        return disk.f_bavail * disk.f_frsize > _SPARE


def _allocate(fd: int, start: int, end: int) -> None:
    if hasattr(os, "posix_fallocate"):
        if end > start:
            os.posix_fallocate(fd, start, end - start)
        return
    for place in range(start, end, _SIZE):
        os.pwrite(fd, bytes(min(_SIZE, end - place)), place)


def paths(folder: Path, journal: str) -> tuple[Path, Path, Path]:
    """Name a journal's files: its lock and its two segments."""
    return folder / f"{journal}.lock", folder / f"{journal}.0", folder / f"{journal}.1"


def remove(folder: Path, journal: str) -> None:
    """Remove a journal's files, the lock last: it must be held."""
    for path in reversed(paths(folder, journal)):
        path.unlink(missing_ok=True)


def read(folder: Path, journal: str, after: int = 0) -> list[Record]:
    """Read the whole records of a journal whose process is gone, in order, from number ``after + 1``."""
    found: list[Record] = []
    for path in paths(folder, journal)[1:]:
        if path.exists():
            found.extend(record for record in records(path.read_bytes()) if record.number > after)
    return sorted(found, key=lambda record: record.number)


def records(data: bytes) -> Iterator[Record]:
    """Read a segment up to its end, a torn record or the remains of an earlier turn."""
    place, expected = 0, 0
    while place + _HEAD.size <= len(data):
        length, check = _HEAD.unpack_from(data, place)
        payload = data[place + _HEAD.size : place + _HEAD.size + length]
        if length < _BODY.size or len(payload) < length or crc32(payload) != check:
            return
        number, kind, name = _BODY.unpack_from(payload)
        if expected and number not in {expected, expected - 1}:  # twice, if an interrupt hit ``write``
            return
        start = _BODY.size + name
        run = payload[_BODY.size : start].decode("utf-8", "surrogatepass")
        yield Record(number, kind, run, payload[start:])
        place, expected = place + _HEAD.size + length, number + 1
