"""What is asked of the container engine for one worker: a pure function of a task and its image."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.limits import Limits
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.container import ContainerConfig
from flyte_jupyter.tasks.devices import Device
from flyte_jupyter.tasks.quantity import size_text
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import FOLDER
from flyte_jupyter.tasks.spec import TaskSpec

WIRE = "/opt/flyte-jupyter/wire"
"""The folder in a container where the kernel's socket is."""

SOURCE = "/opt/flyte-jupyter/source"
"""The folder in a container that holds this package."""

LIBRARIES = "/opt/flyte-jupyter/libraries"
"""The folder in a container for libraries that an image may lack."""

_SECRETS_SIZE = "16m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One container.

    Args:
        image: the image's name.
        limits: memory and CPU.
        shm: bytes of /dev/shm; None for the engine's own choice.
        gpus: how many.
        disk: bytes that were asked for; engines cannot limit them.
        network: none, host, bridge or a network's name.
        secrets: whether there are secret files.
        folders: what is mounted at its own path, to be written.
        devices: which GPUs, by number or UUID; any if none is named.
    """

    image: str
    limits: Limits
    shm: int | None = None
    gpus: int = 0
    disk: int | None = None
    network: str = "bridge"
    secrets: bool = False
    folders: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: TaskSpec, image: str, folders: tuple[str, ...], devices: str = "") -> "Plan":
        """Read what a task asks for.

        Args:
            task: the task.
            image: the image's name.
            folders: what is mounted.
            devices: the GPUs that it was given, with commas.

        Raises:
            DefinitionError: it asks for what no container of this machine can have.
        """
        resources, config = task.resources, task.plugin_config
        memory, cpu = resources.memory_range, resources.cpu_range
        return cls(
            image=image,
            limits=Limits(memory[1] if memory else None, cpu[1] if cpu else None),
            shm=_shm(resources),
            gpus=_gpus(task.name, resources.get_device()),
            disk=resources.disk_size,
            network=config.network if isinstance(config, ContainerConfig) else "bridge",
            secrets=any(secret.file for secret in task.secrets),
            folders=folders,
            devices=tuple(filter(None, devices.split(","))) if resources.gpu else (),
        )

    @property
    def notes(self) -> dict[str, str]:
        """Say what is in force beside memory and CPU."""
        found = {}
        if self.shm is not None:
            found["shm"] = f"{size_text(self.shm)}, container engine"
        if self.gpus:
            found["gpu"] = f"{self.gpus}, container engine"
        if self.disk is not None:
            found["disk"] = f"{size_text(self.disk)}, not enforced"
        return found

    def host_config(self, wire: Path, source: Path, libraries: Mapping[str, Path]) -> dict[str, Any]:
        """Write what the engine calls HostConfig.

        Args:
            wire: the folder of the kernel's socket.
            source: this package's folder.
            libraries: libraries of the kernel, by name, for images that lack them.
        """
        mounts = [_mount(wire, WIRE), _mount(source, f"{SOURCE}/{source.name}")]
        mounts += [_mount(path, f"{LIBRARIES}/{name}") for name, path in libraries.items()]
        mounts += [_mount(folder, folder, writable=True) for folder in self.folders]
        config: dict[str, Any] = {
            "Mounts": mounts,
            "NetworkMode": self.network,
            # Only what is printed before the worker runs: its own output goes to the kernel.
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        }
        if self.limits.memory is not None:
            config |= {"Memory": self.limits.memory, "MemorySwap": self.limits.memory}
        if self.limits.cpu is not None:
            config["NanoCpus"] = self.limits.cpu * 1_000_000
        if self.shm is not None:
            config["ShmSize"] = self.shm
        if self.gpus:
            which = {"DeviceIDs": list(self.devices)} if self.devices else {"Count": self.gpus}
            config["DeviceRequests"] = [{"Driver": "", "Capabilities": [["gpu"]], **which}]
        if self.secrets:
            owner = f"uid={os.getuid()},gid={os.getgid()}"
            config["Tmpfs"] = {str(FOLDER): f"rw,noexec,nosuid,size={_SECRETS_SIZE},mode=0700,{owner}"}
        return config


def _mount(source: Path | str, target: str, *, writable: bool = False) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": not writable}


def _shm(resources: Resources) -> int | None:
    """Read the size of /dev/shm; "auto" is half of what memory there is, as Linux itself has it."""
    if resources.shm != "auto":
        return resources.shm_size
    memory = resources.memory_range
    most = memory[1] if memory else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return most // 2


def _gpus(task: str, device: Device | None) -> int:
    if device is None:
        return 0
    if device.device_class != "GPU" or device.partition:
        what = f"{device.device or device.device_class}{f' ({device.partition})' if device.partition else ''}"
        raise DefinitionError(
            f"{task} asks for {what}, and containers of this machine can be given whole NVIDIA GPUs only; "
            'ask for gpu=1, or run it with mode="remote"'
        )
    return device.quantity
