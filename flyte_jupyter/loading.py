"""The one way to import late: by name, when a value or an option first asks for it."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flyte_jupyter.errors import InitializationError

__all__ = ["asyncio", "load", "on_thread", "pickletools", "shutil", "subprocess", "tempfile"]

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
        if error.name is None or f"{module}.".startswith(f"{error.name}."):
            raise
        what = f"flyte-jupyter[{extra}]" if extra else error.name
        raise InitializationError(f"{error.name} is not installed. Run: pip install '{what}'") from error
    return getattr(found, attribute) if attribute else found


class _Late:
    """Stands for a module, and imports it when something of it is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


if TYPE_CHECKING:
    import asyncio
    import pickletools
    import shutil
    import subprocess
    import tempfile
else:
    # A synchronous run in a script needs none of them, and no tenth of a second more for them.
    asyncio = _Late("asyncio")
    pickletools = _Late("pickletools")
    shutil = _Late("shutil")
    subprocess = _Late("subprocess")
    tempfile = _Late("tempfile")


async def on_thread(func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a blocking function on a thread, without blocking the event loop."""
    return await asyncio.to_thread(func, *args, **kwargs)
