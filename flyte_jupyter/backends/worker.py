"""The main of a worker process: takes orders from the kernel, runs attempts, tells how they ended."""

import asyncio
import gc
import logging
import os
import pickle
import random
import socket
import sys
from collections import OrderedDict
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from time import perf_counter
from typing import Any

from flyte_jupyter.backends.arriving import Arrived, arrived
from flyte_jupyter.backends.calling import Calls
from flyte_jupyter.backends.cores import limited
from flyte_jupyter.backends.desk import Desk
from flyte_jupyter.backends.environ import variables
from flyte_jupyter.backends.facts import facts
from flyte_jupyter.backends.gpus import GpuMeter, nvml
from flyte_jupyter.backends.homing import unpack_homed
from flyte_jupyter.backends.invoke import invoke
from flyte_jupyter.backends.outlets import Outlet
from flyte_jupyter.backends.parts import Parts
from flyte_jupyter.backends.pickling import side
from flyte_jupyter.backends.raising import told
from flyte_jupyter.backends.reads import Reads
from flyte_jupyter.backends.records import Sender, set_levels
from flyte_jupyter.backends.stamps import plain
from flyte_jupyter.backends.usage import Meter
from flyte_jupyter.backends.wire import Received, Wire
from flyte_jupyter.blobs import BlobStore, RawDataPath
from flyte_jupyter.errors import TaskInterruptedError
from flyte_jupyter.ids import ActionID
from flyte_jupyter.tasks.context import ContextData, GroupData, RunScope, TaskContext
from flyte_jupyter.tasks.report import Report
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import holding, trusting

_KEPT = 64
_NOTHING = nullcontext()


def main(sock: socket.socket) -> None:
    """Serve until the kernel closes the connection."""
    _reseed()
    side.is_away = True
    gc.enable()
    Worker(Desk(Wire(sock))).serve()


