"""The kernel's side of one attempt in a worker: the order, what its body prints and reports, and its end."""

import asyncio
import contextvars
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flyte_jupyter.backends.answering import Answers, lasting
from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.gpus import VISIBLE
from flyte_jupyter.backends.homing import Sent, unpack_homed
from flyte_jupyter.backends.parts import MARK, Parts
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.raising import retold
from flyte_jupyter.backends.reads import is_followed, take
from flyte_jupyter.backends.records import show
from flyte_jupyter.backends.shipping import Shipment
from flyte_jupyter.backends.stamps import of_plain
from flyte_jupyter.backends.threads import running, threads
from flyte_jupyter.backends.turns import LOOK
from flyte_jupyter.backends.usage import Usage
from flyte_jupyter.backends.wire import Received, close_files
from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.tasks.context import ContextData, TaskContext, current
from flyte_jupyter.tasks.report import Report
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import holding, trusting
from flyte_jupyter.types.literal import Literals

_HEARING = {
    "log": "_log",
    "record": "_record",
    "report": "_publish",
    "trace": "_begin_trace",
    "traced": "_end_trace",
}

_QUESTIONS = frozenset({"call", "trace", "traced"})
"""What only an event loop can see to."""


class WorkerLostError(Exception):
    """The worker is gone; it is not known yet why."""


