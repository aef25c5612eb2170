"""``flyte.map``: one task over many inputs, in parallel, results in order."""

import contextvars
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flyte_jupyter.engine.fan import THREADS, Fan, Items
from flyte_jupyter.engine.loop import loop, settled
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import asyncio
from flyte_jupyter.tasks.context import group
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from concurrent.futures import Future

C = TypeVar("C", bound="Future[Any] | asyncio.Task[Any]")

_COROUTINES = 1_000
"""Asynchronous bodies at once, where no concurrency is given."""


class Map:
    """Call it, or its ``aio``, with a task and iterables."""

    def __call__(
        self,
        task: Any,
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = False,
    ) -> Iterator[Any]:
        """Run a task once for each set of inputs and give the results in the order of the inputs.

        Args:
            task: a task, or a ``functools.partial`` of one.
            *iterables: taken together element by element, as by ``zip``; the shortest ends the map.
            group_name: the group that the actions are shown in; the task's short name if not given.
            concurrency: how many run at once; 0 leaves it to us.
            return_exceptions: give exceptions in place of results instead of raising the first.

        Raises:
            TypeError: it is no task, or there is nothing to map over.
            DefinitionError: concurrency is negative.
        """
        inner = _checked(task, iterables, concurrency)
        name, items = group_name or inner.short_name, zip(*iterables, strict=False)
        if inner.spec.is_async:
            return _on_loop(task, items, concurrency, name, return_exceptions=return_exceptions)
        return Fan(task, items, concurrency or THREADS, name).results(return_exceptions=return_exceptions)

    async def aio(
        self,
        task: Any,
        *iterables: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = False,
    ) -> AsyncIterator[Any]:
        """Do the same as an asynchronous iterator, without blocking the event loop."""
        inner = _checked(task, iterables, concurrency)
        name = group_name or inner.short_name
        most = concurrency or (_COROUTINES if inner.spec.is_async else THREADS)
        limit, calls = asyncio.Semaphore(most), zip(*iterables, strict=False)
        tasks = _ahead(calls, most, lambda args: asyncio.create_task(_limited(limit, task, args, name)))
        with closing(tasks):
            for call in tasks:
                try:
                    result = await call
                except Exception as error:
                    if not return_exceptions:
                        raise
                    result = error
                yield result


flyte_map = Map()


def _checked(task: Any, iterables: tuple[Iterable[Any], ...], concurrency: int) -> TaskTemplate[..., Any]:
    inner = task.func if isinstance(task, partial) else task
    if not isinstance(inner, TaskTemplate):
        raise TypeError(f"map runs a task, or a partial of one, not {task!r}; decorate it with @env.task")
    if not iterables:
        raise TypeError(f"map({inner.short_name}): there is nothing to map over; give one iterable per input")
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 0:
        raise DefinitionError(f"concurrency={concurrency!r}: give a number of actions at once, or 0")
    return inner


def _on_loop(
    task: Any, items: Items, concurrency: int, name: str, *, return_exceptions: bool
) -> Iterator[Any]:
    """Make calls on a background loop, at most ``concurrency`` at once, and wait for each here."""
    most = concurrency or _COROUTINES
    limit = asyncio.Semaphore(most)
    context = contextvars.copy_context()
    context.run(loop.avoid_this)
    futures = _ahead(items, most, lambda args: context.run(loop.submit, _limited(limit, task, args, name)))
    with closing(futures):
        for future in futures:
            try:
                result = settled(future)
            except Exception as error:
                if not return_exceptions:
                    raise
                result = error
            yield result


def _ahead(items: Items, most: int, start: Callable[[tuple[Any, ...]], C]) -> Generator[C, None, None]:
    """Start calls two rounds ahead of the one that is waited for; what is not waited for is cancelled."""
    started: deque[C] = deque()
    failure: Exception | None = None
    more = True
    try:
        while True:
            while more and len(started) < 2 * most:
                try:
                    started.append(start(next(items)))
                except StopIteration:
                    more = False
                except Exception as error:  # noqa: BLE001 - the user's iterable may do anything
                    more, failure = False, error  # raised after the results before it
            if not started:
                break
            yield started.popleft()
    finally:
        for left in started:
            left.cancel()
    if failure is not None:
        raise failure


async def _limited(limit: "asyncio.Semaphore", task: Any, args: tuple[Any, ...], name: str) -> Any:
    async with limit:
        with group(name):
            inner: Any = task.func if isinstance(task, partial) else task
            given, named = (task.args, task.keywords) if isinstance(task, partial) else ((), {})
            return await inner.aio(*given, *args, **named)
