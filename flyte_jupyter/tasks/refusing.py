"""Which callables cannot be tasks: why, and what to write instead."""

import inspect
from collections.abc import Callable
from typing import Any

from flyte_jupyter.errors import DefinitionError

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def check_class(func: Callable[..., Any], name: str) -> None:
    """Refuse a class, whatever its signature.

    Raises:
        DefinitionError: it is one.
    """
    if inspect.isclass(func):
        raise DefinitionError(f"{name}: {func.__name__} is a class; write a function that makes the object")


def check(func: Callable[..., Any], signature: inspect.Signature, name: str) -> None:
    """Refuse what could be called, but not as a task.

    Args:
        func: what would be the task's function.
        signature: its signature.
        name: the task's name.

    Raises:
        DefinitionError: it gives its values one by one, needs an object, or has inputs without names.
    """
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise DefinitionError(
            f"{name} yields its values one by one, and a task returns once; return a list instead"
        )
    if method := _method(func, signature):
        raise DefinitionError(
            f"{name}: {method} is a method, and a task is called without an object; write a function outside "
            "of the class that takes the object, or what it needs of it, as an input"
        )
    check_named(signature, name)


def check_named(signature: inspect.Signature, name: str) -> None:
    """Refuse inputs without names.

    Raises:
        DefinitionError: there is ``*args`` or ``**kwargs``.
    """
    variadic = next((p for p in signature.parameters.values() if p.kind in _VARIADIC), None)
    if variadic is not None:
        raise DefinitionError(f"{name}: parameter {variadic} has no fixed name; name each input of a task")


def _method(func: Callable[..., Any], signature: inspect.Signature) -> str:
    """Name the method that a function of a class's body is; empty for all others."""
    qualified = "" if inspect.ismethod(func) else str(getattr(inspect.unwrap(func), "__qualname__", ""))
    owner = qualified.rpartition(".")[0]
    if not owner or owner.endswith("<locals>") or not inspect.isfunction(inspect.unwrap(func)):
        return ""
    first = next(iter(signature.parameters), "")
    return qualified.rpartition("<locals>.")[2] if first in ("self", "cls") else ""
