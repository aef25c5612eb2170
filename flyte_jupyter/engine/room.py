"""Hands out what a machine has, to one after the other, in the order in which they ask."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.engine.neighbours import NOTHING, Held, Neighbours
from flyte_jupyter.guards import guard
from flyte_jupyter.tasks.devices import plain
from flyte_jupyter.tasks.resources import Resources

_LOOK = 0.1
"""Seconds between looks at what the neighbours hold."""


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

    __slots__ = ("gpus", "granted", "need", "since", "wake")

    def __init__(self, need: Need, wake: Callable[[], None]) -> None:
        self.since = time.time()
        self.need = need
        self.wake = wake
        self.granted = False
        self.gpus: tuple[Gpu, ...] = ()


class Room:
    """What is free.

    Args:
        machine: what there is.
        factor: how many times its cores and memory are handed out.
        neighbours: other kernels that use the machine; None if there are none.
    """

    def __init__(self, machine: Machine, factor: float = 1.0, neighbours: Neighbours | None = None) -> None:
        self.machine = machine
        self.factor = factor
        self.cpu = int(machine.cpu * factor)
        self.memory = int(machine.memory * factor)
        self._taken: set[Gpu] = set()
        self._lock = guard()
        self._queue: deque[Claim] = deque()
        self._neighbours = neighbours
        self._looking = False

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
        """Grant what can be granted, and let the neighbours know."""
        if self._neighbours is None:
            self._grant(NOTHING)
            return
        try:
            with self._neighbours.turn() as others:
                self._grant(others)
                self._neighbours.write(self._held())
        except OSError:
            self._neighbours = None  # the folder is gone, or full: from here on this kernel is alone
            self._grant(NOTHING)
        if self._queue and not self._looking:
            self._looking = True
            threading.Thread(target=self._look, name="flyte-room", daemon=True).start()

    def _look(self) -> None:
        """Look whether a neighbour has left something, as long as somebody waits here."""
        while True:
            time.sleep(_LOOK)
            with self._lock:
                self._looking = bool(self._queue) and self._neighbours is not None
                if not self._looking:
                    return
                self._serve()

    def _held(self) -> Held:
        whole = self.machine.cpu * self.factor, self.machine.memory * self.factor
        since = self._queue[0].since if self._queue else 0.0
        gpus = tuple(gpu.index for gpu in self._taken)
        return Held(int(whole[0]) - self.cpu, int(whole[1]) - self.memory, gpus, since)

    def _grant(self, others: Held) -> None:
        """Grant from the front. Nobody overtakes, here or elsewhere: a large request would never be met."""
        while self._queue and self._fits(self._queue[0], others):
            claim = self._queue.popleft()
            self.cpu -= claim.need.cpu
            self.memory -= claim.need.memory
            claim.gpus = self._chosen(claim.need, others)
            self._taken.update(claim.gpus)
            claim.granted = True
            claim.wake()

    def _fits(self, claim: Claim, others: Held) -> bool:
        need = claim.need
        enough = need.cpu <= self.cpu - others.cpu and need.memory <= self.memory - others.memory
        first = not others.since or claim.since <= others.since
        return first and enough and len(self._chosen(need, others)) == need.gpus

    def _chosen(self, need: Need, others: Held) -> tuple[Gpu, ...]:
        if not need.gpus:
            return ()
        candidates = need.these or self.machine.gpus
        free = [gpu for gpu in candidates if gpu not in self._taken and gpu.index not in others.gpus]
        return tuple([gpu for gpu in free if need.fits(gpu)][: need.gpus])
