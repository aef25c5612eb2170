"""In the cluster: the resources of one worker, held by a placement group.

A placement group holds resources without a process of Ray, so it is there in milliseconds, and can be given
back while the worker goes on.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ray
from ray.util.placement_group import placement_group, placement_group_table, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

_FIRST = 0.002
_LAST = 0.25
_GROWTH = 1.3
_GPU = "GPU"


class Room:
    """What one worker holds.

    Args:
        needs: the resources, as Ray counts them.
    """

    def __init__(self, needs: Mapping[str, float]) -> None:
        self._needs = {name: amount for name, amount in needs.items() if amount}
        self._group: Any = None
        self._over = False
        self._wanted = False
        self._changing = asyncio.Lock()

    async def take(self) -> str:
        """Wait until the resources are there; gives the node."""
        await self._settle(wanted=True)
        wait = _FIRST
        while True:
            table = await asyncio.to_thread(placement_group_table, self._group)
            if table["state"] == "CREATED":
                return str(table["bundles_to_node_id"][0])
            await asyncio.sleep(wait)
            wait = min(wait * _GROWTH, _LAST)

    async def gpus(self) -> str | None:
        """Tell which GPUs they are, as CUDA numbers them; None if none were asked for."""
        if not self._needs.get(_GPU):
            return None
        options = {
            "num_cpus": 0,
            "num_gpus": self._needs[_GPU],
            "max_retries": 0,
            "scheduling_strategy": PlacementGroupSchedulingStrategy(self._group, 0),
        }
        found: str = await ray.remote(_visible).options(**options).remote()
        return found

    async def lend(self) -> None:
        """Give it back for a while; who has GPUs keeps all, as others cannot be given theirs."""
        if not self._needs.get(_GPU):
            await self._settle(wanted=False)

    async def regain(self) -> None:
        """Ask for it again, and do not wait for it."""
        await self._settle(wanted=True)

    async def free(self) -> None:
        """Give it back for good."""
        self._over = True
        await self._settle(wanted=False)

    async def _settle(self, *, wanted: bool) -> None:
        """Ask for the resources or give them back, if that is what was wanted last."""
        self._wanted = wanted and not self._over
        async with self._changing:
            if self._wanted and self._group is None:
                self._group = await asyncio.to_thread(self._asked)
            elif not self._wanted and self._group is not None:
                group, self._group = self._group, None
                with suppress(ray.exceptions.RayError):
                    await asyncio.to_thread(remove_placement_group, group)

    def _asked(self) -> Any:
        return placement_group([self._needs], strategy="STRICT_PACK")  # goes with the controller


def _visible() -> str:
    """Tell which GPUs a Ray task has."""
    return ",".join(map(str, ray.get_gpu_ids()))
