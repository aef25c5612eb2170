"""A run in progress: each action from its call to its end, and the record of it."""

import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.bodies import Stopped, bodies
from flyte_jupyter.backends.threads import running
from flyte_jupyter.engine.cached import Cached
from flyte_jupyter.engine.failed import FailedInputs
from flyte_jupyter.engine.keeping import INPUT_LIMIT, OUTPUT_LIMIT, Found, Kept, record
from flyte_jupyter.engine.loop import drive, engine_task, loop, waited
from flyte_jupyter.engine.reports import Reports
from flyte_jupyter.engine.retried import Retried
from flyte_jupyter.engine.seen import Seen
from flyte_jupyter.engine.timed import Bounded, Timed
from flyte_jupyter.loading import asyncio, load
from flyte_jupyter.runs.events import (
    ROOT,
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    Emit,
)
from flyte_jupyter.runs.failures import failure_of, trim
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.signal import Latch
from flyte_jupyter.runs.state import RunState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import RunScope
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals

if TYPE_CHECKING:
    from flyte_jupyter.engine.admission import Hold

KEYBOARD = "interrupted from the keyboard"
"""The reason of a run whose cell was interrupted."""

Route = Callable[[ActionSpec], Backend]
_Task: TypeAlias = "asyncio.Task[Any]"


