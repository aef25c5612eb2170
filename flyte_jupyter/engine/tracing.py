"""Helpers whose calls are recorded as actions of their own."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from flyte_jupyter.tasks.context import current

P = ParamSpec("P")
R = TypeVar("R")


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Record each call that a task makes of this helper: when, how long, and whether it failed.

    Outside of a run it is the plain function. A traced helper must not call tasks.
    """
    if inspect.iscoroutinefunction(func):

        @functools.wraps(func)
        async def traced_async(*args: P.args, **kwargs: P.kwargs) -> object:
            submit = current.get().submit
            if submit is None:
                return await func(*args, **kwargs)
            return await submit.trace(func, args, kwargs)

        return cast("Callable[P, R]", traced_async)

    @functools.wraps(func)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        submit = current.get().submit
        return func(*args, **kwargs) if submit is None else cast("R", submit.trace(func, args, kwargs))

    return traced
