"""What a task may use at most, read from its container; places that can, enforce it."""

from typing import Any

from flyteidl2.core import tasks_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.values import Most
from flyte_jupyter.tasks.quantity import millicores, size

_R = tasks_pb2.Resources


def most_of(container: Any) -> Most:
    """Read what a ``core.Container`` may use: its limits, else its requests.

    Raises:
        DefinitionError: a quantity that is none.
    """
    said = {entry.name: entry.value for entry in container.resources.requests}
    said |= {entry.name: entry.value for entry in container.resources.limits}
    memory, cpu, gpus = (said.get(name, "") for name in (_R.MEMORY, _R.CPU, _R.GPU))
    return Most(
        memory=size(memory) if memory else 0,
        cpu=millicores(cpu) if cpu else 0,
        gpus=int(gpus) if gpus else 0,
    )
