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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack  # type: ignore[import-untyped]
import ray

from flyte_jupyter.backends import ray_boot, ray_head
from flyte_jupyter.backends.wire import packed

_log = logging.getLogger("flyte_jupyter")

_HEAD = struct.Struct(">IB")
_LOOK = 1.0
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

    secret: str
    ref: Any
    listeners: list[_Kernel]
    address: tuple[str, int] | None = None
    gone: tuple[Any, str] | None = None


class Controller:
    """Submits workers, and knows where they are.

    Args:
        submit: submits a Ray task that keeps a worker: with Ray's options, the order and this actor.
        head: the process of a head that was started for this package, and when that began; it is ended when
            nobody has been connected for long. None for a cluster of somebody else.
        patience: seconds until then.
    """

    def __init__(self, submit: Any, head: tuple[int, str] | None, patience: float) -> None:
        self._submit = submit
        self._head = head
        self._patience = patience
        self._secret = secrets.token_hex(16)
        self._kernels: set[_Kernel] = set()
        self._leases: dict[str, _Lease] = {}
        self._orphans: dict[str, str] = {}
        self._gates: dict[tuple[str, int], asyncio.Event] = {}
        self._nodes: list[dict[str, Any]] = []
        self._address: tuple[str, int] | None = None
        self._me: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def address(self) -> dict[str, Any]:
        """Tell kernels where it listens, and what they have to say first."""
        if self._address is None:
            self._me = ray.get_runtime_context().current_actor
            server = await asyncio.start_server(self._serve, sock=socket.create_server(("", 0)))
            self._address = (ray.util.get_node_ip_address(), server.sockets[0].getsockname()[1])
            self._nodes = await asyncio.to_thread(_nodes)
            self._keep(self._watch_nodes())
        return {"host": self._address[0], "port": self._address[1], "secret": self._secret}

    # What keepers of workers say

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

    async def gate(self, lease: str, number: int) -> None:
        """Wait until a worker needs its cores again."""
        await self._gate(lease, number).wait()
        self._gates.pop((lease, number), None)

    async def open_gate(self, lease: str, number: int) -> None:
        """A worker needs its cores again."""
        self._gate(lease, number).set()

    def _gate(self, lease: str, number: int) -> asyncio.Event:
        return self._gates.setdefault((lease, number), asyncio.Event())

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

    async def _on_lease(self, kernel: _Kernel, order: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Submit a worker."""
        lease = order["lease"]
        try:
            ref = self._submit(options, order, self._me)
        except Exception as error:  # noqa: BLE001 - Ray's own checks of the options
            kernel.tell("gone", lease, None, str(error))
            return
        kernel.leases.add(lease)
        self._leases[lease] = _Lease(order["secret"], ref, [kernel])
        self._keep(self._watch(lease))

    async def _on_cancel(self, _kernel: _Kernel, lease: str) -> None:
        """End a worker with force."""
        found = self._leases.get(lease)
        if found is not None:
            await asyncio.to_thread(ray.cancel, found.ref, force=True)

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
        kernel.tell("answer", number, (lease, found.secret, *found.address))

    async def _watch(self, lease: str) -> None:
        """Wait for the end of a worker, and tell the kernels of it."""
        found, how, why = self._leases[lease], None, ""
        try:
            how = await found.ref
        except BaseException as error:  # noqa: BLE001 - whatever Ray says
            why = explained(error)
        del self._leases[lease]
        for key in [key for key, owner in self._orphans.items() if owner == lease]:
            del self._orphans[key]
        for kernel in found.listeners:
            kernel.leases.discard(lease)
            kernel.tell("gone", lease, how, why)

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

    def _keep(self, coro: Any) -> None:
        task = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def submitter() -> Any:
    """Make what submits keepers of workers."""
    ray.cloudpickle.register_pickle_by_value(ray_boot)
    task = ray.remote(max_retries=0)(ray_boot.keep)
    return lambda options, order, controller: task.options(**options).remote(order, order["path"], controller)


def explained(error: BaseException) -> str:
    """Say in a line why a worker is gone."""
    for kind, why in _EXPLAINED.items():
        if isinstance(error, getattr(ray.exceptions, kind)):
            return why
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {cause}".splitlines()[0]


_EXPLAINED = {
    "TaskCancelledError": "it was cancelled",
    "OutOfMemoryError": "Ray ended it, as its node was almost out of memory",
    "NodeDiedError": "its node is gone",
    "WorkerCrashedError": "its Ray worker was killed or crashed, or its node is gone",
    "LocalRayletDiedError": "its node is gone",
    "RuntimeEnvSetupError": "its Ray worker could not be started",
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
