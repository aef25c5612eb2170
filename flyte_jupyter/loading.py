"""The one way to import late: by name, when a value or an option first asks for it."""

import importlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from flyte_jupyter.errors import InitializationError

P = ParamSpec("P")
R = TypeVar("R")


def load(path: str, extra: str = "") -> Any:
    """Import ``"module"`` or ``"module:attribute"``.

    Args:
        path: an absolute module path, with the attribute after a colon if one is wanted.
        extra: the extra of this package that brings the module's libraries.

    Raises:
        InitializationError: a library that the module needs is not installed.
    """
    module, _, attribute = path.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.startswith(error.name):
            raise
        what = f"flyte-jupyter[{extra}]" if extra else error.name
        raise InitializationError(f"{error.name} is not installed. Run: pip install '{what}'") from error
    return getattr(found, attribute) if attribute else found


async def on_thread(func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a blocking function on a thread, without blocking the event loop.

    Definitions do not need an event loop, so ``asyncio`` is loaded only here.
    """
    return await load("asyncio:to_thread")(func, *args, **kwargs)  # type: ignore[no-any-return] # loaded late
