"""Whose a container is: labels that tell whether the kernel that started it is still there."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from flyte_jupyter.container_engine import remove, said

WORKER = "flyte_jupyter.worker"
"""The label that every container of a task has; its value says which process started it."""


def labels() -> dict[str, str]:
    """Give the labels of a container that this process starts."""
    return {WORKER: f"{_surroundings()} {os.getpid()} {_begun(os.getpid())}"}


def sweep(client: Any) -> list[str]:
    """Remove the containers that kernels which are gone have left; gives their ids.

    Raises:
        RuntimeSystemError: the engine does not answer.
    """
    with said(client, "looking for containers that were left"):
        there = client.api.containers(all=True, filters={"label": WORKER})
    left = [one["Id"] for one in there if _is_orphan(one["Labels"][WORKER])]
    for container in left:
        remove(client, container)
    return left


def _is_orphan(label: str) -> bool:
    """Whether the process that started it is gone; of processes elsewhere nothing is known here."""
    surroundings, _, process = label.rpartition(" ")[0].rpartition(" ")
    begun = label.rpartition(" ")[2]
    boot, _, space = surroundings.partition(":")
    mine, _, my_space = _surroundings().partition(":")
    if not process.isdigit() or (boot == mine and space != my_space):
        return False
    return boot != mine or _begun(int(process)) != begun


@cache
def _surroundings() -> str:
    """Name where process ids are good for anything: this start of the machine, this space of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "unknown:unknown"


def _begun(pid: int) -> str:
    """Tell when a process began, in ticks; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
