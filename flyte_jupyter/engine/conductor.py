"""The process that conducts one run: the kernel that asked for it may be gone before it ends."""

import os
import pickle
import signal
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from flyte_jupyter.backends.answering import lasting
from flyte_jupyter.backends.homing import Sent, unpack_homed
from flyte_jupyter.backends.parts import Parts
from flyte_jupyter.backends.pickling import side
from flyte_jupyter.backends.raising import told
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.backends.whole import unpacked
from flyte_jupyter.backends.wire import Frame, Received, Wire
from flyte_jupyter.engine.handing import Order, World
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.started import Started
from flyte_jupyter.errors import Error, TypeTransformerFailedError
from flyte_jupyter.runs.asking import forget_asking, is_asked_to_stop
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import current
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.holding import holding, trusting
from flyte_jupyter.types.literal import Literals

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEP = 0.2
"""Seconds between looks for notes that ask to stop."""

_PATIENCE = 5.0
"""Seconds that the kernel has to take what it is told, and workers to end."""

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_ASKED = "stopped from another process"


def main(sock: socket.socket) -> None:
    """Conduct a run; ends with the process."""
    side.is_away = True
    Conductor(Wire(sock)).serve()
    os._exit(0)  # what others have left on threads goes with it


class Conductor:
    """Conducts one run.

    Args:
        wire: the connection to the kernel, as long as there is one.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._home = "__main__"
        self._names: Mapping[str, Any] = {}

    def serve(self) -> None:
        """Begin the run that is ordered, see it to its end, and tell how it ended."""
        received = _first(self._wire)
        if received is None:
            return
        try:
            store, order, started = self._begun(received)
        except BaseException as error:  # noqa: BLE001 - it is the kernel's to raise; nothing is on record
            self._tell(("refused", self._told(error)))
            return
        self._tell(("begun",))
        threads.start(partial(self._listen, started))
        self._watch(store, order, started)
        store.settle()  # whoever hears of the end finds it on record
        self._report(started, store)
        forget_asking(store, order.name)
        with suppress(Error, OSError):  # TimeoutError is one
            loop.submit(order.place.close()).result(_PATIENCE)
        with suppress(Error):
            store.close()

    def _begun(self, received: Received) -> tuple[RunStore, Order, Started]:
        _, world, order, whole, inputs, manifest = received.frame
        mine: World = pickle.loads(world)  # noqa: S301 - from the kernel
        mine.enter()
        asked: Order = pickle.loads(order)  # noqa: S301 - likewise
        place: Any = asked.place
        task, self._names = unpacked(whole, place.shipments)
        self._home = str(self._names.get("__name__", self._home))
        setup = asked.setup()
        store = setup.store()
        literals = self._inputs(task, store, inputs, manifest, received.files)
        started = Started(setup, RunOptions(**asked.options), store, asked.name, asked.continued(store))
        for number, reason in _SIGNALS.items():
            signal.signal(number, lambda *_, reason=reason: started.stop(reason))
        current.set(asked.context())
        started.take_over(task.spec, literals)
        started.run()
        store.settle()
        return store, asked, started

    def _inputs(
        self,
        task: TaskTemplate[..., Any],
        store: RunStore,
        packed: Sent,
        manifest: Any,
        files: list[int],
    ) -> Literals:
        """Read the inputs; what is in shared memory becomes values of this process."""
        parts, interface = Parts(store.blobs, files, manifest), task.interface
        declared = {p.name: p.type for p in interface.inputs}
        with holding(parts), trusting():
            values = interface.from_literals(lasting(parts, unpack_homed(packed, self._names), declared))
            args, kwargs = interface.arguments(values)
            literals = interface.to_literals(args, kwargs)
        parts.close()
        return literals

    def _watch(self, store: RunStore, order: Order, started: Started) -> None:
        """Wait for the end; anybody of this user may leave a note that asks to stop."""
        while not started.wait(_STEP):
            if is_asked_to_stop(store, order.name):
                forget_asking(store, order.name)
                started.stop(_ASKED)

    def _listen(self, started: Started) -> None:
        """Hear what the kernel wants, as long as there is one."""
        with suppress(OSError):
            while (received := self._wire.receive(wait=True)) is not None:
                for one in received:
                    started.stop(str(one.frame[1]))

    def _report(self, started: Started, store: RunStore) -> None:
        """Tell how it ended: with the values and exceptions themselves, which the record may not hold."""
        try:
            started.result()
        except Exception as error:  # noqa: BLE001 - the run's own
            self._tell(("failed", self._told(error)))
            return
        parts = Parts(store.blobs)
        try:
            packed = parts.send(started.literals, self._home, self._names)
        except TypeTransformerFailedError:
            self._tell(("recorded",))
        else:
            self._tell(("done", packed, parts.manifest), parts.files)
        parts.close()

    def _told(self, error: BaseException) -> Any:
        return told(error, self._home, self._names)

    def _tell(self, frame: Frame, files: list[int] | None = None) -> None:
        with suppress(OSError):  # there is no kernel any more, or it does not read
            self._wire.sock.settimeout(_PATIENCE)
            self._wire.send(frame, files or ())
            self._wire.sock.settimeout(None)


def _first(wire: Wire) -> Received | None:
    """Wait for the order; None if the kernel is gone before."""
    with suppress(OSError):
        while (received := wire.receive(wait=True)) is not None:
            for one in received:
                return one
    return None
