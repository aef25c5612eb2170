"""Which nodes of a cluster can hold what a task asks for, in Ray's words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flyte_jupyter.errors import InsufficientResourcesError
from flyte_jupyter.tasks.devices import plain
from flyte_jupyter.tasks.quantity import size_text
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.spec import TaskSpec

Node = Mapping[str, Any]
"""A node: its ``name``, and its ``resources`` as Ray counts them."""

_TYPE = "accelerator_type:"
_A_BIT = 0.001
_MOST = 1000


def needs_of(resources: Resources, nodes: Sequence[Node]) -> dict[str, float]:
    """Write a task's resources as Ray counts them; one core where none are asked for.

    Args:
        resources: what the task asks for.
        nodes: the cluster's nodes, for how they write the name of the device.
    """
    cpu, memory, device = resources.cpu_range, resources.memory_range, resources.get_device()
    needs = {"CPU": cpu[0] / 1000 if cpu else 1.0}
    if memory:
        needs["memory"] = memory[0]
    if device:
        needs["GPU"] = device.quantity
        if device.device:
            needs[_name(device.device, nodes)] = _A_BIT
    return needs


def room(task: TaskSpec, needs: Mapping[str, float], nodes: Sequence[Node]) -> int:
    """Tell how many such tasks the whole cluster holds at once.

    Raises:
        InsufficientResourcesError: no node holds one; the message says what there is.
    """
    device = task.resources.get_device()
    if device and (device.partition or device.device_class not in (None, "GPU")):
        raise InsufficientResourcesError(
            f"{task.name} asks for {_shown(device)}, and Ray hands out whole GPUs only"
        )
    count = sum(_holds(node["resources"], needs) for node in nodes)
    if count:
        return count
    there = "; ".join(map(_described, nodes)) or "no node"
    raise InsufficientResourcesError(
        f"{task.name} asks for {_asked(needs)}, and no node of the Ray cluster has that. There is: {there}"
    )


def _holds(has: Mapping[str, float], needs: Mapping[str, float]) -> int:
    return min((int(has.get(name, 0) / amount) for name, amount in needs.items() if amount), default=_MOST)


def _name(device: str, nodes: Iterable[Node]) -> str:
    """Find how a node writes a device's name: A100_80G is A100-80G there."""
    for node in nodes:
        for name in node["resources"]:
            if name.startswith(_TYPE) and plain(device) == plain(name.removeprefix(_TYPE)):
                return str(name)
    return f"{_TYPE}{device}"


def _shown(device: Any) -> str:
    part = f" in parts of {device.partition}" if device.partition else ""
    return f"{device.quantity} × {device.device or device.device_class}{part}"  # noqa: RUF001 - times


def _asked(needs: Mapping[str, float]) -> str:
    kinds = [name.removeprefix(_TYPE) for name in needs if name.startswith(_TYPE)]
    words = [f"{needs['CPU']:g} CPUs"]
    if "memory" in needs:
        words.append(f"{size_text(int(needs['memory']))} of memory")
    if "GPU" in needs:
        words.append(f"{needs['GPU']:g} GPUs" + "".join(f" of type {kind}" for kind in kinds))
    return ", ".join(words)


def _described(node: Node) -> str:
    has = node["resources"]
    kinds = [name.removeprefix(_TYPE) for name in has if name.startswith(_TYPE)]
    words = [f"{has.get('CPU', 0):g} CPUs", f"{int(has.get('memory', 0)) / 2**30:.1f} GiB of memory"]
    if has.get("GPU"):
        words.append(f"{has['GPU']:g} GPUs" + (f" of type {', '.join(kinds)}" if kinds else ""))
    return f"{node['name']} with {', '.join(words)}"
