"""In the cluster: the actor that submits workers for kernels, and owns them when a kernel is gone.

Kernels talk to it over a socket of its own. They are no drivers of Ray: what they start goes on without them.
"""

import asyncio
import getpass
import hmac
import logging
import secrets
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack  # type: ignore[import-untyped]
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from flyte_jupyter.backends import ray_boot, ray_head
from flyte_jupyter.backends.ray_room import Room
from flyte_jupyter.backends.ray_version import package
from flyte_jupyter.backends.wire import packed

_log = logging.getLogger("flyte_jupyter")

_HEAD = struct.Struct(">IB")
_LOOK = 1.0
_TOGETHER = 100_000
"""Workers of one node at once: each is a call to its agent that lasts."""

_FIRST = 1 << 12
"""The most bytes of a greeting."""


@dataclass(slots=True, eq=False)
class _Kernel:
    """A kernel that is connected."""

    writer: asyncio.StreamWriter
    leases: set[str] = field(default_factory=set)

    def tell(self, *frame: Any) -> None:
        """Send it something."""
        if not self.writer.is_closing():
            self.writer.write(packed(frame))


@dataclass(slots=True, eq=False)
class _Lease:
    """A worker that was asked for."""

    order: Mapping[str, Any]
    needs: Mapping[str, float]
    listeners: list[_Kernel]
    room: Room | None = None
    task: "asyncio.Task[None] | None" = None
    agent: Any = None
    address: tuple[str, int] | None = None


