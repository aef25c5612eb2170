"""Which names a function may ask for, with everything of the user's that it reaches."""

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing.origins import Origin, of_function, of_module
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate


def mentioned(func: Any) -> frozenset[str]:
    """Collect the names in the code of a function and of all of the user's code that it reaches.

    Of a module of the user's, only what has one of these names has to travel.
    """
    names: set[str] = set()
    known: set[int] = set()
    todo: list[Any] = [func]
    while todo:
        one = _code_of(todo.pop())
        if one is None or id(one) in known:
            continue
        known.add(id(one))
        if isinstance(one, type):
            todo += vars(one).copy().values()
            continue
        new = set(_names(one.__code__))
        names |= new
        todo += _reached(one, names)
    return frozenset(names)


def _code_of(value: Any) -> Any:
    """Give the function or class that a value stands for, if it is the user's."""
    if isinstance(value, AsyncFunctionTaskTemplate):
        value = value.func
    value = getattr(value, "__func__", value)
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, FunctionType):
        return value if of_function(value) is Origin.LOCAL else None
    return value if isinstance(value, type) and value.__module__ != "builtins" else None


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _reached(func: FunctionType, names: set[str]) -> Iterator[Any]:
    scope = func.__globals__
    for name in names & scope.keys():
        value = scope[name]
        if isinstance(value, ModuleType) and of_module(value) is Origin.LOCAL:
            yield from (found for key, found in vars(value).copy().items() if key in names)
        else:
            yield value
    for cell in func.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue  # it has no value yet
