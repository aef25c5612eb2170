"""One run from its beginning to its end, and the live side of its handle."""

import concurrent.futures
import contextvars
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, cast

from flyte_jupyter.backends.bodies import Stopped, bodies
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.engine.calls import Calls
from flyte_jupyter.engine.live import KEYBOARD, LiveRun
from flyte_jupyter.engine.loop import GRACE, PATIENCE, drive, loop, settled
from flyte_jupyter.engine.observing import tell
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.reports import Reports
from flyte_jupyter.engine.routes import route_of
from flyte_jupyter.engine.scoped import environment, process, scope_of
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.errors import ActionAbortedError
from flyte_jupyter.loading import asyncio, load
from flyte_jupyter.runs.both import ActionOutputs
from flyte_jupyter.runs.events import ROOT, RunStarted
from flyte_jupyter.runs.run import Run, driven
from flyte_jupyter.runs.signal import Latch
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import custom_context
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.literal import Literals

if TYPE_CHECKING:
    from flyte_jupyter.engine.plan import Plan
    from flyte_jupyter.engine.replayed import Continued

AnyTask = TaskTemplate[..., Any]
Args = tuple[Any, ...]


class Started:
    """A run that has been asked for.

    Args:
        setup: what the process is connected to.
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
        continued: "Continued | None" = None,
    ) -> None:
        self._setup = setup
        self._mode = options.mode or setup.mode
        self._route = route_of(self._mode, options.isolation or setup.isolation, setup.place)
        store.check()
        self._continued = continued
        origin = continued.origin if continued else ""
        reports = Reports(name, store)
        scope = scope_of(options, name, self._mode, setup, store, origin, reports.publish)
        self._live = LiveRun(scope, reports, store, self._route, continued.state if continued else None)
        self._options = options
        self._surroundings = ExitStack()
        self._finishing = threading.Lock()
        self._ended = Latch()
        self.literals: Literals = {}
        """What the root has returned."""
        self._outputs: ActionOutputs | None = None
        self._error: BaseException | None = None
        self._spec: ActionSpec | None = None
        self._future: concurrent.futures.Future[None] | None = None

    @property
    def handle(self) -> Run:
        """A handle of the run; it holds this, and is not held by it."""
        return Run(self._live.store, self._live.scope.name, self)

    def plan(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> "Plan":
        """Check everything and describe what would run; nothing is written."""
        spec = self.checked(task, args, kwargs)
        made: Plan = load("flyte_jupyter.engine.plan:Plan").of(spec, self._mode, self._route(spec).name)
        return made

    def checked(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> ActionSpec:
        """Check the inputs, for who begins the run elsewhere; nothing is written."""
        self._live.input_limit = 0
        return self._checked(task, args, kwargs)

    def begin(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> None:
        """Check the inputs first: a wrong call is no run. Then put the run on record."""
        self._begin(self._checked(task, args, kwargs))

    def take_over(self, task: TaskSpec, inputs: Literals) -> None:
        """Begin with inputs that were checked elsewhere, in the group and with the pairs of this context."""
        self._begin(Calls(self._live, None).of(task, inputs))

    def _begin(self, spec: ActionSpec) -> None:
        self._spec = spec
        live, scope = self._live, self._live.scope
        live.emit(
            RunStarted(
                run=scope.name,
                action=ROOT,
                time=time.time(),
                task=spec.task.name,
                mode=self._mode,
                source={**process(), **self._setup.source(), **self._facts()},
                labels={**scope.labels},
                environment=environment(),
                rerun_of=self._continued.name if self._continued else None,
            )
        )
        try:
            self._surroundings.callback(driven(live.store, scope.name, self))
            self._surroundings.callback(capture.follow(scope.name, live.store.log))
            tell(self._setup.observers, self.handle, self._surroundings)
        except BaseException as error:
            self._finish(error)
            raise

    def run(self) -> Run:
        """Run on this thread where that is possible, else on a background loop, and wait."""
        body = bodies.cover_current()
        try:
            with loop.beside():
                self._run()
        except (Stopped, asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            if isinstance(error, Stopped) and not self._live.stopped.is_set():
                self._interrupt("the run that called it was stopped")
                raise
            if self._live.reason == KEYBOARD:
                raise KeyboardInterrupt from None  # what follows in the cell must not run
            raise ActionAbortedError(f"run {self.handle.name} was aborted") from None
        except KeyboardInterrupt:
            self._interrupt(KEYBOARD)
            raise
        finally:
            bodies.uncover(body)
        return self.handle

    async def arun(self) -> Run:
        """Run on a background loop; awaits the end, except in mode remote."""
        if self._mode == "remote":
            with loop.beside():  # the caller may wait for the handle where it is
                self._submit()
            return self.handle
        ending = asyncio.wrap_future(self._submit())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if ending.done() and not (caller and caller.cancelling()):
                raise ActionAbortedError(f"run {self.handle.name} was aborted") from None
            self.stop("cancelled")
            await asyncio.wait([ending], timeout=GRACE + 2 * PATIENCE)
            if ending.done() and not ending.cancelled():
                ending.exception()  # known: what counts is that the caller was cancelled
            raise
        return self.handle

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False if the time is up before."""
        return self._ended.wait(timeout)

    def stop(self, reason: str) -> None:
        """Abort: cancel, interrupt, and after a grace go on without what does not end. Returns at once."""
        if not self._ended.is_set():
            again = self._live.stopped.is_set()
            self._live.stop(reason)
            if not again:
                threads.start(self._enforce)

    def result(self) -> ActionOutputs:
        """Give what the root returned, or raise what it raised."""
        if isinstance(self._error, Exception):
            raise self._error
        if self._outputs is None:
            raise ActionAbortedError(f"run {self.handle.name} was aborted")
        return self._outputs

    def _facts(self) -> Mapping[str, str]:
        """Say where a run that goes on without this process can be found again."""
        if self._mode != "remote" or self._spec is None:
            return {}
        scope, tell = self._live.scope, getattr(self._route(self._spec), "facts", None)
        if tell is None:
            return {}
        return cast("Mapping[str, str]", tell(scope.name, scope.folder))

    def _checked(self, task: AnyTask, args: Args, kwargs: Mapping[str, Any]) -> ActionSpec:
        own = self._options.custom_context
        with custom_context(**own) if own else nullcontext():
            return Calls(self._live, None).spec(task, args, kwargs)

    def _run(self) -> None:
        if self._spec is not None and self._live.is_inline(self._spec):
            # In a copy of the context, so that nothing of the run can stay behind in the caller's.
            contextvars.copy_context().run(drive, self._whole(self._spec))
            return
        future = self._submit()
        if self._mode != "remote":
            settled(future)

    def _submit(self) -> "concurrent.futures.Future[None]":
        if self._spec is None:
            raise RuntimeError("the run was not begun")
        future = self._future = loop.submit(self._whole(self._spec))
        future.add_done_callback(
            lambda _: self._finish(None)
        )  # also if it is cancelled before its first step
        return future

    async def _whole(self, spec: ActionSpec) -> None:
        interface = spec.task.interface
        failure: BaseException | None = None
        try:
            # The bodies of the run inherit this context, so that all of them can read kept values.
            with holding(self._live.store.blobs):
                self.literals = await self._live.conduct(spec)
                result = interface.outputs_from_literals(self.literals)
                self._outputs = ActionOutputs(interface.named(result))
        except BaseException as error:
            failure = error
            raise
        finally:
            self._finish(failure)

    def _interrupt(self, reason: str) -> None:
        self.stop(reason)
        self._ended.wait(GRACE + 2 * PATIENCE)

    def _enforce(self) -> None:
        """See to it that a stopped run ends."""
        end = time.monotonic() + GRACE
        if self._ended.wait(PATIENCE):
            return
        loop.unblock(self._live.owns)
        if self._ended.wait(max(0.0, end - time.monotonic())):
            return
        loop.replace_stuck()  # before its caller goes on, perhaps with the next run
        self._finish(ActionAbortedError(f"run {self.handle.name} was aborted and did not end by itself"))
        if self._future is not None:
            self._future.cancel()  # so that its caller goes on

    def _finish(self, error: BaseException | None) -> None:
        """End the run, once: nothing of it goes on, everything of it is on record."""
        with self._finishing:
            if self._ended.is_set():
                return
            self._error = error
            self._live.close()
            try:
                self._surroundings.close()
            finally:
                self._ended.set()
