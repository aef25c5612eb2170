"""The inputs of a task as fields of a form, and what the fields hold as code: by their types."""

import dataclasses
import datetime as dt
import enum
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from flyte_jupyter.notebook.panels import coding
from flyte_jupyter.notebook.panels.form import Field, Values
from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir

MISSING = inspect.Parameter.empty

_NUMBERS = (int, float)
_PLACES = {File: "flyte.io.File", Dir: "flyte.io.Dir"}
_DEEPEST = 3

Named = Callable[[type], str]
"""Gives what the notebook calls a class."""


def fields(name: str, kind: Any, default: Any, deep: int = 0) -> Iterator[Field]:
    """Give the fields of an input: one, or those of each part of a dataclass.

    Args:
        name: what it is called.
        kind: its type.
        default: its value at first; ``MISSING`` for none.
        deep: how many dataclasses it is in.
    """
    if not _opens(kind, default, deep):
        yield _field(name, kind, default)
        return
    for part, inner, first in _parts(kind, default):
        yield from fields(f"{name}.{part}", inner, first, deep + 1)


def code(name: str, kind: Any, default: Any, values: Values, named: Named, deep: int = 0) -> str:
    """Write what the fields of an input hold as code; nothing where they hold nothing."""
    if not _opens(kind, default, deep):
        return _code(values[name], kind, default, named)
    parts = {
        part: code(f"{name}.{part}", inner, first, values, named, deep + 1)
        for part, inner, first in _parts(kind, default)
    }
    return coding.call(named(kind), parts)


def classes(kind: Any, default: Any, deep: int = 0) -> Iterator[type]:
    """Give the classes whose names the code of an input has."""
    if _opens(kind, default, deep):
        yield kind
        for _, inner, first in _parts(kind, default):
            yield from classes(inner, first, deep + 1)
    elif _is_enum(kind) or _is_moment(kind, default):
        yield kind


def _opens(kind: Any, default: Any, deep: int) -> bool:
    """Whether an input is shown by its parts."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)) or deep >= _DEEPEST:
        return False
    return (default is MISSING or type(default) is kind) and _hints(kind) is not None


def _hints(kind: type) -> dict[str, Any] | None:
    """Give the types of a dataclass's parts; None where they cannot be found out."""
    with suppress(NameError, TypeError):
        return get_type_hints(kind)
    return None


def _parts(kind: Any, default: Any) -> Iterator[tuple[str, Any, Any]]:
    """Give the name, the type and the first value of each part of a dataclass."""
    types = _hints(kind) or {}
    for part in dataclasses.fields(kind):
        if part.init:
            yield part.name, types[part.name], _first(part, default)


def _first(part: "dataclasses.Field[Any]", default: Any) -> Any:
    if default is not MISSING:
        return getattr(default, part.name)
    if part.default_factory is not dataclasses.MISSING:
        return part.default_factory()
    return MISSING if part.default is dataclasses.MISSING else part.default


def _field(name: str, kind: Any, default: Any) -> Field:
    is_missing = default is MISSING
    value = "" if is_missing else default
    help_text = getattr(kind, "__name__", str(kind))
    if kind is bool:
        return Field(name=name, label=name, kind="check", value=bool(value), help=help_text)
    if choices := _choices(kind):
        first = value.name if isinstance(value, enum.Enum) else str(value) or choices[0]
        return Field(name=name, label=name, kind="choice", value=first, choices=choices)
    if kind in _NUMBERS:
        return Field(name=name, label=name, kind="number", value=str(value), help=help_text)
    if _is_moment(kind, default):
        shown = "" if is_missing else default.isoformat()
        return Field(name=name, label=name, kind="date" if kind is dt.date else "moment", value=shown)
    if _is_place(kind, default):
        return Field(name=name, label=name, help="a path")
    shown = value if kind is str else "" if is_missing else repr(value)
    help_text = help_text if kind is str else f"{help_text}: code, as in a cell"
    return Field(name=name, label=name, value=shown, help=help_text)


def _code(value: Any, kind: Any, default: Any, named: Named) -> str:
    if kind is bool:
        return repr(value is True)
    if _is_enum(kind):
        return f"{named(kind)}.{value}"
    if kind is str or get_origin(kind) is Literal:
        return repr(next((choice for choice in get_args(kind) if str(choice) == value), str(value)))
    text = str(value).strip()
    if text and _is_moment(kind, default):
        return _moment(kind.fromisoformat(text), named(kind))
    if text and _is_place(kind, default):
        path = str(Path(text).expanduser()) if text.startswith("~") else text
        return f"{_PLACES[get_origin(kind) or kind]}(path={path!r})"
    return text


def _moment(value: dt.date, name: str) -> str:
    parts = repr(value).partition("(")[2]
    return f"{name}({parts}"


def _choices(kind: Any) -> tuple[str, ...]:
    if _is_enum(kind):
        return tuple(member.name for member in kind)
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _is_moment(kind: Any, default: Any) -> bool:
    """Whether it is a date, or a time without a zone, which a browser has fields for."""
    fits = default is MISSING or (type(default) is kind and getattr(default, "tzinfo", None) is None)
    return kind in (dt.date, dt.datetime) and fits


def _is_place(kind: Any, default: Any) -> bool:
    return (get_origin(kind) or kind) in _PLACES and default is MISSING
