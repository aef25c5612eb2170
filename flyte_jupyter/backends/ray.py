"""A Ray cluster as a place to run: an existing one, or one that is started beside the kernel."""

import itertools
import logging
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from flyte_jupyter.backends import ray_record
from flyte_jupyter.backends.cores import threads_of
from flyte_jupyter.backends.forking import PRELOADED
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.limits import Limits
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.ray_fit import needs_of, room
from flyte_jupyter.backends.ray_link import Lease, Link
from flyte_jupyter.backends.ray_process import RayProcess, reached, recorded
from flyte_jupyter.backends.ray_start import linked
from flyte_jupyter.backends.records import levels
from flyte_jupyter.backends.replicas import Size
from flyte_jupyter.backends.secrets import resolved
from flyte_jupyter.backends.shipping import Shipment
from flyte_jupyter.backends.threads import settle, threads
from flyte_jupyter.backends.warm import NOTHING, Breed, WarmBackend
from flyte_jupyter.config import find_home
from flyte_jupyter.errors import Error, InsufficientResourcesError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import on_thread
from flyte_jupyter.runs.events import Emit
from flyte_jupyter.tasks.checks import duration
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import current_blobs

_IDLE = 1.0
"""Seconds that an idle worker holds its resources: others wait for them."""


class RayBackend(WarmBackend):
    """Bodies run in worker processes on the nodes of a Ray cluster.

    The nodes' own Python runs them, of the same version and with the same ray; images are not used. Every
    node has to see the run store's folder. Ray places workers by what a task asks for: one core if it says
    nothing. A body that waits for what it called lends its cores.

    A run of mode remote is conducted by a process of its own and goes on when the kernel is gone. So do the
    attempts of any other run: ``rerun`` of it in another kernel takes over what still runs, and how it ended
    if it has.

    Args:
        address: the cluster: "auto" for the one that Ray finds, or "host:port". None is one on this machine,
            which is started when it is first needed, is found again by later kernels with the same store, and
            ends when nobody uses it any more.
        idle: seconds after which that one ends.
    """

    name = "ray"
    unattended = True
    """Runs of mode remote need no kernel: whoever has the place can conduct them."""

    def __init__(self, address: str | None = None, *, idle: float = 900.0) -> None:
        self._link: Link | None = None
        self._claims = itertools.count(1)
        self._address = address
        self._idle = idle
        self._connecting = threading.Lock()
        super().__init__()

    def __repr__(self) -> str:
        return f"RayBackend({self._address!r})"

    def __reduce__(self) -> Any:
        """Pickle the place without its connection."""
        return _place, (self._address, self._idle)

    def attend(self, home: Path) -> None:
        """Be connected to a cluster that ends when nobody is; who conducts the run says what is wrong."""
        if self._address is None:
            with suppress(Error):
                self._linked(home)

    async def close(self) -> None:
        """End all workers and the connection; the cluster stays. A closed place may be used again."""
        await super().close()
        link, self._link = self._link, None
        if link is not None:
            link.close()

    # Inside

    def _reset(self) -> None:
        super()._reset()
        self._link = None

    async def _breed(self, spec: ActionSpec, emit: Emit) -> Breed:
        del emit
        link = self._link
        if link is None or link.is_lost:
            link = await on_thread(self._linked, _home())
        task, policy, asked = spec.task, spec.task.reusable, Limits.of(spec.task.resources)
        taken = await on_thread(self._taken_over, link, spec, asked) if spec.run.continues else None
        if taken is not None:
            one = Size(fewest=0, most=1, together=1, idle=0.0, surplus=0.0)
            return Breed(key=("taken over", next(self._claims)), size=one, start=taken, threads={}, once=True)
        needs, most = await self._fit(link, spec)
        run = spec.run.name if policy and policy.scope == "run" else ""
        size = _limited(Size.of(policy), most) if policy else Size(
            fewest=0, most=most, together=1, idle=_IDLE, surplus=_IDLE
        )  # fmt: skip
        variables, environment = threads_of(task.resources), task.name.partition(".")[0]
        key = (id(link), environment, policy, asked, repr(needs), most, frozenset(variables.items()), run)
        start = partial(self._started, link, needs, asked)
        return Breed(key=key, size=size, start=start, threads=variables)

    async def _fit(self, link: Link, spec: ActionSpec) -> tuple[dict[str, float], int]:
        """Tell what such a worker holds, and how many fit; looks again before anything is refused."""
        task = spec.task
        try:
            needs = needs_of(task.resources, link.nodes)
            return needs, room(task, needs, link.nodes)
        except InsufficientResourcesError:
            link.nodes = await on_thread(link.ask, "nodes")
            needs = needs_of(task.resources, link.nodes)
            return needs, room(task, needs, link.nodes)

    def _linked(self, home: Path) -> Link:
        with self._connecting:
            if self._link is None or self._link.is_lost:
                self._link = linked(self._address, home, self._idle)
            return self._link

    def _started(self, link: Link, needs: Mapping[str, float], limits: Limits) -> "Future[Process]":
        """Ask for a worker; it is there when the cluster has room for it, and takes no thread until then."""
        wanted = tuple(name for name in PRELOADED if name in sys.modules)
        lease = link.lease(needs, memory=limits.memory, cpu=limits.cpu, wanted=wanted, path=_path())
        made: Future[Process] = Future()

        def up(place: "Future[tuple[str, int]]") -> None:
            threads.start(lambda: settle(made, lambda: reached(link, lease, place.result(), limits)))

        def over(made: "Future[Process]") -> None:
            if made.cancelled():
                link.cancel(lease)

        lease.up.add_done_callback(up)
        made.add_done_callback(over)
        return made

    def _taken_over(self, link: Link, spec: ActionSpec, limits: Limits) -> Any:
        """Find what an earlier kernel began: how it ended, or where it goes on; gives what connects to it."""
        folder, key = _folder(), _key(spec, self.shipments.of(spec.task))
        for _ in range(2):  # it may end while it is looked for
            frames = ray_record.read(folder, key)
            if frames is not None:
                return partial(threads.begin, partial(recorded, folder, key, frames, limits))
            found = link.ask("find", key)
            if found is not None:
                name, secret, *place = found
                lease = link.follow(Lease(name, secret))
                return partial(threads.begin, partial(reached, link, lease, tuple(place), limits, key))
        return None

    def _secrets(self, spec: ActionSpec, process: Process) -> AbstractContextManager[Mapping[str, str]]:
        """Files are put on the node by the keeper, with the attempt."""
        del process
        return nullcontext(resolved(spec.task.secrets)[0]) if spec.task.secrets else NOTHING

    def _tell(self, process: Process, *, shared: bool) -> None:
        """Send the kernel's folder and path, which nodes may share, and the levels of logs."""
        folder, level = os.getcwd(), logging.root.level  # noqa: PTH109 - once for each attempt: it counts
        if process.world != (folder, level):
            process.world = (folder, level)
            world = {"folder": folder, "path": _path(), "own": (TOKEN,), "levels": levels(), "shared": shared}
            process.send(("world", world))

    def _entered(self, process: Process, number: int, spec: ActionSpec, shipment: Shipment) -> None:
        """Say which attempt comes: so it can be found, and taken over."""
        key = _key(spec, shipment)
        if isinstance(process, RayProcess) and process.attached:
            process.send(("attach", key, number, spec.run.name, spec.attempt))
            return
        variables, files = resolved(spec.task.secrets)
        values = (*variables.values(), *files.values())
        limit = spec.task.timeout.max_runtime
        most = duration("max_runtime", limit).total_seconds() if limit else 0.0
        names = (spec.run.name, spec.id.name, key)
        process.send(("attempt", number, *names, _folder(), _proof(), files, values, most))