class Attempt:
    """One attempt.

    Args:
        number: stands for it on the wire.
        spec: what runs.
        shipment: the code that was sent.
        process: where it runs.
        store: the run's blobs.
        pause: is told that the attempt waits for what it called.
        resume: is told that it goes on.
        facts: is told what the place is like, if it was asked.
    """

    def __init__(
        self,
        number: int,
        spec: ActionSpec,
        shipment: Shipment,
        process: Process,
        store: BlobStore | None,
        pause: Callable[[], None],
        resume: Callable[[], None],
        facts: Callable[[Mapping[str, str]], None],
    ) -> None:
        self.number = number
        self.used = Usage()
        self._spec = spec
        self._shipment = shipment
        self._process = process
        self._store = store
        self._end: Received | None = None
        self._gone = False
        self._ordered = False
        self._asked: list[Received] = []
        self._turn: asyncio.Future[None] | None = None
        self._voices: dict[tuple[str, int], TaskContext] = {}
        self._context = contextvars.copy_context()
        self.facts = facts
        self._pause = pause
        self._resume = resume
        self._made: Answers | None = None

    @property
    def is_going(self) -> bool:
        """Whether its body may be running."""
        return self._ordered and not self._is_over

    async def run(self, variables: Mapping[str, str], begun: Callable[[], None]) -> Literals:
        """Send the order and wait for the end: on the loop that runs here, or on this thread without one.

        Args:
            variables: environment variables of the body.
            begun: called when the order is on its way.

        Raises:
            WorkerLostError: the worker is gone.
            Stopped: the body that waits here was stopped (without a loop).
            BaseException: what the body raised.
        """
        parts = Parts(self._store)
        try:
            try:
                self._order(parts, variables)
            finally:
                begun()
            if running() is None:
                self._listen_here()
            else:
                await self._listen()
        finally:
            if parts.files:
                threads.start(
                    parts.close
                )  # to give back much memory takes long: not here, and not over there
            for voice in self._voices.values():
                capture.finish(voice)
            if self._made is not None:
                await self._made.finish()
        if self._end is None:
            raise WorkerLostError
        _, _, *content, used = self._end.frame
        self.used = Usage(*used)
        if self._end.frame[0] == "failed":
            raise retold(content[0], self._shipment.names, "worker")
        packed, manifest, read = content
        take(of_plain(read))
        return self._outputs(packed, manifest, self._end.files)

    @property
    def place(self) -> tuple[str, str]:
        """Its run and its action."""
        return self._spec.run.name, self._spec.id.name

    def heard(self, received: Received) -> None:
        """Take a frame of the worker."""
        kind, whose, *content = received.frame
        if kind in ("done", "failed"):
            self._end = self._end or received
            self._wake()
        elif kind in _QUESTIONS and running() is None:
            self._asked.append(received)
        elif kind == "facts":
            self.facts(content[0])
        elif kind == "call":
            self._answers.call(received)
        elif whose in (self.number, self._spec.run.name):
            getattr(self, _HEARING[kind])(*content)

    def heard_raw(self, stream: str, text: str) -> None:
        """Take what was written to a descriptor."""
        self._log(self._spec.id.name, self._spec.attempt, stream, text)

    def lost(self) -> None:
        """The worker is gone."""
        self._gone = True
        self._wake()

    # Inside

    @property
    def _is_over(self) -> bool:
        return self._end is not None or self._gone

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    async def _listen(self) -> None:
        self._turn = asyncio.get_running_loop().create_future()
        if not self._is_over:
            await self._turn

    def _listen_here(self) -> None:
        """Listen on this thread; it gets a loop when the body calls something that has to be answered."""
        while not self._is_over:
            self._process.hear(LOOK)
            bodies.check()
            if self._asked and not self._is_over:
                with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # the thread's own stays
                    runner.run(self._go_on())

    async def _go_on(self) -> None:
        self._process.enter(self.number, self)
        try:
            asked, self._asked = self._asked, []
            for received in asked:
                self.heard(received)
            self._turn = asyncio.get_running_loop().create_future()
            while not self._is_over:
                await asyncio.wait([self._turn], timeout=LOOK)
                bodies.check()
        finally:
            self._process.release()
            if self._made is not None:
                await self._made.finish()
                self._made = None

    @property
    def _answers(self) -> Answers:
        """What answers the body; most bodies ask nothing."""
        if self._made is None:
            spec = self._spec
            mine = self._voice(spec.id.name, spec.attempt)
            self._made = Answers(
                self._process,
                self._shipment,
                self._store,
                spec.context.submit,
                mine,
                self._pause,
                self._resume,
                self._context,
            )
        return self._made

    def _begin_trace(self, *content: Any) -> None:
        self._answers.begin_trace(*content)

    def _end_trace(self, *content: Any) -> None:
        self._answers.end_trace(*content)

    def _order(self, parts: Parts, variables: Mapping[str, str]) -> None:
        spec, group = self._spec, self._spec.context.group
        inputs = parts.send(spec.inputs, self._shipment.home, self._shipment.sent)
        order = (
            "run", self.number, self._shipment.number, spec.run.name, spec.id.name, spec.parent,
            spec.attempt, spec.version, group.name if group else None, dict(spec.context.custom),
            inputs, parts.manifest, self._process.shares_files and is_followed(), variables, self._gpus,
        )  # fmt: skip
        self._ordered = True
        self._process.send(order, parts.files)

    @property
    def _gpus(self) -> list[str] | None:
        """The GPUs that the attempt was given, to be looked at; empty for all that it sees."""
        if self._spec.task.resources.gpu is None:
            return None
        return list(filter(None, self._spec.run.env_vars.get(VISIBLE, "").split(",")))

    def _outputs(self, packed: Sent, manifest: Any, files: list[int]) -> Literals:
        """Read what the body returned; what is in shared memory becomes values of this process."""
        outputs = unpack_homed(packed, self._shipment.names)
        if isinstance(packed, dict) or (self._store is not None and MARK not in packed):
            close_files(files)
            return outputs
        interface, parts = self._spec.task.interface, Parts(self._store, files, manifest)
        declared = {p.name: p.type for p in interface.outputs}
        try:
            with holding(parts), trusting():
                result = interface.outputs_from_literals(lasting(parts, outputs, declared))
            return interface.outputs_to_literals(result)
        finally:
            parts.close()

    def _voice(self, action: str, attempt: int) -> TaskContext:
        """Give the context of the action that writes: the attempt's own, or a traced helper's."""
        voice = self._voices.get((action, attempt))
        if voice is None:
            spec = self._spec
            voice = self._voices[action, attempt] = TaskContext(
                action=replace(spec.id, name=action),
                run=spec.run,
                version=spec.version,
                attempt_number=attempt,
                group_data=spec.context.group,
                custom_context=spec.context.custom,
            )
        return voice

    def _log(self, action: str, attempt: int, stream: str, text: str) -> None:
        self._context.run(_write, stream, self._voice(action, attempt), text)

    def _record(self, action: str, attempt: int, content: Mapping[str, Any]) -> None:
        self._context.run(_show, self._voice(action, attempt), content)

    def _publish(self, action: str, tabs: Any) -> None:
        if self._spec.run.publish is None:
            return
        report = Report(action)
        for name, content in tabs:
            report.get_tab(name).replace(content)
        self._spec.run.publish(action, report)


def _show(task: TaskContext, content: Mapping[str, Any]) -> None:
    token = current.set(ContextData(task))
    try:
        show(content)
    finally:
        current.reset(token)


def _write(stream: str, task: TaskContext, text: str) -> None:
    token = current.set(ContextData(task))
    try:
        target = getattr(sys, stream)
        if target is not None:
            target.write(text)
    except (OSError, ValueError):
        pass  # the kernel's stream is closed: nobody can read it
    finally:
        current.reset(token)
