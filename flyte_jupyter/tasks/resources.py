"""What a task needs of a machine: CPU, memory, accelerators, disk and shared memory."""

from dataclasses import dataclass
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import integer, shown, wrong_type
from flyte_jupyter.tasks.devices import Device
from flyte_jupyter.tasks.quantity import cpu_text, millicores, size, size_text

_LEAST_MEMORY = 2**20
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU, memory, accelerators, disk and shared memory of one task.

    Fields keep what was given; the methods read it. A single amount is what is asked for and what is allowed.

    Args:
        cpu: cores (2, 0.5, "2", "500m"), or a pair (asked for, at most).
        memory: a size ("512Mi", "4Gi", "2G"), or a pair (asked for, at most).
        gpu: a number of GPUs of any kind, "T4:1", or a ``Device``; 0 is none.
        disk: a size ("10GiB").
        shm: a size for /dev/shm, or "auto" for as much as there is.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a value that is no such amount; a request above its limit.
    """

    cpu: int | float | str | tuple[int | float | str, int | float | str] | None = None
    memory: str | tuple[str, str] | None = None
    gpu: int | str | Device | None = None
    disk: str | None = None
    shm: str | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        for name in ("cpu", "memory"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        _ = self.cpu_range, self.memory_range, self.disk_size, self.shm_size, self.get_device()
        if self.memory_range and self.memory_range[0] < _LEAST_MEMORY:
            raise DefinitionError(
                f'memory={self.memory!r} is less than 1Mi; is a unit missing, as in "512Mi"?'
            )

    @property
    def has_to_wait(self) -> bool:
        """Whether it asks for anything that a machine may have handed out."""
        return bool(self.cpu or self.memory or self.gpu)

    @property
    def cpu_range(self) -> tuple[int, int] | None:
        """Thousandths of a core: asked for, at most."""
        return _range("cpu", self.cpu, millicores)

    @property
    def memory_range(self) -> tuple[int, int] | None:
        """Bytes of memory: asked for, at most."""
        return _range("memory", self.memory, size)

    @property
    def disk_size(self) -> int | None:
        """Bytes of disk."""
        return None if self.disk is None else size(self.disk, "disk")

    @property
    def shm_size(self) -> int | None:
        """Bytes of shared memory; None for "auto" too."""
        return None if self.shm in (None, "auto") else size(self.shm, "shm")

    @property
    def requests(self) -> dict[str, str]:
        """What is asked for, in canonical Kubernetes form; keys cpu, memory, gpu and disk, where given."""
        return self._amounts(0)

    @property
    def limits(self) -> dict[str, str]:
        """What is allowed at most, in canonical Kubernetes form; only of what was given as a pair."""
        given = {name for name in ("cpu", "memory") if isinstance(getattr(self, name), tuple)}
        return {name: amount for name, amount in self._amounts(1).items() if name in given}

    def get_device(self) -> Device | None:
        """Give the accelerators as a ``Device``; None for none."""
        if isinstance(self.gpu, str):
            return Device.of(self.gpu)
        if self.gpu is None or isinstance(self.gpu, Device):
            return self.gpu
        if isinstance(self.gpu, bool) or not isinstance(self.gpu, int):
            raise wrong_type("gpu", self.gpu, 'a number, text such as "T4:1", or a Device')
        return Device(quantity=self.gpu) if integer("gpu", self.gpu, 0) else None

    def get_shared_memory(self) -> str | None:
        """Give the size of /dev/shm in canonical form: "" for "auto" (as much as there is), None for none."""
        count = self.shm_size
        return size_text(count) if count is not None else "" if self.shm == "auto" else None

    def _amounts(self, which: int) -> dict[str, str]:
        device = self.get_device()
        amounts = {
            "cpu": cpu_text(self.cpu_range[which]) if self.cpu_range else None,
            "memory": size_text(self.memory_range[which]) if self.memory_range else None,
            "gpu": str(device.quantity) if device else None,
            "disk": size_text(self.disk_size) if self.disk_size else None,
        }
        return {name: amount for name, amount in amounts.items() if amount is not None}


def _range(what: str, value: Any, read: Any) -> tuple[int, int] | None:
    """Read one amount or a pair of them."""
    if value is None:
        return None
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != _PAIR:
        raise DefinitionError(
            f"{what}={value!r} has {len(pair)} parts; give one amount or (asked for, at most)"
        )
    low, high = read(pair[0], what), read(pair[1], what)
    if low > high:
        raise DefinitionError(f"{what}={value!r} asks for more than it allows; give (asked for, at most)")
    return low, high
