"""A run in progress: each action from its call to its end, and the record of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.local import LocalBackend
from flyte_jupyter.backends.threads import Stopped, bodies
from flyte_jupyter.engine.cached import Cached
from flyte_jupyter.engine.failures import failure_of, trim
from flyte_jupyter.engine.keeping import INPUT_LIMIT, OUTPUT_LIMIT, Kept, record
from flyte_jupyter.engine.loop import elsewhere, loop, waited
from flyte_jupyter.engine.retried import Retried
from flyte_jupyter.engine.timed import Bounded, Timed
from flyte_jupyter.runs.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    Emit,
    ReportWritten,
)
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import RunScope
from flyte_jupyter.tasks.report import Report
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Route = Callable[[ActionSpec], Backend]


class LiveRun:
    """Conducts the actions of one run.

    Args:
        scope: what all its actions share.
        store: where what happens is written.
        route: the place for each action.
    """

    def __init__(self, scope: RunScope, store: RunStore, route: Route) -> None:
        self.scope = replace(scope, publish=self.publish)
        self.store = store
        self.emit: Emit = store.append
        self.stopped = threading.Event()
        self.ended = threading.Event()
        self._route = route
        self._results = ResultCache(store)
        self._chains: dict[tuple[int, TaskSpec], Backend] = {}
        self._waited: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._reason = ""

    async def conduct(self, spec: ActionSpec) -> Literals:
        """Run one action to its end and record it.

        Raises:
            BaseException: what ended it, with the user's frames only.
        """
        name = spec.id.name
        self.emit(
            ActionQueued(
                run=self.scope.name, action=name, time=time.time(), task=spec.task.name,
                name=spec.task.short_name, parent=spec.parent, version=spec.version,
                group=spec.context.group.name if spec.context.group else None,
                inputs=spec.packed,
            )
        )  # fmt: skip
        try:
            outputs = await self._run(spec)
            packed = self._packed(spec, outputs)
        except BaseException as error:
            self._fail(name, error)
            raise
        self.emit(ActionSucceeded(run=self.scope.name, action=name, time=time.time(), outputs=packed))
        return outputs

    def is_inline(self, spec: ActionSpec) -> bool:
        """Whether the action can run on the caller's thread, with no event loop in between."""
        task = spec.task
        return (
            not task.is_async
            and not task.timeout.is_set
            and not task.cache.serialize
            and isinstance(self._route(spec), LocalBackend)
        )

    def stop(self, reason: str = "stopped") -> None:
        """Abort: cancel what waits, interrupt what runs. Returns at once; safe from any thread."""
        self._reason = self._reason or reason
        self.stopped.set()
        with self._lock:
            waited = list(self._waited)
        for future in waited:
            future.cancel()
        bodies.stop(self.scope.name)

    def submit(self, coro: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start a coroutine on the background loop; stopping the run cancels it."""
        future = loop.submit(coro)
        with self._lock:
            self._waited.add(future)
        future.add_done_callback(self._forget)
        return future

    def wait(self, coro: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end while this thread waits, wherever this thread is."""
        if loop.is_here():
            return elsewhere(coro)
        return waited(self.submit(coro))

    def publish(self, action: str, report: Report) -> None:
        """Keep a flushed report."""
        blob = self.store.blobs.put(report.get_final_report().encode("utf-8", "replace"))
        tabs = tuple(report.tabs)
        self.emit(ReportWritten(run=self.scope.name, action=action, time=time.time(), blob=blob, tabs=tabs))

    async def _run(self, spec: ActionSpec) -> Literals:
        if self.stopped.is_set():
            raise Stopped
        place = self._route(spec)
        key = (id(place), spec.task)
        chain = self._chains.get(key)
        if chain is None:
            chain = self._chains[key] = self._wrapped(place, spec.task)
        return await chain.run(spec, self.emit)

    def _forget(self, future: "Future[Any]") -> None:
        with self._lock:
            self._waited.discard(future)

    def _wrapped(self, place: Backend, task: TaskSpec) -> Backend:
        """Wrap a place in what the task asks for and the place does not do itself."""
        does: frozenset[str] = getattr(place, "does", frozenset())
        chain, limits = place, task.timeout
        if "timeout" not in does and (limits.max_runtime or limits.max_queued_time):
            chain = Timed(chain)
        if "retry" not in does:
            chain = Retried(chain, self.stopped)
        if "timeout" not in does and limits.deadline:
            chain = Bounded(chain)
        if "cache" not in does and task.cache.is_enabled and not self.scope.disable_cache:
            chain = Cached(chain, self._results, self.store)
        return chain

    def _packed(self, spec: ActionSpec, outputs: Literals) -> bytes:
        if isinstance(outputs, Kept):
            return outputs.packed
        limit = None if spec.parent is None else OUTPUT_LIMIT
        return record(spec.task, "outputs", outputs, self.store.blobs, limit)

    def _fail(self, action: str, error: BaseException) -> None:
        run, now = self.scope.name, time.time()
        if isinstance(error, Exception) and not self.stopped.is_set():
            self.emit(ActionFailed(run=run, action=action, time=now, failure=failure_of(error)))
        else:
            reason = self._reason or _reason(error)
            self.emit(ActionAborted(run=run, action=action, time=now, reason=reason))
        trim(error)


def inputs_packed(task: TaskSpec, inputs: Literals, store: RunStore) -> bytes:
    """Pack the inputs of a call for the record."""
    return record(task, "inputs", inputs, store.blobs, INPUT_LIMIT)


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
