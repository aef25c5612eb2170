"""How a running task calls another one: a spec with a deterministic name, conducted in the caller's way."""

import contextvars
import hashlib
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.secrets import recall
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.engine.cached import version_of
from flyte_jupyter.engine.live import LiveRun, inputs_packed
from flyte_jupyter.engine.loop import loop, settled
from flyte_jupyter.engine.traced import traced
from flyte_jupyter.ids import ActionID
from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.tasks.context import ContextData, current
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.engine import notice
from flyte_jupyter.types.literal import Literals

AnyTask = TaskTemplate[..., Any]
T = TypeVar("T")

_Place = tuple[str, str | None]
"""A task's name and the group that it is called in."""

_DEPTH = 25
"""Calls inside of each other that share a stack; each takes a dozen frames of it."""


_SHORT = 64
"""Bytes of packed inputs that stand for themselves in a name."""


class Calls:
    """What one action calls.

    The same call in the same place of a run has the same name, so running it again is the same action.

    Args:
        live: the run.
        parent: the calling action; None makes the root.
        depth: how many actions called each other until here.
    """

    __slots__ = ("_begun", "_depth", "_live", "_parent", "_seen")

    def __init__(self, live: LiveRun, parent: str | None, depth: int = 0) -> None:
        self._live = live
        self._parent = parent
        self._depth = depth
        self._seen: dict[tuple[_Place, bytes], itertools.count[int]] = {}
        self._begun: dict[_Place, hashlib.blake2b] = {}

    def call(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run to the end on this thread, or wait for it here."""
        body = bodies.cover_current()
        try:
            with loop.beside():
                spec = self.spec(task, args, kwargs)
                if self._is_deep() and self._live.is_inline(spec):
                    outputs = _on_new_stack(lambda: self._live.conducted(spec))
                else:
                    outputs = self._live.conducted(spec)
                return spec.task.interface.outputs_from_literals(outputs)
        finally:
            bodies.uncover(body)

    async def acall(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run on the loop that is running."""
        spec = self.spec(task, args, kwargs)
        conducted = self._live.calling(spec)
        outputs = await (asyncio.create_task(conducted) if self._is_deep() else conducted)
        return spec.task.interface.outputs_from_literals(outputs)

    def trace(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Record a helper's call as an action of its own."""
        name = self._name(f"trace {func.__qualname__}", b"")
        return traced(self._live, self._parent, name, func)(*args, **kwargs)

    def spec(self, task: AnyTask, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ActionSpec:
        """Make the spec of a call."""
        kind = task.spec
        capture.flush(current.get().task)
        if self._parent is None:
            notice()
        if kind.secrets:
            recall(kind.secrets)  # before anything of the call is put on record
        return self.of(kind, kind.interface.to_literals(args, kwargs))

    def of(self, kind: TaskSpec, inputs: Literals) -> ActionSpec:
        """Make the spec of a call whose inputs are checked."""
        live, here = self._live, current.get()
        packed = inputs_packed(kind, inputs, live)
        name = ROOT if self._parent is None else self._name(kind.name, packed)
        cached = kind.cache.is_enabled and not live.scope.disable_cache
        return ActionSpec(
            id=ActionID(name, live.scope.name, live.scope.project, live.scope.domain),
            task=kind,
            inputs=inputs,
            run=live.scope,
            context=ContextData(None, here.group, here.custom, Calls(live, name, self._depth + 1), None),
            parent=self._parent,
            version=version_of(kind, live.scope.env_vars) if cached else "",
            packed=packed,
        )

    def _name(self, task: str, inputs: bytes) -> str:
        group = current.get().group
        place = (task, group.name if group else None)
        short = inputs if len(inputs) <= _SHORT else hashlib.blake2b(inputs).digest()
        # Counted among equal calls only, so that threads in any order give the same names. Both steps are
        # atomic under the interpreter's lock.
        counter = self._seen.setdefault((place, short), itertools.count(1))
        name = (self._begun.get(place) or self._begin(place)).copy()
        name.update(b", %d)%b" % (next(counter), short))
        return name.hexdigest()

    def _begin(self, place: _Place) -> hashlib.blake2b:
        """Hash what all calls in one place have in common.

        The text of a tuple tells where it ends, so no two calls can make the same bytes.
        """
        text = repr((self._parent, place))[:-1].encode("utf-8", "surrogatepass")
        made = self._begun[place] = hashlib.blake2b(text, digest_size=13)
        return made

    def _is_deep(self) -> bool:
        return self._depth % _DEPTH == _DEPTH - 1


def _on_new_stack(work: Callable[[], T]) -> T:
    """Do work on another thread while this one waits, so that calls can go deeper than one stack allows."""
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            future.set_exception(error)

    threads.start(run)
    return settled(future)
