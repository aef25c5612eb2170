"""Values of options, read from their text."""

import keyword
import re

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def seconds(text: str) -> float:
    """Read a length of time: ``90``, ``90s``, ``10m``, ``1h30m``.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    pieces = _PIECE.findall(text)
    if not pieces or "".join(n + unit for n, unit in pieces) != text:
        raise ValueError("a length of time is accepted, such as 90s, 10m or 1h30m")
    return sum(float(n) * _UNITS[unit] for n, unit in pieces)


def names(text: str) -> tuple[str, ...]:
    """Read names of variables with commas between them.

    Raises:
        ValueError: one is no such name, or there is none.
    """
    found = tuple(variable(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ValueError("names with commas between them are accepted, such as a,b")
    return found


def variable(text: str) -> str:
    """Read the name of a variable.

    Raises:
        ValueError: it is none.
    """
    if not text.isidentifier() or keyword.iskeyword(text):
        raise ValueError(f"{text!r} is not the name of a variable")
    return text


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=value``.

    Raises:
        ValueError: it is not of that form.
    """
    name, equals, value = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError("NAME=value is accepted")
    return name, value


def amount(text: str) -> str | tuple[str, str]:
    """Read an amount, or two with a comma: asked for, at most."""
    low, comma, high = text.partition(",")
    return (low.strip(), high.strip()) if comma else text


def count(text: str) -> int:
    """Read a whole number.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number is accepted, 0 or more")
    return int(text)


def some(text: str) -> int:
    """Read a whole number of things that there must be.

    Raises:
        ValueError: it is none, or zero.
    """
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError("a whole number is accepted, 1 or more")
    return int(text)


def accelerator(text: str) -> int | str:
    """Read a number of GPUs, or a kind with a number: ``1``, ``T4:2``."""
    return int(text) if text.isascii() and text.isdigit() else text
