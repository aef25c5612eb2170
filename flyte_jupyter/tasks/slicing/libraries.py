"""Code of packages and of Python itself: it counts by its name and its package's version."""

import os
import sys
from inspect import getattr_static
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

from flyte_jupyter.tasks.slicing import guards
from flyte_jupyter.tasks.slicing.origins import OUR_NAME, Origin, of_name
from flyte_jupyter.tasks.slicing.tasks import is_data

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk

_DESCRIPTORS = (
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)


def visit(walk: "Walk", value: object) -> str | None:
    """Name a library's function or descriptor, or what wraps a function of the user's; None for data."""
    name = name_of(value)
    if name is not None:
        return token(walk, getattr(value, "__module__", None) or type(value).__module__, name)
    if is_data(type(value)):
        return None
    wrapped = getattr_static(value, "__wrapped__", None)
    if wrapped is None or not callable(wrapped):
        return None
    walk.guards.same((guards.attribute, value, "__wrapped__"), wrapped)
    return f"{walk.refer(type(value))} of {walk.refer(wrapped)}"


def name_of(value: object) -> str | None:
    """Give the name of a function or descriptor that is written in C, or of the environment.

    Of that, the variables that the code reads count, each by itself.
    """
    if value is os.environ:
        return "environ"
    if isinstance(value, BuiltinFunctionType):
        owner = value.__self__
        return value.__qualname__ if owner is None or isinstance(owner, ModuleType) else None
    if isinstance(value, _DESCRIPTORS):
        return f"{value.__objclass__.__module__}.{value.__objclass__.__qualname__}.{value.__name__}"
    numpy: Any = sys.modules.get("numpy")
    return f"ufunc {value.__name__}" if numpy is not None and isinstance(value, numpy.ufunc) else None


def token(walk: "Walk", module: str | None, name: str) -> str:
    """Name a library's object, and count its package."""
    top = (module or "builtins").partition(".")[0]
    if top != OUR_NAME and of_name(module) is Origin.PACKAGE:
        walk.package(top)
    return f"{module}:{name}"


def function(walk: "Walk", func: FunctionType) -> str:
    """Name a library's function; one that was made around the user's code counts with that code.

    A decorator of a package gives such a function: its code is the package's, what it calls is not.
    """
    name = token(walk, func.__module__, func.__code__.co_qualname)
    if not func.__closure__:
        return name
    walk.reserve_token(func, name)
    inside = []
    for variable, cell in zip(func.__code__.co_freevars, func.__closure__, strict=True):
        place = (guards.content, cell, None)
        inside.append(
            walk.bind(guards.content(*place[1:]), f"{func.__qualname__}.{variable}", place, soft=True)
        )
    return f"{name}({', '.join(inside)})"
