"""Small checks and the short repr that the frozen definitions share."""

from collections.abc import Iterable
from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load


def not_one_of(what: str, value: object, accepted: Iterable[str]) -> DefinitionError:
    """Make the error for a value that is none of the accepted ones; it names them and the closest."""
    names = list(accepted)
    close = load("difflib:get_close_matches")(str(value), names, 1, 0.6)
    hint = f". Did you mean {close[0]!r}?" if close else ""
    return DefinitionError(f"{what}={value!r} is none of {', '.join(map(repr, names))}{hint}")


def wrong_type(what: str, value: object, expected: str) -> TypeError:
    """Make the error for a value of a wrong type."""
    return TypeError(f"{what}={value!r} is a {type(value).__name__}; give {expected}")


def text(what: str, value: object, example: str) -> str:
    """Check that a value is one non-empty line of text.

    Raises:
        TypeError: it is no text.
        DefinitionError: it is empty or holds control characters.
    """
    if not isinstance(value, str):
        raise wrong_type(what, value, f"text, such as {example!r}")
    if not value.strip() or any(ord(c) < ord(" ") or ord(c) == 127 for c in value):  # noqa: PLR2004 - DEL
        raise DefinitionError(f"{what}={value!r} must be one line of text, such as {example!r}")
    return value


def integer(what: str, value: object, least: int) -> int:
    """Check that a value is an integer, and not too small.

    Raises:
        TypeError: it is no integer; booleans are none.
        DefinitionError: it is less than ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(what, value, f"an integer of at least {least}")
    if value < least:
        raise DefinitionError(f"{what}={value} must be at least {least}")
    return value


def flag(what: str, value: object) -> bool:
    """Check that a value is a boolean.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, bool):
        raise wrong_type(what, value, "True or False")
    return value


def duration(what: str, value: object) -> timedelta:
    """Turn seconds or a timedelta into a timedelta.

    Raises:
        TypeError: it is neither.
        DefinitionError: it is negative, not a number, or longer than a timedelta can hold.
    """
    if isinstance(value, bool) or not isinstance(value, timedelta | int | float):
        raise wrong_type(what, value, "seconds or a timedelta, such as timedelta(minutes=5)")
    try:
        length = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise DefinitionError(
            f"{what}={value!r} is no length of time; give seconds or a timedelta"
        ) from error
    if length < timedelta(0):
        raise DefinitionError(f"{what}={value!r} is negative; give seconds or a timedelta of at least 0")
    return length


def shown(value: Any) -> str:
    """Write a definition as the call that makes it, without the fields that have their defaults."""
    return f"{type(value).__name__}({', '.join(_changed(value))})"


def _changed(value: Any) -> Iterable[str]:
    for field in fields(value):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        current = getattr(value, field.name)
        if field.repr and (default is MISSING or current != default):
            yield f"{field.name}={current!r}"
