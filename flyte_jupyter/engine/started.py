"""One run from its beginning to its end, and the live side of its handle."""

import asyncio
import concurrent.futures
import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.local import LocalBackend
from flyte_jupyter.backends.threads import Stopped
from flyte_jupyter.engine.calls import Calls
from flyte_jupyter.engine.live import LiveRun, Route
from flyte_jupyter.engine.loop import GRACE, drive
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.plan import Plan
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.errors import ActionAbortedError
from flyte_jupyter.ids import random_name
from flyte_jupyter.runs.both import ActionOutputs
from flyte_jupyter.runs.events import ROOT, RunStarted
from flyte_jupyter.runs.run import Run, is_known
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import RunScope, custom_context
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.holding import holding

_HERE = LocalBackend()


def _local(_there: Callable[[], Backend]) -> Route:
    return lambda _spec: _HERE


def _hybrid(there: Callable[[], Backend]) -> Route:
    place = there()
    return lambda spec: _HERE if spec.parent is None else place


def _remote(there: Callable[[], Backend]) -> Route:
    place = there()
    return lambda _spec: place


ROUTES: Mapping[str, Callable[[Callable[[], Backend]], Route]] = MappingProxyType(
    {"local": _local, "hybrid": _hybrid, "remote": _remote}
)
"""A mode is a function from a spec to the place where it runs."""


class Started:
    """A run that has been asked for.

    Args:
        setup: what the process is connected to.
        options: what the caller said about the run.
    """

    def __init__(self, setup: Setup, options: RunOptions) -> None:
        self._setup = setup
        self._mode = options.mode or setup.mode
        self._route = ROUTES[self._mode](setup.place)
        store = setup.store()
        store.check()
        self._live = LiveRun(_scope(options, self._mode, setup, store), store, self._route)
        self._options = options
        self._surroundings = ExitStack()
        self._outputs: ActionOutputs | None = None
        self._error: BaseException | None = None
        self.handle = Run(store, self._live.scope.name, self)

    def plan(self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan:
        """Check everything and describe what would run."""
        spec = self._spec(task, args, kwargs)
        return Plan.of(spec, self._mode, self._route(spec).name)

    def run(self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Run:
        """Run on this thread where that is possible, else on the background loop, and wait."""
        spec = self._begin(task, args, kwargs)
        try:
            if self._live.is_inline(spec):
                drive(self._whole(spec))
            else:
                future = self._live.submit(self._whole(spec))
                if self._mode != "remote":
                    future.result()
        except (Stopped, concurrent.futures.CancelledError):
            raise ActionAbortedError(f"run {self.handle.name} was aborted") from None
        except KeyboardInterrupt:
            self._live.stop("interrupted from the keyboard")
            self._live.ended.wait(GRACE)
            raise
        return self.handle

    async def arun(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Run:
        """Run on the background loop; awaits the end, except in mode remote."""
        spec = self._begin(task, args, kwargs)
        future = self._live.submit(self._whole(spec))
        if self._mode == "remote":
            return self.handle
        try:
            await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._live.stopped.is_set():
                raise ActionAbortedError(f"run {self.handle.name} was aborted") from None
            self._live.stop("cancelled")
            raise
        return self.handle

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False if the time is up before."""
        return self._live.ended.wait(timeout)

    def stop(self, reason: str) -> None:
        """Abort."""
        self._live.stop(reason)

    def result(self) -> ActionOutputs:
        """Give what the root returned, or raise what it raised."""
        if isinstance(self._error, Exception):
            raise self._error
        if self._outputs is None:
            raise ActionAbortedError(f"run {self.handle.name} was aborted")
        return self._outputs

    def _begin(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> ActionSpec:
        """Check the inputs first: a wrong call is no run."""
        spec = self._spec(task, args, kwargs)
        scope = self._live.scope
        self._live.emit(
            RunStarted(
                run=scope.name,
                action=ROOT,
                time=time.time(),
                task=task.name,
                mode=self._mode,
                source={**_process(), **self._setup.source()},
                labels={**scope.labels},
                environment=_environment(),
            )
        )
        self._surroundings.enter_context(capture.following(scope.name, self._live.store.log))
        for observer in self._setup.observers:
            closing = observer(self.handle)
            if closing is not None:
                self._surroundings.callback(closing.close)
        return spec

    def _spec(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> ActionSpec:
        with custom_context(**self._options.custom_context):
            return Calls(self._live, None).spec(task, args, kwargs)

    async def _whole(self, spec: ActionSpec) -> None:
        interface = spec.task.interface
        try:
            # The bodies of the run inherit this context, so that all of them can read kept values.
            with holding(self._live.store.blobs):
                literals = await self._live.conduct(spec)
                self._outputs = ActionOutputs(interface.named(interface.outputs_from_literals(literals)))
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._surroundings.close()
            self._live.ended.set()


def _scope(options: RunOptions, mode: str, setup: Setup, store: RunStore) -> RunScope:
    name = _free(options.name, partial(is_known, store)) if options.name else random_name()
    return RunScope(
        name=name,
        mode=mode,
        folder=store.runs_folder,
        own_folder=Path(options.run_base_dir) if options.run_base_dir else None,
        raw_dir=Path(options.raw_data_path) if options.raw_data_path else None,
        start_time=options.run_start_time or datetime.now(UTC),
        interactive=setup.interactive if options.interactive_mode is None else options.interactive_mode,
        disable_cache=options.disable_run_cache,
        overwrite_cache=options.overwrite_cache,
        env_vars=options.env_vars,
        labels={**options.labels, **options.annotations},
        project=options.project,
        domain=options.domain,
    )


def _free(name: str, taken: Callable[[str], bool]) -> str:
    """Number a name that an earlier run has, as re-running a cell asks for the same one again."""
    number, free = 1, name
    while taken(free):
        number += 1
        free = f"{name}-{number}"
    return free


_host = cache(socket.gethostname)


def _process() -> dict[str, str]:
    return {"host": _host(), "pid": str(os.getpid())}


def _environment() -> dict[str, str]:
    return {"python": platform.python_version(), "platform": platform.system()}
