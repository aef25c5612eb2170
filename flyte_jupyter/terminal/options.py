"""Values of the commands' options, read from their text."""

import argparse
import re

from flyte_jupyter.runs.state import Phase

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def length(text: str) -> float:
    """Read a length of time in seconds: ``30m``, ``7d``.

    Raises:
        ArgumentTypeError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time, such as 30m, 12h or 7d")
    return float(found[1]) * _SECONDS[found[2]]


def size(text: str) -> int:
    """Read a number of bytes: ``500M``.

    Raises:
        ArgumentTypeError: it is none.
    """
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)b?", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 500M or 20G")
    return int(found[1]) * _BYTES[found[2]]


def count(text: str) -> int:
    """Read a whole number from 0.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; a whole number from 0 is accepted")
    return int(text)


def phase(text: str) -> str:
    """Read the name of a phase.

    Raises:
        ArgumentTypeError: it is none.
    """
    name = text.strip().upper().replace("-", "_").replace(" ", "_")
    if name not in Phase.__members__:
        accepted = ", ".join(phase.lower() for phase in Phase)
        raise argparse.ArgumentTypeError(f"{text!r} is no phase; accepted are {accepted}")
    return name
