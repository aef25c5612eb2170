"""Tasks that a function calls, and other objects of ours that it may mention."""

from collections.abc import Callable
from inspect import getattr_static
from typing import TYPE_CHECKING, Any

from flyte_jupyter.tasks.slicing import guards
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.origins import OUR_NAME, Origin, of_class

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk


def visit(walk: "Walk", value: object) -> str | None:
    """Name a task with its function, which counts too; an environment by its name; None for other things.

    A parent's result changes when a child's body does, so the child's parts are the parent's as well. The
    child's options (resources, retries) are not.
    """
    if is_data(type(value)):
        return None
    func = function_of(value)
    if func is not None:
        walk.guards.same((guards.attribute, value, "func"), func)
        return f"task {getattr(value, 'name', '')} {walk.refer(func)} {_plugin(walk, value)}"
    return _definition(value)


_CODE = ("func", "__wrapped__", "__call__")
_data = Held(4096)


def is_data(cls: type) -> bool:
    """Tell whether values of a type cannot be tasks or wrappers: they have no attributes of their own."""
    found: bool = _data.once(
        cls, lambda: not (cls.__dictoffset__ or any(hasattr(cls, name) for name in _CODE))
    )
    return found


def function_of(value: object) -> Callable[..., Any] | None:
    """Give the function of a task: of anything with ``func`` and ``name``."""
    if is_data(type(value)) or getattr_static(value, "func", None) is None:
        return None
    if getattr_static(value, "name", None) is None:
        return None
    func = getattr(value, "func", None)
    return func if callable(func) and isinstance(getattr(value, "name", None), str) else None


def _plugin(walk: "Walk", value: object) -> str | None:
    """Name the class of a task if it is the user's: its hooks are the task's code, too."""
    return walk.refer(type(value)) if of_class(type(value)) is Origin.LOCAL else None


def _definition(value: object) -> str | None:
    """Name an environment, or a task that is deployed elsewhere: what is inside does not count here."""
    cls = type(value)
    ours = any(base.__module__.partition(".")[0] == OUR_NAME for base in cls.__mro__)
    if ours and (hasattr(cls, "add_dependency") or hasattr(cls, "override")):
        return f"{cls.__name__} {getattr(value, 'name', '')}"
    return None