def _place(address: str | None, idle: float) -> RayBackend:
    return RayBackend(address, idle=idle)


def _key(spec: ActionSpec, shipment: Shipment) -> str:
    """Name an action by what it is: the same in a run and in those that continue it."""
    origin = spec.run.continues or spec.run.name
    return digest("ray attempt", origin, spec.id.name, spec.task.name, shipment.version, spec.packed or b"")


def _home() -> Path:
    """Find the folder in which clusters are remembered."""
    blobs = current_blobs()
    return blobs.folder.parent if blobs is not None else find_home(Path.cwd())


def _folder() -> str:
    blobs = current_blobs()
    return str(blobs.folder) if blobs is not None else ""


def _proof() -> tuple[bytes, bytes]:
    """Make what a node can check only if it sees the same store."""
    blobs, data = current_blobs(), os.urandom(16)
    return (data, blobs.sign(data)) if blobs is not None else (b"", b"")


def _path() -> tuple[str, ...]:
    return tuple(os.path.abspath(folder) for folder in sys.path)  # noqa: PTH100 - also of an empty one


def _limited(size: Size, most: int) -> Size:
    """Have no more workers than the cluster holds; who waits for one waits here, in order."""
    return replace(size, fewest=min(size.fewest, most), most=min(size.most, most))
