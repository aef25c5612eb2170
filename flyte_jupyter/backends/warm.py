"""A place to run whose bodies run in warm workers: what worker processes and containers have in common."""

import itertools
import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from flyte_jupyter.backends.attempt import Attempt, WorkerLostError
from flyte_jupyter.backends.bodies import Body, bodies
from flyte_jupyter.backends.endings import out_of_memory, reason, used
from flyte_jupyter.backends.facts import compared, facts
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.replicas import Replicas, Size, Start
from flyte_jupyter.backends.shipping import Shipment, Shipments
from flyte_jupyter.backends.threads import running, threads
from flyte_jupyter.backends.usage import Usage
from flyte_jupyter.loading import on_thread
from flyte_jupyter.runs.events import AttemptStarted, Emit, PlaceCompared
from flyte_jupyter.tasks.context import RunScope
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import current_blobs
from flyte_jupyter.types.literal import Literals

IDLE = 60.0
"""Seconds after which an idle worker goes, where no policy says otherwise."""

_MET = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Breed:
    """Workers that are alike.

    Args:
        key: what makes them alike.
        size: how many there are.
        start: begins to start one.
        threads: variables that say how many threads numerical libraries start.
        image: the image in which they run; empty for none.
        once: whether each serves one attempt only.
    """

    key: tuple[Any, ...]
    size: Size
    start: Start
    threads: Mapping[str, str]
    image: str = ""
    once: bool = False


