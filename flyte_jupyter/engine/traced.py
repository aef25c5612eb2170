"""One call of a traced helper: recorded as an action, while it is still the calling task that runs."""

import functools
import inspect
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from flyte_jupyter.backends.capture import capture
from flyte_jupyter.engine.live import LiveRun
from flyte_jupyter.runs.events import ActionQueued, ActionSucceeded, AttemptStarted
from flyte_jupyter.tasks.context import ContextData, TaskContext, current


def traced(live: LiveRun, parent: str | None, name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    """Make the function that calls ``func`` once and records it under ``name``.

    What it prints belongs to the helper's action. A generator's action lasts from its first step to its last.
    """
    recorded = functools.partial(_recorded, live, parent, name, func)
    if inspect.iscoroutinefunction(func):
        return functools.partial(_awaited, recorded, func)
    if inspect.isgeneratorfunction(func):
        return functools.partial(_stepped, recorded, func)
    if inspect.isasyncgenfunction(func):
        return functools.partial(_astepped, recorded, func)
    return functools.partial(_called, recorded, func)


Recorded = Callable[[], Any]


def _called(recorded: Recorded, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with recorded() as inside, _being(inside):
        return func(*args, **kwargs)


async def _awaited(recorded: Recorded, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with recorded() as inside, _being(inside):
        return await func(*args, **kwargs)


def _stepped(
    recorded: Recorded, func: Callable[..., Any], *args: Any, **kwargs: Any
) -> Generator[Any, None, Any]:
    with recorded() as inside:
        steps = func(*args, **kwargs)
        try:
            while True:
                with _being(inside):  # not while the caller has its turn
                    try:
                        step = next(steps)
                    except StopIteration as end:
                        return end.value
                yield step
        finally:
            steps.close()


async def _astepped(
    recorded: Recorded, func: Callable[..., Any], *args: Any, **kwargs: Any
) -> AsyncIterator[Any]:
    with recorded() as inside:
        steps = func(*args, **kwargs)
        try:
            while True:
                with _being(inside):
                    try:
                        step = await anext(steps)
                    except StopAsyncIteration:
                        return
                yield step
        finally:
            await steps.aclose()


@contextmanager
def _being(inside: ContextData) -> Iterator[None]:
    token = current.set(inside)
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def _recorded(
    live: LiveRun, parent: str | None, name: str, func: Callable[..., Any]
) -> Iterator[ContextData]:
    here = current.get()
    task = here.task
    if isinstance(task, TaskContext):
        task = task.replace(action=replace(task.action, name=name), attempt_number=1)
    run, now = live.scope.name, time.time()
    live.begin(name)
    live.emit(
        ActionQueued(
            run=run, action=name, time=now, task=func.__qualname__, name=func.__name__, parent=parent,
            group=here.group.name if here.group else None, what="trace",
        )
    )  # fmt: skip
    live.emit(AttemptStarted(run=run, action=name, time=now, attempt=1, place="trace"))
    try:
        yield replace(here, task=task, traced=func.__qualname__)
    except GeneratorExit:
        _succeed(live, name)  # the caller has had enough of a generator
        raise
    except BaseException as error:
        live.fail(name, error)
        raise
    else:
        _succeed(live, name)
    finally:
        capture.finish(task)


def _succeed(live: LiveRun, name: str) -> None:
    if live.end(name):
        live.emit(ActionSucceeded(run=live.scope.name, action=name, time=time.time()))
