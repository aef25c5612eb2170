"""The kernel's answers to a body in a worker: it runs the tasks that the body calls, records its helpers."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from flyte_jupyter.backends.called import made_of
from flyte_jupyter.backends.homing import Sent, unpack_homed
from flyte_jupyter.backends.parts import Parts
from flyte_jupyter.backends.pickling import NamesUnpickler
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.raising import retold, told
from flyte_jupyter.backends.shipping import Shipment
from flyte_jupyter.backends.wire import Frame, Received
from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.tasks.context import ContextData, GroupData, Submit, TaskContext, current
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.holding import holding, trusting
from flyte_jupyter.types.literal import Literal, Literals


class Answers:
    """What a body asks for.

    Args:
        process: where it runs.
        shipment: its code.
        store: the run's blobs.
        submit: the engine; calls tasks.
        task: the context of the attempt.
        pause: is told that the body waits for what it called.
        resume: is told that it goes on.
        context: what the attempt was begun in. Who hears the worker may go on in that of an earlier attempt.
    """

    def __init__(
        self,
        process: Process,
        shipment: Shipment,
        store: BlobStore | None,
        submit: Submit | None,
        task: TaskContext,
        pause: Callable[[], None],
        resume: Callable[[], None],
        context: contextvars.Context,
    ) -> None:
        self._process = process
        self._shipment = shipment
        self._store = store
        self._submit = submit
        self._task_context = task
        self._pause = pause
        self._resume = resume
        self._going: set[asyncio.Task[None]] = set()
        self._calls = 0
        self._traced: dict[int, asyncio.Future[Any]] = {}
        self._context = context

    def call(self, received: Received) -> None:
        """Run a task that the body calls; the answer goes back when it has ended."""
        _, _, number, target, changes, group, custom, inputs, manifest = received.frame
        self._calls += 1
        if self._calls == 1:
            self._pause()
        parts = Parts(self._store, received.files, manifest)
        task = self._start(self._answer(parts, number, (target, changes), inputs), group, custom)
        task.add_done_callback(self._answered)

    def begin_trace(self, number: int, qualname: str, name: str, group: str | None) -> None:
        """Record the beginning of a helper's call."""
        self._start(self._trace(number, qualname, name), group, self._task_context.custom_context)

    def end_trace(self, number: int, failure: Any) -> None:
        """Record its end."""
        done = self._traced.pop(number, None)
        if done is not None and not done.done():
            done.set_result(failure)

    async def finish(self) -> None:
        """End what the body called and did not wait for."""
        for task in self._going:
            task.cancel()
        if self._going:
            await asyncio.gather(*self._going, return_exceptions=True)

    # Inside

    def _start(
        self, coro: Coroutine[Any, Any, None], group: str | None, custom: Mapping[str, str]
    ) -> "asyncio.Task[None]":
        """Run something in the body's name: in its context, with the group and pairs of the call."""
        inside = ContextData(
            self._task_context,
            GroupData(group) if group else None,
            MappingProxyType(dict(custom)),
            self._submit,
        )
        context = self._context.copy()
        context.run(current.set, inside)
        task = asyncio.get_running_loop().create_task(coro, context=context)
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return task

    def _answered(self, _: object) -> None:
        self._calls -= 1
        if not self._calls:
            self._resume()

    async def _answer(self, parts: Parts, number: int, asked: tuple[Any, bytes | None], inputs: Sent) -> None:
        out, reply = Parts(self._store), None
        try:
            reply = await self._run(parts, number, asked, inputs, out)
        except asyncio.CancelledError as error:
            current_task = asyncio.current_task()
            if current_task is not None and current_task.cancelling():
                raise  # the attempt is over
            reply = self._failed(number, error)
        except BaseException as error:  # noqa: BLE001 - it is the calling body's to judge
            reply = self._failed(number, error)
        finally:
            parts.close()
            if reply is not None:
                self._process.send(reply, out.files if reply[2] else ())
            out.close()

    async def _run(
        self, parts: Parts, number: int, asked: tuple[Any, bytes | None], inputs: Sent, out: Parts
    ) -> Frame:
        task, ship = self._task(*asked), self._shipment
        with holding(parts), trusting():
            declared = {p.name: p.type for p in task.interface.inputs}
            values = task.interface.from_literals(lasting(parts, unpack_homed(inputs, ship.names), declared))
        assert self._submit is not None  # noqa: S101 - the engine gives one
        args, kwargs = task.interface.arguments(values)
        result = await self._submit.acall(task, args, kwargs)
        packed = out.send(task.interface.outputs_to_literals(result), ship.home, ship.sent)
        return ("reply", number, True, packed, out.manifest)

    def _failed(self, number: int, error: BaseException) -> Frame:
        return ("reply", number, False, told(error, self._shipment.home, self._shipment.names), ())

    def _task(self, target: str | int | bytes, changes: bytes | None) -> TaskTemplate[..., Any]:
        if isinstance(target, bytes):
            make, arguments = NamesUnpickler(target, self._shipment.names).load()
            if make is not made_of:
                raise RuntimeError("a worker sent something that is no task")
            made: TaskTemplate[..., Any] = made_of(*arguments)
            return made
        task = self._shipment.task(target)
        return task.override(**NamesUnpickler(changes, self._shipment.names).load()) if changes else task

    async def _trace(self, number: int, qualname: str, name: str) -> None:
        """Record a helper's call: it lasts until the worker says that it has ended."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._traced[number] = done

        async def traced() -> None:
            here = current.get().task
            self._process.send(("reply", number, True, here.action.name if here else ""))
            failure = await done
            if failure is not None:
                raise retold(failure, self._shipment.names, "worker")

        traced.__name__, traced.__qualname__ = name, qualname
        assert self._submit is not None  # noqa: S101 - the engine gives one
        try:
            recorded: Awaitable[Any] = self._submit.trace(traced, (), {})
            await recorded
        except Exception as error:  # noqa: BLE001 - the body raises it over there
            if not done.done():
                self._process.send(self._failed(number, error))


def lasting(parts: Parts, literals: Literals, declared: Mapping[str, Any]) -> dict[str, Literal]:
    """Copy to the store what is to be read later only: handles outlive the parts that came with them."""
    return {
        name: parts.adopted(literal) if parts.manifest and _is_handle(declared.get(name)) else literal
        for name, literal in literals.items()
    }


def _is_handle(kind: Any) -> bool:
    if getattr(kind, "__flyte_builder__", "").startswith("frames:"):
        return True
    return any(_is_handle(part) for part in getattr(kind, "__args__", ()))
