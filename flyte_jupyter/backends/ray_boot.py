"""What goes to a cluster by value: it finds this package there, and hands over to it.

It needs nothing but Python's standard library and Ray, so that it arrives also where this package does not,
and can say so.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def keep(order: Mapping[str, Any], path: Sequence[str], controller: Any) -> Any:
    """Keep a worker on this node."""
    return _found("flyte_jupyter.backends.ray_keeper", path).keep(order, controller)


class Boot:
    """The controller, as Ray knows it.

    Args:
        path: where Python finds modules in the kernel.
        head: the process of a head that was started for this package, and when that began, or None.
        patience: seconds after which that head ends if nobody uses it.
    """

    def __init__(self, path: Sequence[str], head: tuple[int, str] | None, patience: float) -> None:
        module = _found("flyte_jupyter.backends.ray_controller", path)
        self._inner = module.Controller(module.submitter(), head, patience)

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

    async def gate(self, lease: str, number: int) -> None:
        """Wait until a worker needs its cores again."""
        await self._inner.gate(lease, number)

    async def open_gate(self, lease: str, number: int) -> None:
        """Let a worker have its cores again."""
        await self._inner.open_gate(lease, number)


def _found(module: str, path: Sequence[str]) -> Any:
    sys.path.extend(folder for folder in path if folder not in sys.path)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RuntimeError(
            f"flyte-jupyter[ray] is not installed on the nodes of the cluster ({error}); install it there"
        ) from None
