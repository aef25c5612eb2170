"""What goes to a cluster by value: it finds this package there, and hands over to it.

It needs nothing but Python's standard library and Ray, so that it arrives also where this package does not,
and can say so.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any


class AgentBoot:
    """The agent of a node, as Ray knows it.

    Args:
        path: where Python finds modules in the kernel.
        controller: the actor that knows where workers are.
    """

    def __init__(self, path: Sequence[str], controller: Any) -> None:
        self._inner = _found("flyte_jupyter.backends.ray_agent", path).Agent(controller)

    async def keep(self, order: Mapping[str, Any]) -> Any:
        """Hold a worker; tells how it ended."""
        return await self._inner.keep(order)

    async def end(self, lease: str) -> None:
        """End a worker at once."""
        await self._inner.end(lease)


class ControllerBoot:
    """The controller, as Ray knows it.

    Args:
        path: where Python finds modules in the kernel.
        head: the process of a head that was started for this package, and when that began, or None.
        patience: seconds after which that head ends if nobody uses it.
    """

    def __init__(self, path: Sequence[str], head: tuple[int, str] | None, patience: float) -> None:
        module = _found("flyte_jupyter.backends.ray_controller", path)
        self._inner = module.Controller(path, head, patience)

    async def address(self) -> Any:
        """Tell where it listens for kernels."""
        return await self._inner.address()

    async def up(self, lease: str, host: str, port: int) -> None:
        """Take note of a worker that is there."""
        await self._inner.up(lease, host, port)

    async def orphaned(self, lease: str, keys: list[str]) -> None:
        """Take note of attempts that go on without a kernel."""
        await self._inner.orphaned(lease, keys)

    async def forgotten(self, keys: list[str]) -> None:
        """Take note of attempts that have ended."""
        await self._inner.forgotten(keys)

    async def lend(self, lease: str) -> None:
        """Let others have a worker's cores."""
        await self._inner.lend(lease)

    async def regain(self, lease: str) -> None:
        """Let a worker have its cores again."""
        await self._inner.regain(lease)


def _found(module: str, path: Sequence[str]) -> Any:
    sys.path.extend(folder for folder in path if folder not in sys.path)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RuntimeError(
            f"flyte-jupyter[ray] is not installed on the nodes of the cluster ({error}); install it there"
        ) from None
