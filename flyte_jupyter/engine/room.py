"""Hands out what a machine has, to one after the other, in the order in which they ask."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.guards import guard
from flyte_jupyter.tasks.devices import plain
from flyte_jupyter.tasks.resources import Resources


@dataclass(frozen=True, slots=True)
class Need:
    """What an action asks for.

    Args:
        cpu: thousandths of a core.
        memory: bytes.
        gpus: how many GPUs.
        device: the name that they must have; empty for any.
        partition: which partition of one they must be; empty for whole ones.
        these: the very GPUs that it had before it lent them.
    """

    cpu: int = 0
    memory: int = 0
    gpus: int = 0
    device: str = ""
    partition: str = ""
    these: tuple[Gpu, ...] = ()

    @classmethod
    def of(cls, resources: Resources) -> "Need":
        """Read what a task asks for."""
        device = resources.get_device()
        cpu, memory = resources.cpu_range, resources.memory_range
        return cls(
            cpu[0] if cpu else 0,
            memory[0] if memory else 0,
            device.quantity if device else 0,
            (device.device or "") if device else "",
            (device.partition or "") if device else "",
        )

    def __bool__(self) -> bool:
        return bool(self.cpu or self.memory or self.gpus)

    def fits(self, gpu: Gpu) -> bool:
        """Whether a GPU is of the kind that is asked for."""
        return plain(self.device) in plain(gpu.name) and self.partition == gpu.partition


class Claim:
    """One who asks.

    Args:
        need: what for.
        wake: called once when it is granted, or given up; must not block.
    """

    __slots__ = ("gpus", "granted", "need", "wake")

    def __init__(self, need: Need, wake: Callable[[], None]) -> None:
        self.need = need
        self.wake = wake
        self.granted = False
        self.gpus: tuple[Gpu, ...] = ()


class Room:
    """What is free.

    Args:
        machine: what there is.
        factor: how many times its cores and memory are handed out.
    """

    def __init__(self, machine: Machine, factor: float = 1.0) -> None:
        self.machine = machine
        self.factor = factor
        self.cpu = int(machine.cpu * factor)
        self.memory = int(machine.memory * factor)
        self._taken: set[Gpu] = set()
        self._lock = guard()
        self._queue: deque[Claim] = deque()

    def ask(self, need: Need, wake: Callable[[], None], *, again: bool = False) -> Claim:
        """Ask for something that the machine has; who had it before asks ``again``, and comes first."""
        claim = Claim(need, wake)
        with self._lock:
            (self._queue.appendleft if again else self._queue.append)(claim)
            self._serve()
        return claim

    def leave(self, claim: Claim) -> None:
        """Give back what was granted, or ask no more."""
        with self._lock:
            if claim.granted:
                self.cpu += claim.need.cpu
                self.memory += claim.need.memory
                self._taken.difference_update(claim.gpus)
                claim.granted = False
            elif claim in self._queue:
                self._queue.remove(claim)
            self._serve()
        claim.wake()

    def _serve(self) -> None:
        """Grant from the front. Nobody overtakes: a large request would never be met."""
        while self._queue and self._fits(self._queue[0].need):
            claim = self._queue.popleft()
            self.cpu -= claim.need.cpu
            self.memory -= claim.need.memory
            claim.gpus = self._chosen(claim.need)
            self._taken.update(claim.gpus)
            claim.granted = True
            claim.wake()

    def _fits(self, need: Need) -> bool:
        enough = need.cpu <= self.cpu and need.memory <= self.memory
        return enough and len(self._chosen(need)) == need.gpus

    def _chosen(self, need: Need) -> tuple[Gpu, ...]:
        if not need.gpus:
            return ()
        candidates = need.these or self.machine.gpus
        free = [gpu for gpu in candidates if gpu not in self._taken and need.fits(gpu)]
        return tuple(free[: need.gpus])
