"""Things that work with and without ``await``."""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from flyte_jupyter.loading import on_thread

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


class both(Generic[S, P, R]):  # noqa: N801 - a decorator
    """A method that blocks when called, and whose ``.aio`` awaits it on a thread.

    Args:
        func: the blocking method.
    """

    def __init__(self, func: Callable[Concatenate[S, P], R]) -> None:
        self._func = func
        self.__doc__ = func.__doc__

    def __get__(self, instance: S, owner: type[S]) -> "Both[P, R]":
        """Bind the method."""
        bound: Callable[P, R] = partial(self._func, instance)
        return Both(bound, self._func.__name__, self.__doc__)


class Both(Generic[P, R]):
    """A blocking call with an awaitable twin."""

    def __init__(self, func: Callable[P, R], name: str, doc: str | None) -> None:
        self._func = func
        self.__name__ = name
        self.__doc__ = doc

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do it and wait."""
        return self._func(*args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Wait without blocking the event loop."""
        return await on_thread(self._func, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.__name__}(), or await {self.__name__}.aio()>"


class Ready:
    """Something that is there already and may be awaited all the same."""

    def __await__(self) -> Generator[Any, None, Any]:
        yield from ()
        return self


class ActionOutputs(tuple[Any, ...], Ready):  # noqa: SLOT001 - it carries the names
    """What an action returned: a tuple whose elements also have names, ``o0``, ``o1``, ... or their own."""

    named_outputs: Mapping[str, Any]

    def __new__(cls, values: Mapping[str, Any]) -> Self:
        """Make it of values by name, in order."""
        made = super().__new__(cls, values.values())
        made.named_outputs = dict(values)
        return made

    def __getattr__(self, name: str) -> Any:
        named = self.__dict__.get("named_outputs", {})
        if name in named:
            return named[name]
        raise AttributeError(f"there is no output {name!r}; there are {', '.join(named) or 'none'}")

    def __repr__(self) -> str:
        return f"ActionOutputs({', '.join(f'{n}={v!r}' for n, v in self.named_outputs.items())})"


class ActionInputs(dict[str, Any], Ready):
    """What an action was called with, by parameter name."""
