"""How a running task calls another one: a spec with a deterministic name, conducted in the caller's way."""

import hashlib
import inspect
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flyte_jupyter.engine.failures import failure_of, trim
from flyte_jupyter.engine.live import LiveRun, inputs_packed
from flyte_jupyter.engine.loop import drive
from flyte_jupyter.ids import ActionID, sub_action_name
from flyte_jupyter.runs.events import (
    ROOT,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptStarted,
)
from flyte_jupyter.tasks.context import ContextData, TaskContext, current
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.template import TaskTemplate

AnyTask = TaskTemplate[..., Any]


class Calls:
    """What one action calls.

    The same call in the same place of a run has the same name, so running it again is the same action.

    Args:
        live: the run.
        parent: the calling action; None makes the root.
    """

    __slots__ = ("_live", "_parent", "_seen")

    def __init__(self, live: LiveRun, parent: str | None) -> None:
        self._live = live
        self._parent = parent
        self._seen: dict[tuple[str, str | None, str], itertools.count[int]] = {}

    def call(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run to the end on this thread, or wait for it here."""
        spec = self.spec(task, args, kwargs)
        conducted = self._live.conduct(spec)
        outputs = drive(conducted) if self._live.is_inline(spec) else self._live.wait(conducted)
        return spec.task.interface.outputs_from_literals(outputs)

    async def acall(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run on the loop that is running."""
        spec = self.spec(task, args, kwargs)
        outputs = await self._live.conduct(spec)
        return spec.task.interface.outputs_from_literals(outputs)

    def trace(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Record a helper's call as an action of its own."""
        traced = _Traced(self._live, self._name(f"trace {func.__qualname__}", b""), func)
        if inspect.iscoroutinefunction(func):
            return traced.arun(self._parent, args, kwargs)
        return traced.run(self._parent, args, kwargs)

    def spec(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ActionSpec:
        """Make the spec of a call."""
        live, kind, here = self._live, task.spec, current.get()
        inputs = kind.interface.to_literals(args, kwargs)
        packed = inputs_packed(kind, inputs, live.store)
        name = ROOT if self._parent is None else self._name(kind.name, packed)
        context = ContextData(None, here.group, here.custom, Calls(live, name), None)
        return ActionSpec(
            id=ActionID(name, live.scope.name, live.scope.project, live.scope.domain),
            task=kind,
            inputs=inputs,
            run=live.scope,
            context=context,
            parent=self._parent,
            packed=packed,
        )

    def _name(self, task: str, inputs: bytes) -> str:
        group = current.get().group
        group_name = group.name if group else None
        inputs_hash = hashlib.blake2b(inputs, digest_size=16).hexdigest()
        # Counted among equal calls only, so that threads in any order give the same names. Both steps are
        # atomic under the interpreter's lock.
        counter = self._seen.setdefault((task, group_name, inputs_hash), itertools.count(1))
        return sub_action_name(self._parent or "", inputs_hash, task, next(counter), group_name)


class _Traced:
    """One call of a traced helper."""

    def __init__(self, live: LiveRun, name: str, func: Callable[..., Any]) -> None:
        self._live = live
        self._name = name
        self._func = func

    def run(self, parent: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        self._begin(parent)
        token = current.set(self._context())
        try:
            result = self._func(*args, **kwargs)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            current.reset(token)
        self._end()
        return result

    async def arun(self, parent: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        self._begin(parent)
        token = current.set(self._context())
        try:
            result = await self._func(*args, **kwargs)
        except BaseException as error:
            self._fail(error)
            raise
        finally:
            current.reset(token)
        self._end()
        return result

    def _context(self) -> ContextData:
        """Inside, it is still the calling task that runs; what it prints belongs to the helper's action."""
        here = current.get()
        task = here.task
        if isinstance(task, TaskContext):
            task = task.replace(action=replace(task.action, name=self._name), attempt_number=1)
        return replace(here, task=task, traced=self._func.__qualname__)

    def _begin(self, parent: str | None) -> None:
        run, now, name = self._live.scope.name, time.time(), self._func.__qualname__
        group = current.get().group
        self._live.emit(
            ActionQueued(
                run=run, action=self._name, time=now, task=name, name=self._func.__name__, parent=parent,
                group=group.name if group else None, what="trace",
            )
        )  # fmt: skip
        self._live.emit(AttemptStarted(run=run, action=self._name, time=now, attempt=1, place="trace"))

    def _end(self) -> None:
        self._live.emit(ActionSucceeded(run=self._live.scope.name, action=self._name, time=time.time()))

    def _fail(self, error: BaseException) -> None:
        failure = failure_of(error)
        run = self._live.scope.name
        self._live.emit(ActionFailed(run=run, action=self._name, time=time.time(), failure=failure))
        trim(error)
