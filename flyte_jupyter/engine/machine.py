"""What this machine has for tasks: cores, memory and GPUs, as far as this process may use them."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flyte_jupyter.loading import load, shutil, subprocess

_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_CPU_V2 = Path("/sys/fs/cgroup/cpu.max")
_CPU_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
_LIST = ("nvidia-smi", "-L")
_GPU = re.compile(r"GPU (\d+): (.+) \(UUID: (\S+)\)")
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (\S+)\)")
_PATIENCE = 10.0  # seconds that the driver may take


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or one MIG partition of one.

    Args:
        index: its number or, for a partition, its UUID, as CUDA_VISIBLE_DEVICES takes them.
        name: what its driver calls it.
        partition: what a partition is called, such as 1g.5gb; empty for a whole GPU.
    """

    index: str
    name: str
    partition: str = ""


class Machine:
    """What there is. GPUs are looked for when the first task asks for one.

    Args:
        cpu: thousandths of a core; what this process may use by default.
        memory: bytes; what this process may use by default.
        gpus: the GPUs; those that the NVIDIA driver names by default.
    """

    def __init__(
        self, cpu: int | None = None, memory: int | None = None, gpus: tuple[Gpu, ...] | None = None
    ) -> None:
        self.cpu = _cores() if cpu is None else cpu
        self.memory = _memory() if memory is None else memory
        self._gpus = gpus

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """Its GPUs, in the driver's order."""
        return _gpus() if self._gpus is None else self._gpus


def _cores() -> int:
    """Count what the scheduler and the control group leave to this process, in thousandths."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([1000 * count, *_quota()])


def _quota() -> list[int]:
    with suppress(OSError, ValueError):
        quota, period = _CPU_V2.read_text().split() if _CPU_V2.exists() else (p.read_text() for p in _CPU_V1)
        if int(quota) > 0:
            return [1000 * int(quota) // int(period)]
    return []  # "max" and -1 are no limit


def _memory() -> int:
    limits = [int(load("psutil").virtual_memory().total)]
    for path in _MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(path.read_text()))
    return min(limits)


def _gpus() -> tuple[Gpu, ...]:
    if shutil.which(_LIST[0]) is None:
        return ()
    try:
        answer = subprocess.run(_LIST, capture_output=True, text=True, timeout=_PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return listed(answer, os.environ.get("CUDA_VISIBLE_DEVICES"))


def listed(listing: str, visible: str | None = None) -> tuple[Gpu, ...]:
    """Read what ``nvidia-smi -L`` lists. A GPU that is cut into MIG partitions counts as those.

    Args:
        listing: the listing.
        visible: what CUDA_VISIBLE_DEVICES leaves of it: numbers and beginnings of UUIDs; None for all.
    """
    found: list[Gpu] = []
    wanted = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    whole, seen = Gpu("", ""), False
    for line in listing.splitlines():
        if gpu := _GPU.match(line):
            index, name, unique = gpu.groups()
            whole, seen = Gpu(index, name), wanted is None or index in wanted or _begins(unique, wanted)
            found += [whole] * seen
        elif part := _MIG.match(line):
            kind, unique = part.groups()
            found = [gpu for gpu in found if gpu != whole]
            found += [Gpu(unique, whole.name, kind)] * (seen or _begins(unique, wanted or []))
    return tuple(found)


def _begins(unique: str, names: list[str]) -> bool:
    return any(unique.startswith(name) for name in names if not name.isdigit())
