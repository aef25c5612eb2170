"""Helpers whose calls are recorded as actions of their own."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from flyte_jupyter.tasks.context import current
from flyte_jupyter.tasks.template import TaskTemplate

P = ParamSpec("P")
R = TypeVar("R")


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Record each call that a task makes of this helper: when, how long, and whether it failed.

    The helper may be asynchronous, a generator, or both. Outside of a run it is the plain function. A traced
    helper must not call tasks.

    Raises:
        TypeError: it is a task, which is recorded anyway, or no function.
    """
    if isinstance(func, TaskTemplate):
        raise TypeError(f"{func.name} is a task, whose calls are recorded anyway; take @trace away")
    if not callable(func) or not hasattr(func, "__qualname__"):
        raise TypeError(f"@trace decorates a function, not {func!r}")

    if inspect.iscoroutinefunction(func):

        @functools.wraps(func)
        async def traced_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            return await _called(func, args, kwargs)

        return cast("Callable[P, R]", traced_async)

    @functools.wraps(func)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", _called(func, args, kwargs))

    return traced


def _called(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    submit = current.get().submit
    return func(*args, **kwargs) if submit is None else submit.trace(func, args, kwargs)
