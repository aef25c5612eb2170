"""Tasks that a function calls, and other objects of ours that it may mention."""

from collections.abc import Callable
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from flyte_jupyter.tasks.slicing import guards
from flyte_jupyter.tasks.slicing.origins import OUR_NAME

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk


def visit(walk: "Walk", value: object) -> str | None:
    """Name a task with its function, which counts too; an environment by its name; None for other things.

    A parent's result changes when a child's body does, so the child's parts are the parent's as well. The
    child's options (resources, retries) are not.
    """
    func = function_of(value)
    if func is not None:
        walk.guards.same((guards.attribute, value, "func"), func)
        return f"task {getattr(value, 'name', '')} {walk.refer(func)}"
    cls = type(value)
    if cls.__module__.partition(".")[0] == OUR_NAME and isinstance(getattr_static(value, "name", None), str):
        return f"{cls.__name__} {getattr(value, 'name', '')}"
    return None


def function_of(value: object) -> Callable[..., Any] | None:
    """Give the function of a task: of anything with ``func`` and ``name``."""
    cls = type(value)
    if cls.__module__ == "builtins" or getattr_static(value, "func", None) is None:
        return None
    if getattr_static(value, "name", None) is None:
        return None
    func = getattr(value, "func", None)
    return func if callable(func) and isinstance(getattr(value, "name", None), str) else None