class WarmBackend:
    """Bodies run in warm workers.

    A worker is reused by the tasks of its environment that ask for the same. It is killed, with all that it
    started, when an attempt is aborted or out of time, and another one takes its place.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self.shipments = Shipments()
        self._numbers = itertools.count(1)
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
        if running() is not None or bodies.is_in(spec.run.name):
            return await self._run(spec, emit)
        body = Body(spec.run.name)
        bodies.enter(body)  # so that stopping the run reaches this thread
        try:
            return await self._run(spec, emit)
        finally:
            bodies.leave(body)

    async def close(self) -> None:
        """End all workers; a closed place may be used again."""
        with self._lock:
            all_replicas = list(self._replicas.values())
            self._replicas.clear()
        for replicas in all_replicas:
            for process in replicas.empty():
                process.kill()
                await on_thread(self._buried, process)

    # What the kinds of places do in their own ways

    async def _breed(self, spec: ActionSpec, emit: Emit) -> Breed:
        """Tell which workers an action needs."""
        raise NotImplementedError

    def _inside(self, spec: ActionSpec) -> ActionSpec:
        """Give the action as it is in a worker."""
        return spec

    def _secrets(self, spec: ActionSpec, process: Process) -> AbstractContextManager[Mapping[str, str]]:
        """Give the variables that carry the secrets; files are there as long as the body runs."""
        raise NotImplementedError

    def _tell(self, process: Process, *, shared: bool) -> None:
        """Tell a worker what it takes over from this process, if that has changed."""
        raise NotImplementedError

    def _entered(self, process: Process, number: int, spec: ActionSpec, shipment: Shipment) -> None:
        """Tell a worker what attempt it is about to get, where it has to know that."""

    def _sweep_once(self) -> None:
        """Remove what processes that are gone have left."""

    # Inside

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._replicas: dict[tuple[Any, ...], Replicas] = {}
        self._met: OrderedDict[tuple[str, int, str], None] = OrderedDict()
        self._sweeping = False
        self._pid = os.getpid()

    def _replicas_of(self, breed: Breed) -> Replicas:
        with self._lock:
            found = self._replicas.get(breed.key)
            if found is None:
                found = Replicas(breed.size, breed.start, self._bury_soon)
                self._replicas[breed.key] = found
            return found

    async def _run(self, spec: ActionSpec, emit: Emit) -> Literals:
        shipment = self.shipments.of(spec.task)
        breed = await self._breed(spec, emit)
        spec = self._inside(spec)
        replicas = self._replicas_of(breed)
        seat = await replicas.take()
        process = seat.process
        assert process is not None  # noqa: S101 - taken seats have one
        try:
            with self._secrets(spec, process) as secrets:
                variables = {**breed.threads, **spec.task.env_vars, **spec.run.env_vars, **secrets}
                return await self._attempt(spec, emit, shipment, breed, replicas, process, variables)
        finally:
            if breed.once and process.alive:
                process.kill()
                self._bury_soon(process)
            replicas.give_back(seat)
            self._wake_sweeper()

    async def _attempt(
        self,
        spec: ActionSpec,
        emit: Emit,
        shipment: Shipment,
        breed: Breed,
        replicas: Replicas,
        process: Process,
        variables: dict[str, str],
    ) -> Literals:
        number, now = next(self._numbers), time.time()
        store = current_blobs()
        tell = partial(self._compared, spec, emit, shipment, breed)
        attempt = Attempt(number, spec, shipment, process, store, replicas.pause, replicas.resume, tell)
        process.enter(number, attempt)

        def begun() -> None:
            emit(
                AttemptStarted(
                    run=spec.run.name, action=spec.id.name, time=now, attempt=spec.attempt, place=self.name
                )
            )  # fmt: skip

        try:
            self._tell(process, shared=replicas.size.together > 1)
            self._entered(process, number, spec, shipment)
            process.learn(shipment.number, shipment.content)
            process.open(spec.run.name, lambda: _scope(spec.run, spec.id.org, store))
            if self._is_new(spec.run.name, shipment, breed):
                process.send(("facts", number, shipment.packages))
            try:
                return await attempt.run(variables, begun)
            finally:
                if attempt.used.peak or process.limit.is_any:
                    emit(used(spec, attempt.used, process.limit))
        except WorkerLostError:
            await self._end_of(process)
            burial = process.bury()
            last = Usage(burial.cpu, burial.peak, burial.read, burial.written)
            emit(used(spec, last, process.limit))
            raise reason(spec.task, process) from None
        except MemoryError as error:
            if process.limit.memory_by == "rlimit":
                raise out_of_memory(spec.task, process) from error
            raise
        finally:
            if attempt.is_going:
                self._give_up(process, number, alone=replicas.size.together == 1)
            process.leave(number)

    def _is_new(self, run: str, shipment: Shipment, breed: Breed) -> bool:
        """Whether a run meets a place with a task for the first time."""
        key = (run, shipment.number, breed.image)
        if key in self._met:
            return False
        self._met[key] = None
        while len(self._met) > _MET:
            self._met.popitem(last=False)
        return True

    def _compared(
        self, spec: ActionSpec, emit: Emit, shipment: Shipment, breed: Breed, there: Mapping[str, str]
    ) -> None:
        """Record what differs there from here."""
        differing = compared(facts(shipment.packages), there)
        emit(
            PlaceCompared(
                run=spec.run.name, action=spec.id.name, time=time.time(), task=spec.task.name,
                place=self.name, image=breed.image, here=differing[0], there=differing[1],
            )
        )  # fmt: skip

    def _give_up(self, process: Process, number: int, *, alone: bool) -> None:
        """Stop a body that nobody waits for any more."""
        if not alone and process.busy > 1:
            process.send(("cancel", number))  # its neighbours go on
        else:
            process.kill()
            self._bury_soon(process)

    async def _end_of(self, process: Process) -> None:
        if running() is None:
            self._buried(process)
        else:
            await on_thread(self._buried, process)

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
        self._sweep_once()
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
                if not waits and not any(replicas.has_idle for replicas in self._replicas.values()):
                    self._sweeping = False
                    return
            wait = min(waits, default=1.0)


def usual_size() -> Size:
    """Give the number of workers where no policy says one."""
    return Size(fewest=0, most=max(2, os.cpu_count() or 1), together=1, idle=IDLE, surplus=IDLE)


NOTHING: AbstractContextManager[Mapping[str, str]] = nullcontext({})
"""Stands for the secrets of a task that has none."""


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
