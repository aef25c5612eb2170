"""Writes the code that a form stands for, and reads what a person filled in."""

from collections.abc import Mapping
from typing import Any

from flyte_jupyter.errors import DefinitionError

_NARROW = 88


def call(name: str, given: Mapping[str, Any]) -> str:
    """Write a call with the arguments that are not empty; on several lines where one is too long.

    Args:
        name: what is called.
        given: the arguments as code by their names; one without a name goes by its position.
    """
    words = [f"{key}={text}" if key else text for key, text in given.items() if text not in ("", None)]
    line = f"{name}({', '.join(words)})"
    if len(line) <= _NARROW:
        return line
    return "\n".join([f"{name}(", *(_indented(f"{word},") for word in words), ")"])


def text(value: Any) -> str:
    """Write a text as code; nothing for none."""
    return repr(str(value)) if str(value).strip() else ""


def amount(value: Any) -> str:
    """Write an amount as code: a number as it is, anything else as text."""
    found = str(value).strip()
    if not found:
        return ""
    low, comma, high = found.partition(",")
    if comma:
        return f"({amount(low)}, {amount(high)})"
    try:
        float(found)
    except ValueError:
        return repr(found)
    return found


def pairs(lines: str) -> str:
    """Write lines of ``NAME=value`` as a dictionary.

    Raises:
        DefinitionError: a line is not of that form.
    """
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name.strip().isidentifier():
            raise DefinitionError(f"{line!r} is no variable; NAME=value is accepted")
        found[name.strip()] = value.strip()
    return repr(found) if found else ""


def resources(values: Mapping[str, Any]) -> str:
    """Write what is asked of a machine; nothing if nothing is."""
    given = {name: amount(values.get(name, "")) for name in ("cpu", "memory", "gpu", "disk", "shm")}
    return call("flyte.Resources", given) if any(given.values()) else ""


def variable(value: Any) -> str:
    """Read the name of a variable.

    Raises:
        DefinitionError: it is none.
    """
    name = str(value).strip()
    if not name.isidentifier():
        raise DefinitionError(f"{name!r} cannot be a variable; letters, digits and _ are accepted")
    return name


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.splitlines())
