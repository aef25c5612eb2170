"""``flyte.map``: one task over many inputs, in parallel, results in order."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any

from flyte_jupyter.engine.fan import AHEAD as _AHEAD
from flyte_jupyter.engine.fan import PATIENCE as _PATIENCE
from flyte_jupyter.engine.fan import THREADS as _THREADS
from flyte_jupyter.engine.fan import Fan, Items
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.context import group
from flyte_jupyter.tasks.template import TaskTemplate

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
            return _in_order(_on_loop(task, items, concurrency, name), return_exceptions=return_exceptions)
        return Fan(task, items, concurrency or _THREADS, name).results(return_exceptions=return_exceptions)

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
        limit = asyncio.Semaphore(concurrency or (_COROUTINES if inner.spec.is_async else _THREADS))
        items, pending = zip(*iterables, strict=False), deque[asyncio.Task[Any]]()
        try:
            while True:
                for args in itertools.islice(items, _AHEAD - len(pending)):
                    pending.append(asyncio.create_task(_limited(limit, task, args, name)))
                if not pending:
                    return
                first = pending.popleft()
                if return_exceptions:
                    yield (await asyncio.gather(first, return_exceptions=True))[0]
                else:
                    yield await first
        finally:
            for left in pending:
                left.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


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


def _in_order(futures: "Iterator[Future[Any]]", *, return_exceptions: bool) -> Iterator[Any]:
    with closing(futures):  # type: ignore[type-var] # both makers of futures are generators
        for future in futures:
            try:
                result = _outcome(future)
            except Exception as error:
                if not return_exceptions:
                    raise
                result = error
            yield result


def _outcome(future: "Future[Any]") -> Any:
    """Wait for a result; in small steps, so that stopping the run is noticed while waiting."""
    while True:
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            if future.done():
                return future.result()


def _on_loop(task: Any, items: Items, concurrency: int, name: str) -> "Iterator[Future[Any]]":
    """Start calls on the background loop, at most ``concurrency`` at once."""
    limit = asyncio.Semaphore(concurrency or _COROUTINES)
    pending = deque[Future[Any]]()
    try:
        while True:
            for args in itertools.islice(items, _AHEAD - len(pending)):
                pending.append(loop.submit(_limited(limit, task, args, name)))
            if not pending:
                return
            yield pending.popleft()
    finally:
        for left in pending:
            left.cancel()


async def _limited(limit: asyncio.Semaphore, task: Any, args: tuple[Any, ...], name: str) -> Any:
    async with limit:
        with group(name):
            if isinstance(task, partial):
                return await task.func.aio(*task.args, *args, **task.keywords)
            return await task.aio(*args)
