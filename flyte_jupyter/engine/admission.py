"""Actions wait for the cores, the memory and the GPUs that they ask for on this machine."""

import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.bodies import Stopped, bodies
from flyte_jupyter.backends.gpus import VISIBLE
from flyte_jupyter.backends.threads import running
from flyte_jupyter.config import Settings
from flyte_jupyter.engine.loop import PATIENCE
from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.engine.neighbours import neighbours
from flyte_jupyter.engine.room import Claim, Need, Room
from flyte_jupyter.errors import InsufficientResourcesError
from flyte_jupyter.guards import guard
from flyte_jupyter.runs.events import Emit
from flyte_jupyter.runs.signal import Latch
from flyte_jupyter.tasks.quantity import cpu_text, size_text
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literals


class Hold:
    """What one action holds while its body runs, and lends while the body waits for what it called.

    Args:
        room: where it is from.
        need: how much.
        stopped: set when the run is stopped.
    """

    def __init__(self, room: Room, need: Need, stopped: Latch) -> None:
        self._room = room
        self._need = need
        self._stopped = stopped
        self._lock = guard()
        self._claim: Claim | None = None
        self._lent = 0

    async def take(self, *, again: bool = False) -> tuple[Gpu, ...]:
        """Wait for it; without a running loop, by blocking. Gives the GPUs.

        Raises:
            Stopped: the run was stopped (without a loop; with one, the task is cancelled).
        """
        loop, event = running(), threading.Event()
        future = None if loop is None else loop.create_future()

        def wake() -> None:
            if loop is None or future is None:
                event.set()
            else:
                with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    loop.call_soon_threadsafe(_settle, future)

        claim = self._claim = self._room.ask(self._need, wake, again=again)
        try:
            while self._claim is claim and not claim.granted:
                if future is not None:
                    await future
                else:
                    self._block(event)
        except BaseException:
            self._give(claim)
            raise
        if claim.gpus:
            self._need = replace(self._need, these=claim.gpus)
        return claim.gpus

    def lend(self) -> None:
        """Hold nothing from here on; ``regain`` must follow."""
        with self._lock:
            self._lent += 1
            claim = self._claim
        if claim is not None:
            self._give(claim)

    async def regain(self) -> None:
        """Hold it again, if nobody else who was called is waited for."""
        with self._lock:
            self._lent -= 1
            back = not self._lent
        if back and not self._stopped.is_set():
            await self.take(again=True)

    def drop(self) -> None:
        """Hold it no more."""
        if self._claim is not None:
            self._give(self._claim)

    def _give(self, claim: Claim) -> None:
        with self._lock:
            if self._claim is not claim:
                return
            self._claim = None
        self._room.leave(claim)

    def _block(self, event: threading.Event) -> None:
        if event.wait(PATIENCE):
            return
        if self._stopped.is_set():
            raise Stopped
        bodies.check()


class Admission:
    """A backend that starts an action of another one once the machine has what it asks for.

    Args:
        place: a place on this machine.
        room: what the machine has.
        holds: who holds something, by action; calls look there.
        stopped: set when the run is stopped.
    """

    def __init__(self, place: Backend, room: Room, holds: dict[str, Hold], stopped: Latch) -> None:
        self._place = place
        self._room = room
        self._holds = holds
        self._stopped = stopped

    @property
    def name(self) -> str:
        """The name of the place."""
        return self._place.name

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Wait for the machine, then run.

        Raises:
            InsufficientResourcesError: the machine will never have that much.
        """
        need = Need.of(spec.task.resources)
        check(spec, need, self._room)
        prepare = getattr(self._place, "prepare", None)
        if prepare is not None:
            await prepare(spec, emit)  # nothing is held while an image is built
        hold = Hold(self._room, need, self._stopped)
        gpus = await hold.take()
        self._holds[spec.id.name] = hold
        try:
            return await self._place.run(_seeing(spec, gpus), emit)
        finally:
            del self._holds[spec.id.name]
            hold.drop()

    async def close(self) -> None:
        """Close the place."""
        await self._place.close()


def _settle(future: Any) -> None:
    if not future.done():
        future.set_result(None)


def check(spec: ActionSpec, need: Need, room: Room) -> None:
    """Refuse what can never be.

    Raises:
        InsufficientResourcesError: the machine will never have that much.
    """
    name, resources, machine = spec.task.name, spec.task.resources, room.machine
    more = "; oversubscription in [tool.flyte_jupyter] hands out more than there is"
    if need.cpu > machine.cpu * room.factor:
        raise InsufficientResourcesError(
            f"{name} asks for cpu={_asked(resources.cpu)!r}, and this machine has "
            f"{cpu_text(machine.cpu)}{more}"
        )
    if need.memory > machine.memory * room.factor:
        there = size_text(machine.memory)
        raise InsufficientResourcesError(
            f"{name} asks for memory={_asked(resources.memory)!r}, and this machine has {there}{more}"
        )
    if need.gpus:
        _check_gpus(spec, need, machine)


def _check_gpus(spec: ActionSpec, need: Need, machine: Machine) -> None:
    if len([gpu for gpu in machine.gpus if need.fits(gpu)]) < need.gpus:
        there = ", ".join(f"{gpu.name} {gpu.partition}".strip() for gpu in machine.gpus) or "none"
        raise InsufficientResourcesError(
            f"{spec.task.name} asks for gpu={spec.task.resources.gpu!r}, and this machine has {there}; "
            "override(resources=...) asks for less, and another mode runs it elsewhere"
        )


def _asked(amount: object) -> object:
    return amount[0] if isinstance(amount, tuple) else amount


def _seeing(spec: ActionSpec, gpus: tuple[Gpu, ...]) -> ActionSpec:
    """Let a body see the GPUs that it was given, and no others."""
    if not gpus:
        return spec
    seen = {**spec.run.env_vars, VISIBLE: ",".join(gpu.index for gpu in gpus)}
    return replace(spec, run=replace(spec.run, env_vars=seen))


class _Here:
    """The room of this machine, shared by all runs of this process."""

    def __init__(self) -> None:
        self._lock = guard()
        self._room: Room | None = None

    def get(self) -> Room:
        """Give the room, made when the first task asks for something."""
        with self._lock:
            if self._room is None:
                self._room = Room(Machine(), Settings.load().oversubscription, neighbours())
            return self._room

    def use(self, room: Room | None) -> None:
        """Use another room from here on; None makes one anew."""
        with self._lock:
            self._room = room


here = _Here()


def admitted(place: Backend, holds: dict[str, Hold], stopped: Latch) -> Admission:
    """Let actions of a place wait for this machine."""
    return Admission(place, here.get(), holds, stopped)
