"""What the GPUs of an attempt do while it runs, as NVIDIA's management library (NVML) tells it.

GPUs are handed out to one attempt at a time, so what a GPU does is what its attempt does.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flyte_jupyter.errors import InitializationError
from flyte_jupyter.loading import load

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable that says which GPUs a process sees."""

_LOOK = 0.1
"""Seconds between looks; the library itself averages over about as long."""


class GpuMeter:
    """Looks at GPUs now and then.

    Args:
        nvml: the module ``pynvml``, or what has its functions; None looks at nothing.
        devices: numbers and UUIDs of the GPUs; all that this process can see if there are none.
    """

    def __init__(self, nvml: Any, devices: Sequence[str] = ()) -> None:
        self.busy = 0.0
        self.memory = 0
        self._nvml = nvml
        self._handles = list(_handles(nvml, devices)) if nvml is not None else []
        self._stop = threading.Event()
        self._last = time.monotonic()

    @contextmanager
    def looking(self) -> Iterator["GpuMeter"]:
        """Look from a thread as long as the block goes on."""
        thread = threading.Thread(target=self._run, name="flyte-gpus", daemon=True) if self._handles else None
        if thread is not None:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            if thread is not None:
                thread.join()
                self.look()

    def look(self) -> None:
        """Count the time since the last look, as busy as the GPUs are now."""
        now = time.monotonic()
        since, self._last = now - self._last, now
        self.busy += since * sum(self._asked(handle, _share) for handle in self._handles)
        self.memory = max(self.memory, int(sum(self._asked(handle, _memory) for handle in self._handles)))

    def _run(self) -> None:
        while not self._stop.wait(_LOOK):
            self.look()

    def _asked(self, handle: Any, ask: Any) -> float:
        try:
            return float(ask(self._nvml, handle))
        except self._nvml.NVMLError:
            return 0.0  # not of this device: a MIG partition tells no share


def nvml() -> Any:
    """Give NVIDIA's library, ready to be asked; None where it or the driver is not installed."""
    try:
        found = load("pynvml")
    except (ModuleNotFoundError, InitializationError):
        return None
    try:
        found.nvmlInit()
    except found.NVMLError:
        return None
    return found


def _handles(nvml: Any, devices: Sequence[str]) -> Iterator[Any]:
    for name in devices or map(str, range(nvml.nvmlDeviceGetCount())):
        try:
            if name.isdigit():
                yield nvml.nvmlDeviceGetHandleByIndex(int(name))
            else:
                yield nvml.nvmlDeviceGetHandleByUUID(name)
        except nvml.NVMLError:
            continue


def _share(nvml: Any, handle: Any) -> float:
    return float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100


def _memory(nvml: Any, handle: Any) -> float:
    return float(nvml.nvmlDeviceGetMemoryInfo(handle).used)
