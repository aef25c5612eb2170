"""How a body in a worker calls tasks: the kernel's engine runs them."""

import inspect
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from flyte_jupyter.backends.called import Called, made_of, parts_of
from flyte_jupyter.backends.desk import Desk
from flyte_jupyter.backends.homing import unpack_homed
from flyte_jupyter.backends.parts import Parts
from flyte_jupyter.backends.pickling import NamesPickler, dumps_by_value
from flyte_jupyter.backends.raising import retold, told
from flyte_jupyter.backends.wire import Frame, Received
from flyte_jupyter.tasks.context import TaskContext, current
from flyte_jupyter.tasks.interface import Interface
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.holding import current_blobs, holding

AnyTask = TaskTemplate[..., Any]
_made: "WeakKeyDictionary[AnyTask, bytes]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Calls:
    """What one attempt calls; the ``Submit`` of its context.

    Args:
        desk: asks the kernel.
        attempt: the attempt's number on the wire.
        module: stands for the notebook.
    """

    desk: Desk
    attempt: int
    module: ModuleType

    def call(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Let the kernel run a task and wait here."""
        make, parts = self._question(task, args, kwargs)
        try:
            answer = self.desk.ask(make, parts.files)
        finally:
            parts.close()
        return self._result(task.interface, answer)

    async def acall(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Let the kernel run a task and await it."""
        make, parts = self._question(task, args, kwargs)
        try:
            answer = await self.desk.aask(make, parts.files)
        finally:
            parts.close()
        return self._result(task.interface, answer)

    def trace(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Record a helper's call as an action of its own."""
        if inspect.iscoroutinefunction(func):
            return self._atrace(func, args, kwargs)
        begun = self.desk.ask(self._begin(func))
        token = current.set(self._inside(func, begun))
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._end(begun, error)
            raise
        finally:
            current.reset(token)
        self._end(begun, None)
        return result

    async def _atrace(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        begun = await self.desk.aask(self._begin(func))
        token = current.set(self._inside(func, begun))
        try:
            result = await func(*args, **kwargs)
        except BaseException as error:
            self._end(begun, error)
            raise
        finally:
            current.reset(token)
        self._end(begun, None)
        return result

    def _begin(self, func: Callable[..., Any]) -> Callable[[int], Frame]:
        group = _group()
        return lambda number: ("trace", self.attempt, number, func.__qualname__, func.__name__, group)

    def _inside(self, func: Callable[..., Any], begun: Received) -> Any:
        here = current.get()
        task = here.task
        if isinstance(task, TaskContext):
            task = task.replace(action=replace(task.action, name=begun.frame[3]), attempt_number=1)
        return replace(here, task=task, traced=func.__qualname__)

    def _end(self, begun: Received, error: BaseException | None) -> None:
        failure = None if error is None else told(error, self.module.__name__, vars(self.module))
        self.desk.tell(("traced", self.attempt, begun.frame[1], failure))

    def _question(
        self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Callable[[int], Frame], Parts]:
        literals = task.interface.to_literals(args, kwargs)
        parts = Parts(_store())
        inputs = parts.send(literals, self.module.__name__, vars(self.module))
        target, changes = self._target(task)
        here = current.get()
        group, custom = _group(), dict(here.custom)

        def make(number: int) -> Frame:
            return ("call", self.attempt, number, target, changes, group, custom, inputs, parts.manifest)

        return make, parts

    def _target(self, task: AnyTask) -> tuple[str | int | bytes, bytes | None]:
        if isinstance(task, Called):
            return task.target, self._pickled(task.changes) if task.changes else None
        made = _made.get(task)
        if made is None:
            made = _made[task] = dumps_by_value((made_of, parts_of(task)), _whole)
        return made, None

    def _pickled(self, value: Any) -> bytes:
        file = io.BytesIO()
        NamesPickler(file, self.module.__name__, vars(self.module)).dump(value)
        return file.getvalue()

    def _result(self, interface: Interface, answer: Received) -> Any:
        ok, content = answer.frame[2], answer.frame[3]
        if not ok:
            raise retold(content, vars(self.module), "kernel")
        parts = Parts(_store(), answer.files, answer.frame[4])
        try:
            with holding(parts):
                return interface.outputs_from_literals(unpack_homed(content, vars(self.module)))
        finally:
            parts.close()


def _whole(_obj: Any) -> None:
    """Leave an object to pickling as it is."""


def _group() -> str | None:
    group = current.get().group
    return group.name if group else None


def _store() -> Any:
    blobs = current_blobs()
    return blobs.store if isinstance(blobs, Parts) else blobs
