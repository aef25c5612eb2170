"""A run that a process of its own conducts: begun from here, followed and stopped; it goes on without us."""

import contextvars
import pickle
import select
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cache, partial
from typing import Any

from flyte_jupyter.backends.answering import lasting
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.forking import ForkServer
from flyte_jupyter.backends.homing import unpack_homed
from flyte_jupyter.backends.parts import Parts
from flyte_jupyter.backends.pickling import user_modules
from flyte_jupyter.backends.raising import retold
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.backends.whole import names_of, packed
from flyte_jupyter.backends.wire import Frame, Received, Wire
from flyte_jupyter.engine.handing import Order, World
from flyte_jupyter.engine.observing import tell
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.plan import Plan
from flyte_jupyter.engine.replayed import Continued
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.engine.started import AnyTask, Args, Started
from flyte_jupyter.errors import ActionAbortedError, RuntimeSystemError
from flyte_jupyter.loading import load
from flyte_jupyter.runs.both import ActionOutputs
from flyte_jupyter.runs.run import Run, driven
from flyte_jupyter.runs.signal import Latch
from flyte_jupyter.runs.state import Phase
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import ContextData, current
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import holding, trusting

_CONDUCTOR = "flyte_jupyter.engine.conductor:main"

_PATIENCE = 90.0
"""Seconds within which such a process has taken what it is handed: it may have to load libraries first."""

_LOOK = 0.1
"""Seconds between looks at what the run has printed."""

_GONE = Received(("gone",), [])
_MOMENT = 5.0
"""Seconds until it is on record that such a process is gone."""