class Controller:
    """Submits workers, and knows where they are.

    Args:
        path: where Python finds modules in the kernel.
        head: the process of a head that was started for this package, and when that began; it is ended when
            nobody has been connected for long. None for a cluster of somebody else.
        patience: seconds until then.
    """

    def __init__(self, path: Sequence[str], head: tuple[int, str] | None, patience: float) -> None:
        self._path = path
        self._head = head
        self._patience = patience
        self._secret = secrets.token_hex(16)
        self._kernels: set[_Kernel] = set()
        self._leases: dict[str, _Lease] = {}
        self._orphans: dict[str, str] = {}
        self._agents: dict[str, Any] = {}
        self._nodes: list[dict[str, Any]] = []
        self._address: tuple[str, int] | None = None
        self._me: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def address(self) -> dict[str, Any]:
        """Tell kernels where it listens, and what they have to say first."""
        if self._address is None:
            self._me = ray.get_runtime_context().current_actor
            ray.cloudpickle.register_pickle_by_value(ray_boot)
            server = await asyncio.start_server(self._serve, sock=socket.create_server(("", 0)))
            self._address = (ray.util.get_node_ip_address(), server.sockets[0].getsockname()[1])
            self._nodes = await asyncio.to_thread(_nodes)
            self._keep(self._watch_nodes())
        host, port = self._address
        return {"host": host, "port": port, "secret": self._secret, "package": package()}

    # What agents say

    async def up(self, lease: str, host: str, port: int) -> None:
        """A worker is there."""
        found = self._leases.get(lease)
        if found is not None:
            found.address = (host, port)
            for kernel in found.listeners:
                kernel.tell("up", lease, host, port)

    async def orphaned(self, lease: str, keys: list[str]) -> None:
        """The kernel of a worker is gone, and these attempts go on."""
        self._orphans.update(dict.fromkeys(keys, lease))

    async def forgotten(self, keys: list[str]) -> None:
        """These attempts have ended, and are on record."""
        for key in keys:
            self._orphans.pop(key, None)

    async def lend(self, lease: str) -> None:
        """A body waits for what it called: others may have its cores."""
        found = self._leases.get(lease)
        if found is not None and found.room is not None:
            await found.room.lend()

    async def regain(self, lease: str) -> None:
        """It goes on, at once, and has its cores when they are free."""
        found = self._leases.get(lease)
        if found is not None and found.room is not None:
            await found.room.regain()

    # What kernels say

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kernel = _Kernel(writer)
        try:
            async with asyncio.timeout(10):
                first = await _read(reader, _FIRST)
            if not hmac.compare_digest(str(first[1]), self._secret):
                return
            kernel.tell("welcome", self._nodes, _facts())
            self._kernels.add(kernel)
            while True:
                kind, *content = await _read(reader)
                await getattr(self, f"_on_{kind}")(kernel, *content)
        except (OSError, EOFError, TimeoutError):
            pass  # the kernel is gone, or it is none
        except Exception:  # noqa: BLE001 - it serves the other kernels as before
            _log.exception("a kernel's connection is cut")  # a defect of ours: in Ray's log of this actor
        finally:
            self._kernels.discard(kernel)
            writer.close()
            for lease in kernel.leases:
                found = self._leases.get(lease)
                if found is not None and found.address is None:
                    await self._on_cancel(kernel, lease)  # nobody waits for it

    async def _on_lease(self, kernel: _Kernel, order: Mapping[str, Any], needs: Mapping[str, float]) -> None:
        """Submit a worker."""
        name = order["lease"]
        kernel.leases.add(name)
        lease = self._leases[name] = _Lease(order, needs, [kernel])
        lease.task = self._keep(self._serve_lease(name, lease))

    async def _on_cancel(self, _kernel: _Kernel, name: str) -> None:
        """End a worker with force."""
        lease = self._leases.get(name)
        if lease is not None and lease.agent is not None:
            lease.agent.end.remote(name)
        elif lease is not None and lease.task is not None:
            lease.task.cancel()

    async def _on_nodes(self, kernel: _Kernel, number: int) -> None:
        """Look again which nodes there are."""
        self._nodes = await asyncio.to_thread(_nodes)
        kernel.tell("answer", number, self._nodes)

    async def _on_find(self, kernel: _Kernel, number: int, key: str) -> None:
        """Find an attempt that goes on without its kernel; its new one is told of its end."""
        lease = self._orphans.pop(key, "")
        found = self._leases.get(lease)
        if found is None or found.address is None:
            kernel.tell("answer", number, None)
            return
        found.listeners.append(kernel)
        kernel.tell("answer", number, (lease, found.order["secret"], *found.address))

    async def _serve_lease(self, name: str, lease: _Lease) -> None:
        """Hold a worker from its beginning to its end, and tell its kernels how it ended."""
        how, why, node = None, "", ""
        lease.room = Room(lease.needs)
        try:
            node = await lease.room.take()
            gpus = await lease.room.gpus()
            lease.agent = self._agent(node, lease.order["path"])
            how = await lease.agent.keep.remote({**lease.order, "gpus": gpus})
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever Ray says
            why = explained(error)
            if isinstance(error, ray.exceptions.RayActorError):
                self._agents.pop(node, None)  # the next one on that node gets another
        del self._leases[name]
        for key in [key for key, owner in self._orphans.items() if owner == name]:
            del self._orphans[key]
        for kernel in lease.listeners:
            kernel.leases.discard(name)
            kernel.tell("gone", name, how, why)
        await lease.room.free()

    def _agent(self, node: str, path: Sequence[str]) -> Any:
        """Give the agent of a node."""
        if node not in self._agents:
            made = ray.remote(ray_boot.AgentBoot).options(
                num_cpus=0,
                memory=1,  # who asks for nothing is sent by way of any node, even one that is gone
                max_concurrency=_TOGETHER,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            self._agents[node] = made.remote([*self._path, *path], self._me)
        return self._agents[node]

    async def _watch_nodes(self) -> None:
        """Tell kernels of nodes that come and go; end what nobody uses."""
        idle = 0.0
        while idle < self._patience or self._head is None:
            await asyncio.sleep(_LOOK)
            idle = 0.0 if self._kernels or self._leases else idle + _LOOK
            if not self._kernels:
                continue
            nodes = await asyncio.to_thread(_nodes)
            if nodes != self._nodes:
                self._nodes = nodes
                for kernel in self._kernels:
                    kernel.tell("nodes", nodes)
        ray_head.end(*self._head)

    def _keep(self, coro: Any) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def explained(error: BaseException) -> str:
    """Say in a line why a worker is gone."""
    if isinstance(error, asyncio.CancelledError):
        return "it was cancelled"
    for kind, why in _EXPLAINED.items():
        if isinstance(error, getattr(ray.exceptions, kind)):
            return why
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {cause}".splitlines()[0]


_EXPLAINED = {
    "OutOfMemoryError": "Ray ended the agent of its node, which was almost out of memory",
    "NodeDiedError": "its node is gone",
    "LocalRayletDiedError": "its node is gone",
    "ActorDiedError": "its node is gone, or somebody killed our agent there",
    "ActorUnavailableError": "its node is gone, or somebody killed our agent there",
    "ActorUnschedulableError": "its node is gone",
}


async def _read(reader: asyncio.StreamReader, most: int | None = None) -> tuple[Any, ...]:
    length, _ = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if most is not None and length > most:
        raise ValueError("too long for a greeting")
    frame: tuple[Any, ...] = msgpack.unpackb(await reader.readexactly(length), use_list=False)
    return frame


def _nodes() -> list[dict[str, Any]]:
    return [
        {"name": node["NodeManagerAddress"], "resources": dict(node["Resources"])}
        for node in ray.nodes()
        if node["Alive"]
    ]


def _facts() -> dict[str, Any]:
    return {"python": sys.version_info[:3], "ray": ray.__version__, "user": getpass.getuser()}
