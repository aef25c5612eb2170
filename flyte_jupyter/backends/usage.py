"""What an attempt used: CPU time and the most memory."""

import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_UNIT = 1 if sys.platform == "darwin" else 1024
_CLEAR = Path("/proc/self/clear_refs")
_GROWN = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used.

    Args:
        cpu: seconds of CPU time, children that have ended included.
        peak: the most memory that the process held meanwhile, in bytes.
    """

    cpu: float = 0.0
    peak: int = 0


class Meter:
    """Measures attempts in this process, one after the other."""

    __slots__ = ("_cpu", "_peak")

    def __init__(self) -> None:
        self._cpu, self._peak = _used()

    def read(self) -> tuple[float, int]:
        """Tell the CPU time and the peak since the last reading."""
        cpu, peak = _used()
        seconds, self._cpu = cpu - self._cpu, cpu
        if peak - self._peak > _GROWN:
            with suppress(OSError):
                _CLEAR.write_text("5")  # forgets the highest mark, so that the next attempt has its own
            self._peak = _used()[1]
        return seconds, peak


def _used() -> tuple[float, int]:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime
    return cpu, mine.ru_maxrss * _UNIT