class Worker:
    """Runs what the kernel orders: synchronous bodies on the main thread, asynchronous ones on a loop there.

    Args:
        desk: the connection to the kernel.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._code: OrderedDict[int, Arrived | BaseException] = OrderedDict()
        self._scopes: OrderedDict[str, tuple[RunScope, BlobStore | None, ActionID, str]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: dict[int, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._leaving = False
        self._serving: asyncio.Task[None] | None = None
        self._shared = False
        self._meter = Meter()
        sys.stdout = self._out = Outlet("stdout", 1, self._log)
        sys.stderr = self._err = Outlet("stderr", 2, self._log)
        logging.root.handlers[:] = [Sender(self._record)]
        desk.flush = self._flush
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - as long as the process lives

    def serve(self) -> None:
        """Take orders; ends with the process."""
        with trusting():  # only the kernel, who is the same user, can send anything
            self._serve()

    def _serve(self) -> None:
        while True:
            order = self._desk.order()
            if order.frame[0] == "run":
                self._run(order)
            else:
                self._prepare(order)

    def _prepare(self, order: Received) -> None:
        kind, *content = order.frame
        if kind == "code":
            self._learn(*content)
        elif kind == "scope":
            self._open(*content)
        elif kind == "world":
            self._move(*content)
        elif kind == "facts":
            number, packages = content
            self._desk.tell(("facts", number, facts(packages)))
        elif kind == "cancel":
            task = self._running.get(content[0])
            if task is not None:
                task.cancel()

    def _learn(self, number: int, content: Mapping[str, Any]) -> None:
        try:
            self._code[number] = arrived(content)
        except BaseException as error:  # noqa: BLE001 - the user's module may do anything when it is made
            self._code[number] = error
        while len(self._code) > _KEPT:
            self._code.popitem(last=False)

    def _open(self, content: Mapping[str, Any]) -> None:
        name, folder = content["name"], content["blobs"]
        fields = pickle.loads(content["fields"])  # noqa: S301 - from the kernel
        scope = RunScope(**fields, publish=partial(self._publish, name))
        action = ActionID("", name, scope.project, scope.domain, content["org"])
        self._scopes[name] = (scope, BlobStore(folder) if folder else None, action, str(scope.base_dir))
        while len(self._scopes) > _KEPT:
            self._scopes.popitem(last=False)

    def _move(self, content: Mapping[str, Any]) -> None:
        """Take over the kernel's folder, import path and environment."""
        with suppress(OSError):
            os.chdir(content["folder"])
        sys.path[:] = content["path"]
        wanted = content["environ"]
        for name in [name for name in os.environ if name not in wanted and name not in content["own"]]:
            del os.environ[name]
        os.environ.update(wanted)
        set_levels(content["levels"])
        self._shared = content["shared"]

    # Attempts

    def _run(self, order: Received) -> None:
        code = self._code[order.frame[2]]
        if isinstance(code, BaseException) or not code.task.is_async:
            _finished(self._attempt(order, code))
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._serving = self._loop.create_task(self._serve_async(order))
        self._loop.run_until_complete(self._serving)

    async def _serve_async(self, first: Received) -> None:
        """Run attempts on the loop, and wait for further ones, until something synchronous is ordered."""
        loop, self._woken, self._leaving = asyncio.get_running_loop(), asyncio.Event(), False
        self._desk.watch(loop)
        self._desk.ordered = self._ordered
        self._begin(first)
        self._take()
        try:
            while self._running or not self._leaving:
                await self._woken.wait()
                self._woken.clear()
        finally:
            self._desk.ordered = None
            self._desk.unwatch(loop)

    def _ordered(self) -> None:
        """See that what came is taken on the loop."""
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001 - documented for implementers of loops
            self._take()
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        """Take further orders; what is synchronous waits until nothing is left on the loop."""
        if self._desk.ordered is None:
            return  # the loop is about to stop
        while (order := self._desk.next_order(self._is_for_loop)) is not None:
            if order.frame[0] == "run":
                self._begin(order)
            else:
                self._prepare(order)
        if self._desk.has_order():
            self._leaving = True
            self._woken.set()

    def _is_for_loop(self, order: Received) -> bool:
        if order.frame[0] != "run":
            return True
        code = self._code[order.frame[2]]
        return isinstance(code, Arrived) and code.task.is_async

    def _begin(self, order: Received) -> None:
        number = order.frame[1]
        task = asyncio.get_running_loop().create_task(self._attempt(order, self._code[order.frame[2]]))
        self._running[number] = task

        task.add_done_callback(partial(self._end, number))

    def _end(self, number: int, _: object) -> None:
        del self._running[number]
        if not self._running:
            for left in asyncio.all_tasks(self._loop):
                if left is not self._serving:
                    left.cancel()  # a body's background task does not outlive the last body
            self._woken.set()

    async def _attempt(self, order: Received, code: Arrived | BaseException) -> None:
        """Run one attempt and tell how it ended."""
        (
            _, number, _, run, action, parent, attempt, cache,
            group, custom, inputs, manifest, follows, extra, gpus,
        ) = order.frame  # fmt: skip
        began, meter = perf_counter(), GpuMeter(nvml(), gpus) if gpus is not None else None
        scope, store, identity, folder = self._scopes[run]
        parts, out = Parts(store, order.files, manifest), None
        home = code.module if isinstance(code, Arrived) else sys.modules["__main__"]
        answer: tuple[Any, ...]
        try:
            if isinstance(code, BaseException):
                raise code  # noqa: TRY301 - told as if the body had raised it
            code.enter()
            calls = Calls(self._desk, number, code.module)
            spec = ActionSpec(
                id=ActionID(action, run, identity.project, identity.domain, identity.org),
                task=code.task,
                inputs=unpack_homed(inputs, vars(home)),
                run=scope,
                context=ContextData(None, GroupData(group) if group else None, custom, calls),
                parent=parent,
                attempt=attempt,
                version=cache,
            )
            raw = RawDataPath(f"{folder}/{action}/raw")
            reads = Reads(spec, str(store.folder) if store else "") if follows else None
            with (
                holding(parts, raw),
                reads.following() if reads else _NOTHING,
                self._surroundings(extra) if extra else _NOTHING,
                meter.looking() if meter else _NOTHING,
            ):
                outputs = await invoke(spec)
                out = Parts(store)
                packed = out.send(outputs, home.__name__, vars(home))
                answer = ("done", number, packed, out.manifest, plain(reads.stamps()) if reads else ())
        except asyncio.CancelledError as error:
            answer = ("failed", number, told(error, home.__name__, vars(home)))
        except BaseException as error:  # noqa: BLE001 - it is the kernel's to judge
            if isinstance(error, KeyboardInterrupt):
                error = TaskInterruptedError("the task raised KeyboardInterrupt")
            answer = ("failed", number, told(error, home.__name__, vars(home)))
        self._flush()
        used: tuple[float, ...] = self._meter.read(began)
        if meter is not None:
            used = (*(used or (0.0, 0, 0, 0)), meter.busy, meter.memory)
        self._desk.tell((*answer, used), out.files if out is not None else ())
        parts.close()
        if out is not None:
            out.close()

    @contextmanager
    def _surroundings(self, extra: Mapping[str, str]) -> Iterator[None]:
        """Set variables for the attempt: for the process, or for its context where others run beside it.

        Numerical libraries keep to the cores that were asked for, unless others run beside it.
        """
        if self._shared:
            with variables(extra):
                yield
            return
        with _Set(extra), limited(extra):
            yield

    def _flush(self) -> None:
        self._out.flush()
        self._err.flush()

    def _log(self, stream: str, run: str, action: str, attempt: int, text: str) -> None:
        self._desk.tell(("log", run, action, attempt, stream, text))

    def _record(self, task: TaskContext | None, content: dict[str, Any]) -> None:
        if task is not None:
            self._flush()
            self._desk.tell(("record", task.action.run_name, task.action.name, task.attempt_number, content))

    def _publish(self, run: str, action: str, report: Report) -> None:
        tabs = [(name, tab.get_html()) for name, tab in report.tabs.items()]
        self._desk.tell(("report", run, action, tabs))


class _Set:
    """Environment variables, set for real and put back."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._before: dict[str, str] = {}

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        os.environ.update(self._values)

    def __exit__(self, *_: object) -> None:
        for name in self._values:
            if name in self._before:
                os.environ[name] = self._before[name]
            else:
                os.environ.pop(name, None)


def _finished(coro: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never suspends, with no loop."""
    try:
        coro.send(None)
    except StopIteration:
        return
    coro.close()
    raise RuntimeError("a synchronous attempt waited for something")


def _reseed() -> None:
    """Give this process random numbers of its own: a fork begins with its parent's state."""
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
