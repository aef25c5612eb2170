"""Warm worker processes as a place to run."""

import asyncio
import itertools
import logging
import os
import pickle
import secrets as tokens
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from flyte_jupyter.backends import limits
from flyte_jupyter.backends.attempt import Attempt, WorkerLostError
from flyte_jupyter.backends.endings import out_of_memory, reason, used
from flyte_jupyter.backends.forking import ForkServer
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.limits import Limits, enforced
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.records import levels
from flyte_jupyter.backends.replicas import Replicas, Seat, Size
from flyte_jupyter.backends.secrets import injected
from flyte_jupyter.backends.shipping import Shipments
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.backends.usage import Usage
from flyte_jupyter.backends.wire import Wire
from flyte_jupyter.loading import on_thread
from flyte_jupyter.runs.events import AttemptStarted, Emit
from flyte_jupyter.tasks.context import RunScope
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import current_blobs
from flyte_jupyter.types.literal import Literals

IDLE = 60.0
"""Seconds after which an idle worker goes, where no policy says otherwise."""

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What a worker takes over from the kernel: folder, path, environment, level of logs."""

    folder: str
    path: tuple[str, ...]
    environ: Any
    level: int

    def content(self, shared: bool) -> dict[str, Any]:
        """Write it for the wire."""
        return {
            "folder": self.folder,
            "path": self.path,
            "environ": {name: value for name, value in os.environ.items() if name != TOKEN},
            "own": (TOKEN,),
            "levels": levels(),
            "shared": shared,
        }


class PoolBackend:
    """Bodies run in warm processes of this machine, which are forked from one that has libraries loaded.

    A worker is reused by the tasks of its environment that ask for the same limits. It is killed, with its
    children, when an attempt is aborted or out of time, and another one takes its place.
    """

    name = "process"

    def __init__(self) -> None:
        self._forks = ForkServer()
        self._shipments = Shipments()
        self._numbers = itertools.count(1)
        self._world: World | None = None
        self._reset()

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action.

        Raises:
            OOMError: it used more memory than its limit.
            RuntimeSystemError: the worker ended while the body ran; the message says how.
            CodeBundleError: the function cannot be sent to a worker.
            Exception: whatever the body raises, as the user's own class where that can be had.
        """
        if self._pid != os.getpid():
            self._reset()  # a forked child has none of its parent's workers
        shipment = self._shipments.of(spec.task)
        replicas = self._of(spec)
        seat = await replicas.take()
        try:
            with ExitStack() as stack:
                secrets = stack.enter_context(injected(spec.task.secrets)) if spec.task.secrets else {}
                emit(
                    AttemptStarted(
                        run=spec.run.name, action=spec.id.name, time=time.time(), attempt=spec.attempt,
                        place=self.name,
                    )
                )  # fmt: skip
                variables = {**spec.task.env_vars, **spec.run.env_vars, **secrets}
                return await self._attempt(spec, emit, shipment, replicas, seat, variables)
        finally:
            replicas.give_back(seat)
            self._wake_sweeper()

    async def close(self) -> None:
        """End all workers; a closed pool may be used again."""
        with self._lock:
            all_replicas = list(self._replicas.values())
            self._replicas.clear()
        for replicas in all_replicas:
            for process in replicas.empty():
                process.kill()
                await on_thread(self._buried, process)
        await on_thread(self._forks.close)

    # Inside

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._replicas: dict[_Key, Replicas] = {}
        self._sweeping = False
        self._pid = os.getpid()

    def _of(self, spec: ActionSpec) -> Replicas:
        """Find the workers for an action: those of its environment, with its limits."""
        task, policy = spec.task, spec.task.reusable
        asked = Limits.of(task.resources)
        environment = task.name.partition(".")[0]
        key: _Key = (environment, policy, asked, spec.run.name if policy and policy.scope == "run" else "")
        with self._lock:
            found = self._replicas.get(key)
            if found is None:
                size = Size.of(policy) if policy else _default_size()
                start = partial(self._started, asked)
                found = self._replicas[key] = Replicas(size, start, self._bury_soon)
            return found

    def _started(self, asked: Limits) -> Process:
        token = tokens.token_hex(8)
        pid, sock, out, err = self._forks.fork(token)
        return Process(self._forks, pid, Wire(sock), out, err, enforced(pid, asked))

    async def _attempt(
        self,
        spec: ActionSpec,
        emit: Emit,
        shipment: Any,
        replicas: Replicas,
        seat: Seat,
        variables: dict[str, str],
    ) -> Literals:
        process = seat.process
        assert process is not None  # noqa: S101 - taken seats have one
        number = next(self._numbers)
        store = current_blobs()
        attempt = Attempt(number, spec, shipment, process, store, replicas.pause, replicas.resume)
        process.enter(number, attempt)
        try:
            self._tell(process, shared=replicas.size.together > 1)
            process.learn(shipment.number, shipment.content)
            process.open(spec.run.name, lambda: _scope(spec.run, spec.id.org, store))
            try:
                return await attempt.run(variables)
            finally:
                if attempt.used.peak:
                    emit(used(spec, attempt.used, process.limit))
        except WorkerLostError:
            await on_thread(self._buried, process)
            burial = process.bury()
            emit(used(spec, Usage(burial.cpu, burial.peak), process.limit))
            raise reason(spec.task, process) from None
        except asyncio.CancelledError:
            if replicas.size.together > 1 and process.busy > 1:
                process.send(("cancel", number))  # its neighbours go on
            else:
                process.kill()
                self._bury_soon(process)
            raise
        except MemoryError as error:
            if process.limit.memory_by == "rlimit":
                raise out_of_memory(spec.task, process) from error
            raise
        finally:
            process.leave(number)

    def _tell(self, process: Process, *, shared: bool) -> None:
        """Send the folder, path and environment of this process, if they have changed."""
        world = self._world
        environ: Any = getattr(os.environ, "_data", None) or dict(os.environ)
        folder, path = os.getcwd(), tuple(sys.path)  # noqa: PTH109 - once for each attempt: it counts
        level = logging.root.level
        now = (folder, path, level)
        if world is None or (world.folder, world.path, world.level) != now or world.environ != environ:
            world = self._world = World(folder, path, dict(environ), level)
        if process.world is not world:
            process.world = world
            process.send(("world", world.content(shared)))

    def _bury_soon(self, process: Process) -> None:
        threads.start(lambda: self._buried(process))

    @staticmethod
    def _buried(process: Process) -> None:
        process.bury()
        loop = process.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(process.close)
        else:
            process.close()

    def _wake_sweeper(self) -> None:
        """See that idle workers go after a while."""
        with self._lock:
            if self._sweeping:
                return
            self._sweeping = True
        threading.Thread(target=self._sweep, name="flyte-idle", daemon=True).start()

    def _sweep(self) -> None:
        wait = 1.0
        limits.sweep()
        while True:
            time.sleep(wait)
            with self._lock:
                all_replicas = list(self._replicas.values())
            gone, waits = [], []
            for replicas in all_replicas:
                found, wait_for = replicas.due(time.monotonic())
                gone += found
                if wait_for is not None:
                    waits.append(wait_for)
            for process in gone:
                self._buried(process)
            with self._lock:
                if not waits:
                    self._sweeping = False
                    return
            wait = min(waits)


def _default_size() -> Size:
    return Size(fewest=0, most=max(2, os.cpu_count() or 1), together=1, idle=IDLE, surplus=IDLE)


def _scope(run: RunScope, org: str | None, store: Any) -> dict[str, Any]:
    """Write what the actions of a run share; variables go with each attempt."""
    given = {f.name: getattr(run, f.name) for f in fields(run) if f.name not in {"publish", "env_vars"}}
    whole = {name: dict(value) if isinstance(value, Mapping) else value for name, value in given.items()}
    return {
        "name": run.name,
        "fields": pickle.dumps(whole),
        "org": org,
        "blobs": str(store.folder) if store is not None else None,
    }
