"""Limits of memory and CPU for a process and what it starts, by whichever means this machine has.

Tried in this order: control groups of version 2, of version 1, the process's own resource limits, and a
thread that looks how much memory is in use. The one that is in force says its name.
"""

import os
import resource
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flyte_jupyter.tasks.resources import Resources

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "flyte-jupyter-"
_PERIOD = 100_000
_LOOK = 0.05
_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may use at most.

    Args:
        memory: bytes; None for no limit.
        cpu: thousandths of a core; None for no limit.
    """

    memory: int | None = None
    cpu: int | None = None

    @classmethod
    def of(cls, resources: Resources) -> "Limits":
        """Read the limits that a task gives: the second of a pair."""
        memory = resources.memory_range if isinstance(resources.memory, tuple) else None
        cpu = resources.cpu_range if isinstance(resources.cpu, tuple) else None
        return cls(memory[1] if memory else None, cpu[1] if cpu else None)


_NONE = Limits()


@dataclass(slots=True)
class Enforced:
    """Limits in force for one process.

    Args:
        limits: the limits.
        memory_by: what enforces the limit of memory; empty for nothing.
        cpu_by: what enforces the limit of CPU; empty for nothing.
        notes: what else is limited, and by what.
    """

    limits: Limits
    memory_by: str = ""
    cpu_by: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    _exceeded: Callable[[], bool] = lambda: False
    _peak: Callable[[], int] = lambda: 0
    _undo: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_any(self) -> bool:
        """Whether there is a limit at all."""
        return self.limits != _NONE or bool(self.notes)

    def exceeded(self) -> bool:
        """Whether the process was killed for its memory."""
        return self._exceeded()

    def peak(self) -> int:
        """The most memory that was in use, where that is known; else 0."""
        return self._peak()

    def close(self) -> None:
        """Remove what was set up; the process is gone."""
        for undo in self._undo:
            undo()
        self._undo.clear()


def enforced(pid: int, limits: Limits, means: tuple[str, ...] = ()) -> Enforced:
    """Put limits in force for a process that has just begun.

    Args:
        pid: the process.
        limits: the limits.
        means: which means to try; all of them if empty.
    """
    out = Enforced(limits)
    if limits.memory is not None:
        for name, enforce in _MEMORY.items():
            if (not means or name in means) and enforce(pid, limits.memory, out):
                out.memory_by = name
                break
    if limits.cpu is not None:
        for name, enforce in _CPU.items():
            if (not means or name in means) and enforce(pid, limits.cpu, out):
                out.cpu_by = name
                break
    return out


def sweep() -> None:
    """Remove the groups that kernels which are gone have left."""
    for controller in ("memory", "cpu", "unified", ""):
        for group in (_ROOT / controller).glob(f"{_PREFIX}*"):
            owner = group.name.removeprefix(_PREFIX).partition("-")[0]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                _remove(group)


def _memory_v2(pid: int, limit: int, out: Enforced) -> bool:
    group = _group_v2("memory", pid, out, {"memory.max": str(limit), "memory.swap.max": "0"})
    if group is None:
        return False
    out._exceeded = lambda: _counted(group / "memory.events", "oom_kill")  # noqa: SLF001 - of this file
    out._peak = lambda: _number(group / "memory.peak")  # noqa: SLF001
    return True


def _memory_v1(pid: int, limit: int, out: Enforced) -> bool:
    values = {"memory.limit_in_bytes": str(limit), "memory.memsw.limit_in_bytes": str(limit)}
    group = _made(_ROOT / "memory", pid, out, values)
    if group is None:
        return False
    out._exceeded = lambda: _counted(group / "memory.oom_control", "oom_kill")  # noqa: SLF001
    out._peak = lambda: _number(group / "memory.max_usage_in_bytes")  # noqa: SLF001
    return True


def _memory_rlimit(pid: int, limit: int, _out: Enforced) -> bool:
    """Limit the private memory; what it has mapped and does not use yet does not count."""
    try:
        facts = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        mapped, used = (int(facts[name].split()[0]) * 1024 for name in ("VmData", "RssAnon"))
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit + max(mapped - used, 0),) * 2)
    except (OSError, KeyError, ValueError, AttributeError):
        return False
    return True


def _memory_watched(pid: int, limit: int, out: Enforced) -> bool:
    watch = _Watch(pid, limit)
    if not watch.usage():
        return False
    watch.thread.start()
    out._exceeded = lambda: watch.hit  # noqa: SLF001
    out._peak = lambda: watch.peak  # noqa: SLF001
    out._undo.append(watch.stop.set)  # noqa: SLF001
    return True


def _cpu_v2(pid: int, limit: int, out: Enforced) -> bool:
    quota = f"{limit * _PERIOD // 1000} {_PERIOD}"
    return _group_v2("cpu", pid, out, {"cpu.max": quota}) is not None


def _cpu_v1(pid: int, limit: int, out: Enforced) -> bool:
    values = {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": str(limit * _PERIOD // 1000)}
    return _made(_ROOT / "cpu", pid, out, values) is not None


def _cpu_affinity(pid: int, limit: int, _out: Enforced) -> bool:
    """Leave the process as many cores as it may use, rounded up."""
    try:
        cores = sorted(os.sched_getaffinity(pid))
        os.sched_setaffinity(pid, cores[-max(1, -(-limit // 1000)) :])
    except (OSError, AttributeError):
        return False
    return True


_MEMORY = {
    "cgroup v2": _memory_v2,
    "cgroup v1": _memory_v1,
    "rlimit": _memory_rlimit,
    "watching": _memory_watched,
}
_CPU = {"cgroup v2": _cpu_v2, "cgroup v1": _cpu_v1, "affinity": _cpu_affinity}


class _Watch:
    """Looks at a process group's memory and kills it when it is too much."""

    def __init__(self, pid: int, limit: int) -> None:
        self._pid = pid
        self._limit = limit
        self.hit = False
        self.peak = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name="flyte-memory", daemon=True)

    def usage(self) -> int:
        """Give the bytes in use that are not shared with other processes' files."""
        try:
            _, resident, shared, *_ = map(int, Path(f"/proc/{self._pid}/statm").read_text().split())
        except (OSError, ValueError):
            return 0
        return (resident - shared) * _PAGE

    def _run(self) -> None:
        while not self.stop.wait(_LOOK):
            used = self.usage()
            self.peak = max(self.peak, used)
            if used > self._limit:
                self.hit = True
                with suppress(ProcessLookupError):
                    os.killpg(self._pid, 9)
                return


def _group_v2(controller: str, pid: int, out: Enforced, values: dict[str, str]) -> Path | None:
    for parent in _parents_v2():
        try:
            if controller not in (parent / "cgroup.subtree_control").read_text().split():
                continue
        except OSError:
            continue
        group = _made(parent, pid, out, values)
        if group is not None:
            return group
    return None


def _parents_v2() -> Iterator[Path]:
    """Give the groups below which this process may make others: around its own, innermost first."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, path = line.split(":", 2)
        if number == "0":
            inner = _ROOT / path.strip("/")
            yield from (group for group in (inner, *inner.parents) if group.is_relative_to(_ROOT))


def _made(parent: Path, pid: int, out: Enforced, values: dict[str, str]) -> Path | None:
    """Make a group with its values and move a process there; None where that is not allowed."""
    group = parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for name, value in values.items():
            if (group / name).exists():
                (group / name).write_text(value)
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        _remove(group)
        return None
    out._undo.append(lambda: _remove(group))  # noqa: SLF001
    return group


def _remove(group: Path) -> None:
    with suppress(OSError):
        group.rmdir()


def _counted(file: Path, what: str) -> bool:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return False
    return any(line.split() != [what, "0"] for line in lines if line.startswith(f"{what} "))


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
