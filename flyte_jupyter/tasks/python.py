"""Python versions and platforms that an image may have."""

import os
import re
import sys

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import not_one_of, text, wrong_type

OLDEST = (3, 8)
"""The oldest Python that an image may have."""

OLDEST_OF_OURS = (3, 11)
"""The oldest Python that can run this package's tasks."""

PLATFORMS = ("linux/amd64", "linux/arm64")
"""The platforms that images are built for."""

_PAIR = 2
_NEWEST = (3, 14)


def newest() -> tuple[int, int]:
    """Give the newest Python that an image may have: 3.14, or the running one if it is newer."""
    return max(_NEWEST, (sys.version_info[0], sys.version_info[1]))


def version(value: "tuple[int, ...] | str | None", least: tuple[int, int] = OLDEST) -> tuple[int, int]:
    """Read (3, 11) or "3.11"; None is the running Python.

    Raises:
        TypeError: it is neither a tuple of integers nor text.
        DefinitionError: there is no such version, or it is too old.
    """
    if value is None:
        value = sys.version_info[:2]
    if isinstance(value, str):
        value = tuple(
            int(part) if part.isdecimal() and part.isascii() else -1 for part in value[:9].split(".")
        )
    if not isinstance(value, tuple | list) or not all(type(part) is int for part in value):
        raise wrong_type("python_version", value, 'for example (3, 11) or "3.11"')
    found = tuple(value)
    if len(found) != _PAIR or not least <= found <= newest():
        oldest, latest = (".".join(map(str, v)) for v in (least, newest()))
        raise DefinitionError(f"python_version={value!r} must be major and minor, from {oldest} to {latest}")
    return found[0], found[1]


def release(value: object) -> str:
    """Check the number of a release, such as "0.1.0".

    Raises:
        TypeError: it is no text.
        DefinitionError: it is no such number.
    """
    number = text("flyte_version", value, "0.1.0")
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", number):
        raise DefinitionError(f"flyte_version={value!r} must be the number of a release, such as '0.1.0'")
    return number


def platforms(value: "str | tuple[str, ...] | None") -> tuple[str, ...]:
    """Read one platform or several; None is the platform of this machine.

    Raises:
        TypeError: it is neither text nor a tuple of it.
        DefinitionError: an unknown platform.
    """
    if value is None:
        return (machine(),)
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise wrong_type("platform", value, f"one or several of {', '.join(PLATFORMS)}")
    for name in names:
        if name not in PLATFORMS:
            raise not_one_of("platform", name, PLATFORMS)
    return tuple(sorted(set(names)))


def machine() -> str:
    """Give the platform that containers have on this machine."""
    name = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return "linux/arm64" if name.lower() in ("arm64", "aarch64") else "linux/amd64"
