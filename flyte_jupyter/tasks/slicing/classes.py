"""The parts that a class of the user's brings: its form, its methods, its attributes and its bases."""

import ast
import enum
import functools
from collections.abc import Iterator
from inspect import getattr_static
from types import FunctionType
from typing import TYPE_CHECKING, Any

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing import decorators, guards, libraries, snippets, texts
from flyte_jupyter.tasks.slicing.canonical import class_form, evaluated_names
from flyte_jupyter.tasks.slicing.functions import types_in
from flyte_jupyter.tasks.slicing.origins import Origin, of_class, of_function
from flyte_jupyter.tasks.slicing.part import Part

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk

_FIELDS = ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__")
"""Where libraries keep the fields that they took out of a class: with their defaults and factories."""


def visit(walk: "Walk", cls: type) -> str:
    """Make the parts of a class: one for itself, one for each method and plain attribute."""
    if of_class(cls) is not Origin.LOCAL:
        return libraries.token(walk, cls.__module__, cls.__qualname__)
    module = cls.__module__ if cls.__module__ != "builtins" else walk.home
    label = walk.reserve(cls, module, cls.__qualname__)
    walk.guards.sized(vars(cls))
    walk.guards.same((guards.attribute, cls, "__bases__"), cls.__bases__)
    snippet = snippets.of_class(cls)
    scope = walk.scope_of(module)
    members = dict(_members(walk, cls, label, generated=snippet is not None))
    kept = decorators.foreign(snippet, scope)
    form, names = "", set[str]()
    if snippet is not None and isinstance(snippet.node, ast.ClassDef):
        plain = {name for name, token in members.items() if token == f"{label}.{name}"}
        form = class_form(snippet.node, documented=_documented(cls, bool(kept)), without=plain)
        names = evaluated_names(snippet.node, without=plain)
    lines = [
        *(f"{name}<-{walk.in_scope(scope, name)}" for name in sorted(names) if name in scope),
        *(f"{name}={walk.content(*_entry(cls, name))}" for name in _FIELDS if name in vars(cls)),
        *(f"{name}={token}" for name, token in sorted(members.items())),
        *(f"base={walk.refer(base)}" for base in cls.__bases__ if base is not object),
        *(f"meta={walk.refer(meta)}" for meta in (type(cls),) if meta is not type),
        *(f"{name}:{token}" for name, token in _fields(walk, cls, scope)),
        *("=".join(decorators.binding(walk, node, scope)) for node in kept),
    ]
    found = (snippet.filename, snippet.line) if snippet else ("", 0)
    walk.fill(
        Part(
            name=label,
            kind="class",
            digest=digest("class", form, *lines),
            text=snippets.written(snippet) if snippet else "",
            where=texts.where(*found) if snippet else "",
            filename=found[0],
            line=found[1],
        )
    )
    return label


def _entry(cls: type, name: str) -> tuple[object, guards.Place]:
    return vars(cls)[name], (guards.entry, vars(cls), name)


def _members(walk: "Walk", cls: type, label: str, *, generated: bool) -> Iterator[tuple[str, str]]:
    """Name methods and attributes; not what Python or a decorator like dataclass generates from the form."""
    for name, value in vars(cls).copy().items():
        funcs = list(_functions(value))
        if funcs:
            walk.guards.same((guards.entry, vars(cls), name), value)
            mine = [f for f in funcs if _counts(f, generated=generated)]
            if mine:
                yield name, " ".join(walk.refer(f) or "" for f in mine)
        elif not (name.startswith("__") and name.endswith("__")) and not _kept_by_enum(cls, name):
            token = walk.bind(value, f"{label}.{name}", (guards.entry, vars(cls), name), soft=True)
            if token:
                yield name, token


def _kept_by_enum(cls: type, name: str) -> bool:
    """Tell whether an enum keeps its own books there: they follow from the members, and grow by look-ups."""
    return isinstance(cls, enum.EnumMeta) and name.startswith("_") and name.endswith("_")


def _functions(value: object) -> Iterator[object]:
    """Give the functions that a class's entry holds."""
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, staticmethod | classmethod):
        yield from _functions(value.__func__)
    elif isinstance(value, property):
        for func in (value.fget, value.fset, value.fdel):
            yield from _functions(func)
    elif isinstance(value, functools.cached_property):
        yield from _functions(value.func)
    elif callable(getattr_static(value, "__wrapped__", None)) and not isinstance(value, type):
        yield value


def _counts(func: object, *, generated: bool) -> bool:
    if not isinstance(func, FunctionType):
        return True
    made = func.__code__.co_filename.startswith("<") and not texts.is_cell(func.__code__.co_filename)
    return of_function(func) is Origin.LOCAL and not (generated and made)


def _fields(walk: "Walk", cls: type, scope: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, annotation in snippets.annotations(cls).items():
        yield name, f"{annotation!s} {' '.join(types_in(walk, annotation, scope))}"


def _documented(cls: type, decorated: bool) -> bool:
    """Tell whether the docstring may do something: a library that the class is for could read it."""
    return decorated or any(of_class(base) is Origin.PACKAGE for base in (*cls.__mro__, type(cls)))
