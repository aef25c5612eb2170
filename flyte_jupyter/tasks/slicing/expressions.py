"""Values written as code, as far as that can be done without loss."""

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import logging
import math
import pathlib
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

_LARGEST = 100_000

Name = Callable[[object], str | None]
"""Give the expression for a class, function or module, None for data."""


class UnwritableError(Exception):
    """The value cannot be written as code; the message says what it is."""


def expression(value: Any, name: Name) -> str:
    """Write a value as an expression. Modules in it are imported under their name with an underscore before.

    Raises:
        UnwritableError: it, or something inside it, has no such form, or it is too long.
    """
    try:
        text = _write(value, name)
    except RecursionError as error:
        raise UnwritableError(f"a {type(value).__name__} that contains itself") from error
    if len(text) > _LARGEST:
        raise UnwritableError(f"a {type(value).__name__} of {len(text):,} characters")
    return text


def _write(value: Any, name: Name) -> str:
    cls = type(value)
    if cls is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or cls in (bool, int, float, complex, str, bytes) or value is Ellipsis:
        return repr(value)
    writer = _WRITERS.get(cls)
    if writer is not None:
        return writer(value, name)
    named = name(value)
    if named is not None:
        return named
    return _object(value, name)


def _object(value: Any, name: Name) -> str:
    cls = type(value)
    kind = name(cls)
    if kind is None:
        raise UnwritableError(f"a {cls.__name__}")
    if isinstance(value, enum.Enum) and isinstance(value.name, str) and value.name in cls.__members__:
        return f"{kind}[{value.name!r}]"
    if isinstance(value, pathlib.PurePath):
        return f"{kind}({str(value)!r})"
    if isinstance(value, logging.Logger) and name(logging) and value.name:
        return f"{name(logging)}.getLogger({value.name!r})"
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        return f"{kind}({_joined(value, name)})"
    if dataclasses.is_dataclass(value) and all(field.init for field in dataclasses.fields(value)):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{kind}({', '.join(f'{key}={_write(v, name)}' for key, v in fields.items())})"
    raise UnwritableError(f"a {cls.__name__}")


def _joined(items: Iterable[Any], name: Name) -> str:
    parts, size = [], 0
    for item in items:
        parts.append(_write(item, name))
        size += len(parts[-1])
        if size > _LARGEST:
            raise UnwritableError(f"a value of more than {_LARGEST:,} characters")
    return ", ".join(parts)


def _tuple(value: Any, name: Name) -> str:
    return f"({_joined(value, name)}{',' if len(value) == 1 else ''})"


def _set(value: Any, name: Name) -> str:
    inside = ", ".join(sorted(_joined([item], name) for item in value))
    return f"{{{inside}}}" if inside else "set()"


def _dict(value: Any, name: Name) -> str:
    return "{" + ", ".join(f"{_write(k, name)}: {_joined([v], name)}" for k, v in value.items()) + "}"


def _called(value: Any, name: Name) -> str:
    """Write what shows itself as a call of its class, once its module is known."""
    cls = type(value)
    zone = getattr(value, "tzinfo", None)
    kind = name(cls)
    if kind is None or zone not in (None, dt.UTC):
        raise UnwritableError(f"a {cls.__name__} in the time zone {zone}")
    text = repr(value)
    arguments = text[text.index("(") :]
    return kind + arguments.replace("datetime.timezone.utc", f"{name(dt.timezone)}.utc")


def _pattern(value: Any, name: Name) -> str:
    return f"{name(re.compile)}({value.pattern!r}, {int(value.flags)})"


_WRITERS: dict[type, Callable[[Any, Name], str]] = {
    list: lambda value, name: f"[{_joined(value, name)}]",
    tuple: _tuple,
    set: _set,
    frozenset: lambda value, name: f"frozenset({_set(value, name)})" if value else "frozenset()",
    dict: _dict,
    range: lambda value, _: repr(value),
    re.Pattern: _pattern,
    **dict.fromkeys(
        (dt.date, dt.datetime, dt.time, dt.timedelta, decimal.Decimal, fractions.Fraction, uuid.UUID), _called
    ),
}