class LiveRun:
    """Conducts the actions of one run.

    Args:
        scope: what all its actions share.
        reports: keeps their reports.
        store: where what happens is written.
        route: the place for each action.
        earlier: the run whose outputs are taken where nothing has changed since.
    """

    def __init__(
        self,
        scope: RunScope,
        reports: Reports,
        store: RunStore,
        route: Route,
        earlier: RunState | None = None,
    ) -> None:
        self.scope = scope
        self.store = store
        self.emit: Emit = store.append
        self.input_limit = INPUT_LIMIT
        self.stopped = Latch()
        self.holds: dict[str, Hold] = {}
        self._route = route
        self._earlier = earlier
        self._results = ResultCache(store)
        self._seen = Seen(self.scope.name, self.emit, store.blobs)
        self._failed_inputs = FailedInputs(store.blobs)
        self._chains: dict[tuple[int, TaskSpec], Backend] = {}
        self._reports = reports
        self._open: dict[str, _Task | None] = {ROOT: None}  # whatever happens, the root gets an end
        self._closed = False
        self._reason = ""

    def begin(self, name: str) -> None:
        """Count an action as in progress from here on, by the task of an event loop that runs it.

        Raises:
            Stopped, CancelledError: the run is over; what it left behind does not go on in its name.
        """
        here = running()
        if self._closed:
            raise Stopped if here is None else asyncio.CancelledError("the run has ended")
        self._open[name] = None if here is None else asyncio.current_task(here)

    @property
    def reason(self) -> str:
        """Why it was stopped; empty if it was not."""
        return self._reason

    def end(self, name: str) -> bool:
        """Count an action as ended; False if it was already: then its end is on record."""
        return self._open.pop(name, self) is not self

    async def conduct(self, spec: ActionSpec) -> Literals:
        """Run one action to its end and record it.

        Raises:
            BaseException: what ended it, with the user's frames only.
        """
        name = spec.id.name
        self.begin(name)
        self.emit(
            ActionQueued(
                run=self.scope.name, action=name, time=time.time(), task=spec.task.name,
                name=spec.task.short_name, parent=spec.parent, version=spec.version,
                group=spec.context.group.name if spec.context.group else None,
                inputs=spec.packed, asked=spec.task.asked,
            )
        )  # fmt: skip
        try:
            outputs = await self._run(spec)
            packed = self._packed(spec, outputs)
        except BaseException as error:
            self.fail(name, error, spec)
            raise
        if self.end(name):
            self.emit(ActionSucceeded(run=self.scope.name, action=name, time=time.time(), outputs=packed))
        return outputs

    def calling(self, spec: ActionSpec) -> Coroutine[Any, Any, Literals]:
        """Run one action to its end; its caller lends what it holds of the machine for so long."""
        caller = self.holds.get(spec.parent) if spec.parent is not None else None
        return self.conduct(spec) if caller is None else self._lending(caller, spec)

    async def _lending(self, caller: "Hold", spec: ActionSpec) -> Literals:
        caller.lend()
        try:
            return await self.conduct(spec)
        finally:
            await caller.regain()

    def conducted(self, spec: ActionSpec) -> Literals:
        """Run one action to its end while this thread waits or, where that is possible, on this thread."""
        if self.is_inline(spec):
            return drive(self.calling(spec))
        return waited(loop.submit(self.calling(spec)))

    def is_inline(self, spec: ActionSpec) -> bool:
        """Whether the action can run on the caller's thread, with no event loop in between."""
        task = spec.task
        return (
            not task.is_async
            and not task.timeout.is_set
            and not task.cache.serialize
            and getattr(self._placed(spec), "blocks", _never)(task)
        )

    def _placed(self, spec: ActionSpec) -> Backend:
        """Give the place of an action: where its task is, or where the run's mode says."""
        return self._route(spec) if spec.task.place is None else cast("Backend", spec.task.place)

    def stop(self, reason: str) -> None:
        """Abort: cancel what waits, interrupt what runs. Returns at once; safe from any thread."""
        self._reason = self._reason or reason
        self.stopped.set()
        opened = dict(self._open)
        # Cancelling goes down by itself from who awaits to what is awaited, and nothing is cancelled twice,
        # so that bodies can clean up. A synchronous root is reached by its thread.
        root = opened.pop(ROOT, None)
        for task in {root} if root else set(opened.values()):
            if task is not None and (task is root or not loop.has(task.get_loop())):
                _cancel(task)
        bodies.stop(self.scope.name)

    def owns(self, task: _Task) -> bool:
        """Whether a task of an event loop runs an action of this run."""
        return task in self._open.values() or task.get_name() == engine_task(self.scope.name)

    def close(self) -> None:
        """Let nothing go on: what did not end by now is recorded as aborted."""
        self._closed = True
        if not self._open:
            return
        reason = self._reason or "the run ended before it did"
        for name, task in reversed(self._open.copy().items()):
            if self.end(name):
                self._abort(name, reason)
            if task is not None:
                _cancel(task)
        bodies.stop(self.scope.name)

    def fail(self, action: str, error: BaseException, spec: ActionSpec | None = None) -> None:
        """Record how an action ended, unless its end is on record; the inputs of one that failed are kept."""
        if self.end(action):
            if isinstance(error, Exception) and not self.stopped.is_set():
                run, now = self.scope.name, time.time()
                inputs = None if spec is None else self._failed_inputs.keep(spec)
                failure = failure_of(error)
                self.emit(ActionFailed(run=run, action=action, time=now, failure=failure, inputs=inputs))
            else:
                self._abort(action, self._reason or _reason(error))
        trim(error)

    def _abort(self, action: str, reason: str) -> None:
        self.emit(ActionAborted(run=self.scope.name, action=action, time=time.time(), reason=reason))

    async def _run(self, spec: ActionSpec) -> Literals:
        if self.stopped.is_set():
            raise Stopped if running() is None else asyncio.CancelledError(self._reason)
        place = self._placed(spec)
        key = (id(place), spec.task)
        chain = self._chains.get(key)
        if chain is None:
            self._seen.meet(spec)
            chain = self._chains[key] = self._wrapped(place, spec.task)
        if spec.parent is not None:
            return await chain.run(spec, self.emit)
        outputs: Literals = {}
        try:
            outputs = await chain.run(spec, self.emit)
        finally:
            # Nobody waits for a stopped run to hash what is captured; for a found result nothing ran.
            if not self.stopped.is_set() and not isinstance(outputs, Found):
                self._seen.check()
        return outputs

    def _wrapped(self, place: Backend, task: TaskSpec) -> Backend:
        """Wrap a place in what the task asks for and the place does not do itself."""
        does: frozenset[str] = getattr(place, "does", frozenset())
        chain, limits = place, task.timeout
        if getattr(place, "on_this_machine", False) and task.resources.has_to_wait:
            chain = load("flyte_jupyter.engine.admission:admitted")(chain, self.holds, self.stopped)
        if "timeout" not in does and (limits.max_runtime or limits.max_queued_time):
            chain = Timed(chain)
        if "retry" not in does:
            chain = Retried(chain, self.stopped)
        if "cache" not in does and task.cache.is_enabled and not self.scope.disable_cache:
            chain = Cached(chain, self._results, self.store, self._reports.last)
        if self._earlier is not None:
            replayed = load("flyte_jupyter.engine.replayed:Replayed")
            chain = replayed(chain, self._earlier, self.store.blobs)
        if "timeout" not in does and limits.deadline:
            chain = Bounded(chain)
        return chain

    def _packed(self, spec: ActionSpec, outputs: Literals) -> bytes:
        if isinstance(outputs, Kept):
            return outputs.packed
        limit = None if spec.parent is None else OUTPUT_LIMIT
        return record(spec.task, "outputs", outputs, self.store.blobs, limit)


def inputs_packed(task: TaskSpec, inputs: Literals, live: LiveRun) -> bytes:
    """Pack the inputs of a call for the record."""
    return record(task, "inputs", inputs, live.store.blobs, live.input_limit)


def _never(_task: TaskSpec) -> bool:
    """Say that a place that does not say otherwise needs an event loop."""
    return False


def _cancel(task: _Task) -> None:
    with suppress(RuntimeError):  # its loop is closed
        task.get_loop().call_soon_threadsafe(task.cancel)


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return KEYBOARD
    return "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