class Conducted:
    """The live side of a run that another process conducts.

    Args:
        setup: what this process is connected to.
        options: what the caller said about the run.
        store: where it is recorded.
        name: its name.
        continued: the run that it continues, if it does.
    """

    def __init__(
        self,
        setup: Setup,
        options: RunOptions,
        store: RunStore,
        name: str,
        continued: Continued | None = None,
    ) -> None:
        self._checking = Started(setup, options, store, name, continued)
        self._setup = setup
        self._options = options
        self._store = store
        self._name = name
        self._continued = continued
        self._surroundings = ExitStack()
        self._ended = Latch()
        self._outputs: ActionOutputs | None = None
        self._error: BaseException | None = None
        self._row = 0
        self._received: deque[Received] = deque()

    @property
    def handle(self) -> Run:
        """A handle of the run; it holds this, and is not held by it."""
        return Run(self._store, self._name, self)

    def plan(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> Plan:
        """Check everything and describe what would run; nothing is written."""
        return self._checking.plan(task, args, kwargs)

    def begin(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> None:
        """Check the inputs and what has to travel first: a wrong call is no run. Then hand it over.

        Raises:
            CodeBundleError, TypeTransformerFailedError: something of it cannot be sent.
            RuntimeSystemError: the process that is to conduct it does not come up.
        """
        spec = self._checking.checked(task, args, kwargs)
        self._names = names_of(task)
        self._interface = spec.task.interface
        self._hand_over(task, spec)
        self._surroundings.callback(self._wire.close)
        self._surroundings.callback(capture.echoes.pop, self._name, None)
        self._surroundings.callback(driven(self._store, self._name, self))
        tell(self._setup.observers, self.handle, self._surroundings)
        context = contextvars.copy_context()  # what is shown goes to the cell that started the run
        context.run(current.set, ContextData())
        threads.start(partial(context.run, self._follow))

    def run(self) -> Run:
        """Give the handle: it is under way."""
        return self.handle

    async def arun(self) -> Run:
        """Do the same."""
        return self.handle

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False if the time is up before."""
        return self._ended.wait(timeout)

    def stop(self, reason: str) -> None:
        """Abort. Returns at once."""
        with suppress(OSError):  # it has ended, or is gone
            self._wire.send(("stop", reason))

    def result(self) -> ActionOutputs | None:
        """Give what the root returned, or raise what it raised; None if only the record has it."""
        if self._error is not None:
            raise self._error
        return self._outputs

    # Inside

    def _hand_over(self, task: AnyTask, spec: ActionSpec) -> None:
        place: Any = self._setup.place()
        whole = packed(task, place.shipments)
        order = Order.of(self._setup, self._options, self._name, self._continued, spec.context)
        parts = Parts(self._store.blobs)
        try:
            with user_modules(load("cloudpickle")):
                inputs = parts.send(spec.inputs, whole.home, whole.sent)
            world = World.here(whole.secrets)  # perhaps somebody is asked, so it comes last
            told = pickle.dumps(world), pickle.dumps(order)
            frame = ("conduct", *told, whole.data, inputs, parts.manifest)
            _, sock = _forks().release(_CONDUCTOR)
            self._wire = Wire(sock)
            try:
                self._accepted(frame, parts.files)
            except BaseException:
                self.stop("its kernel was interrupted while it began")
                self._wire.close()
                raise
        finally:
            parts.close()

    def _accepted(self, frame: Frame, files: list[int]) -> None:
        """Order it, and wait until the run is on record.

        Raises:
            RuntimeSystemError: nobody takes the order.
            Exception: it was refused.
        """
        self._wire.sock.settimeout(_PATIENCE)
        try:
            self._wire.send(frame, files)
            while not self._received:
                self._receive(wait=True)
        except OSError as error:
            raise RuntimeSystemError(
                "ConductorError", f"no process came up to conduct run {self._name}: {error}", "ray"
            ) from None
        kind, *content = self._received.popleft().frame
        if kind == "refused":
            raise retold(content[0], self._names, "ray")
        self._wire.sock.settimeout(None)

    def _receive(self, *, wait: bool) -> None:
        """Take what comes.

        Raises:
            ConnectionError: nothing comes any more.
        """
        received = self._wire.receive(wait=wait)
        if received is None:
            raise ConnectionError("it ended at once")
        self._received.extend(received)

    def _follow(self) -> None:
        """Show what it prints and hear how it ends."""
        try:
            threads.start(self._attend)
            end = None
            while end is None:
                end = self._heard()
                self._show()
            self._end(end)
        except Exception as error:  # noqa: BLE001 - the store's, or a value's that cannot be read
            self._error = self._error or error
        finally:
            try:
                self._surroundings.close()
            finally:
                self._ended.set()

    def _attend(self) -> None:
        place: Any = self._setup.place()
        place.attend(self._store.folder)

    def _heard(self) -> Received | None:
        """Wait a moment for the end."""
        poll = select.poll()
        poll.register(self._wire.fileno(), select.POLLIN)
        if not self._received and poll.poll(_LOOK * 1000):
            try:
                self._receive(wait=False)
            except ConnectionError:
                return _GONE
        return self._received.popleft() if self._received else None

    def _show(self) -> None:
        """Show what is new in the logs."""
        for row in self._store.logs(self._name, after=self._row):
            self._row = row.seq
            shown, target = capture.shown(self._name, row.text), getattr(sys, row.stream, None)
            if shown and target is not None:
                with suppress(OSError, ValueError):  # the stream is closed: nobody can read it
                    target.write(shown)
                    target.flush()

    def _end(self, end: Received) -> None:
        kind, *content = end.frame
        if kind == "failed":
            self._error = retold(content[0], self._names, "ray")
        elif kind == "done":
            self._outputs = self._read(content[0], content[1], end.files)
        elif kind == "gone":
            self._lose()

    def _read(self, sent: Any, manifest: Any, files: list[int]) -> ActionOutputs:
        parts, interface = Parts(self._store.blobs, files, manifest), self._interface
        declared = {p.name: p.type for p in interface.outputs}
        try:
            with holding(parts), trusting():
                outputs = lasting(parts, unpack_homed(sent, self._names), declared)
                return ActionOutputs(interface.named(interface.outputs_from_literals(outputs)))
        finally:
            parts.close()

    def _lose(self) -> None:
        """The process is gone; what it has done is on record, and its end will be in a moment."""
        end = time.monotonic() + _MOMENT
        while not self.handle.done() and time.monotonic() < end:
            self._store.recover()
        self._show()
        if self.handle.phase in (Phase.RUNNING, Phase.INTERRUPTED):
            self._error = ActionAbortedError(
                f"the process that conducted run {self._name} is gone; flyte.rerun({self._name!r}) goes on "
                "from what is done"
            )


@cache
def _forks() -> ForkServer:
    """Give what starts such processes."""
    return ForkServer()
