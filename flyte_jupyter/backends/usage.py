"""What an attempt used: CPU time, the most memory, and what it read from storage and wrote there."""

import resource
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

_UNIT = 1 if sys.platform == "darwin" else 1024
_CLEAR = Path("/proc/self/clear_refs")
_GROWN = 1 << 20
_AT_ONCE = 1e-4
"""Seconds in which a body can use nothing that is worth to be told."""
_NOTHING = (0.0, 0, 0)
_BLOCK = 0 if sys.platform == "darwin" else 512
"""Bytes of what the system counts when it reads and writes; macOS counts in no unit."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used.

    Args:
        cpu: seconds of CPU time, children that have ended included.
        peak: the most memory that the process held meanwhile, in bytes; 0 where that is not known.
        read: bytes read from storage; what is in memory already is not counted.
        written: bytes written to storage.
        gpu: seconds that its GPUs were busy, added up.
        gpu_memory: the most memory of its GPUs, in bytes.
    """

    cpu: float = 0.0
    peak: int = 0
    read: int = 0
    written: int = 0
    gpu: float = 0.0
    gpu_memory: int = 0


def counted(used: Any) -> tuple[float, int, int]:
    """Give the seconds of CPU time, and the bytes read and written, of what ``getrusage`` and such give."""
    return used.ru_utime + used.ru_stime, used.ru_inblock * _BLOCK, used.ru_oublock * _BLOCK


class Meter:
    """Measures attempts in this process, one after the other; one that ends at once is not worth a look."""

    __slots__ = ("_counted", "_passed", "_peak")

    def __init__(self) -> None:
        self._counted, self._peak = _used()
        self._passed = 0.0

    def read(self, began: float) -> tuple[float, int, int, int] | tuple[()]:
        """Tell CPU time, peak, bytes read and bytes written of an attempt; nothing if it ended at once.

        Args:
            began: when it began, by ``perf_counter``.
        """
        took = perf_counter() - began
        if took < _AT_ONCE:
            self._passed += took
            return ()
        (cpu, read, written), peak = now, _ = _used()
        before, self._counted = self._counted, now
        passed, self._passed = self._passed, 0.0
        if peak - self._peak > _GROWN:
            with suppress(OSError):
                _CLEAR.write_text("5")  # forgets the highest mark, so that the next attempt has its own
            self._peak = _used()[1]
        return max(0.0, cpu - before[0] - passed), peak, read - before[1], written - before[2]


def _used() -> tuple[tuple[float, int, int], int]:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    cpu, read, written = counted(mine)
    more = counted(resource.getrusage(resource.RUSAGE_CHILDREN))
    return (cpu + more[0], read + more[1], written + more[2]), mine.ru_maxrss * _UNIT


_Marks = tuple[float, "resource.struct_rusage", tuple[float, int, int]]
"""When a body began, what its thread had used by then, and how much of that was told already."""


class ThreadMeter:
    """Measures synchronous bodies, each on its thread; what a body calls on its own thread is not its own.

    A body that ends at once is not worth a second look: what it used counts as its caller's.
    """

    def __init__(self) -> None:
        self._told = threading.local()

    def begin(self) -> _Marks:
        """Give the marks from which a body is measured."""
        return perf_counter(), resource.getrusage(_THREAD), getattr(self._told, "sum", _NOTHING)

    def end(self, marks: _Marks) -> Usage | None:
        """Tell what a body used since its marks; None if it ended at once."""
        began, before, told = marks
        if perf_counter() - began < _AT_ONCE:
            return None
        since, now = counted(before), counted(resource.getrusage(_THREAD))
        known = getattr(self._told, "sum", _NOTHING)
        cpu = now[0] - since[0] - (known[0] - told[0])
        read = now[1] - since[1] - (known[1] - told[1])
        written = now[2] - since[2] - (known[2] - told[2])
        self._told.sum = (known[0] + cpu, known[1] + read, known[2] + written)
        return Usage(cpu, 0, int(read), int(written))


_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
on_thread: "ThreadMeter | None" = ThreadMeter() if hasattr(resource, "RUSAGE_THREAD") else None
"""Where threads can be measured."""
