"""Kubernetes quantities: what "500m" of CPU and "1Gi" of memory are, exactly.

Cores are counted in thousandths, sizes in bytes. Besides the units of Kubernetes, the spellings with a ``B``
("10GiB", "500MB") are read; ``cpu_text`` and ``size_text`` write the canonical Kubernetes form.
"""

import re

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import wrong_type

_FORM = r"([0-9]{0,30})(?:\.([0-9]{0,30}))?(?:[eE]([+-]?[0-9]{1,2}))?([A-Za-z]*)"
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_SIZES = {"": 1, "B": 1} | _DECIMAL | _BINARY | {u + "B": n for u, n in (_DECIMAL | _BINARY).items()}
_SIZES["KB"] = _DECIMAL["k"]
_LARGEST = 2**63 - 1
"""Kubernetes keeps quantities in 64 bits."""


def millicores(value: object, what: str = "cpu") -> int:
    """Read an amount of CPU: 2, 0.5, "2", "0.5" or "500m".

    Args:
        value: cores as a number, or text in Kubernetes' form.
        what: the name of the parameter, for messages.

    Returns:
        Thousandths of a core.

    Raises:
        TypeError: it is neither a number nor text.
        DefinitionError: it is no amount of CPU, or finer than a thousandth.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong_type(what, value, 'a number of cores or text such as "500m"')
    advice = (
        f'{what}={value!r} is no amount of CPU; give cores such as 2, 0.5, "0.5", or thousandths as "500m"'
    )
    digits, divisor, unit = _parsed(str(value), advice)
    if unit not in ("", "m"):
        raise DefinitionError(advice)
    thousandths, rest = divmod(digits * (1 if unit else 1000), divisor)
    if rest or thousandths > _LARGEST:
        raise DefinitionError(f"{advice}; nothing is finer than 1m")
    return thousandths


def size(value: object, what: str = "memory") -> int:
    """Read a size: "512Mi", "1.5Gi", "10GiB" or "2G".

    Args:
        value: text in Kubernetes' form.
        what: the name of the parameter, for messages.

    Returns:
        Bytes, more than 0.

    Raises:
        TypeError: it is no text; a bare number does not say its unit.
        DefinitionError: it is no size, or not a whole number of bytes.
    """
    if not isinstance(value, str):
        raise wrong_type(what, value, 'text with a unit, such as "512Mi" or "4Gi"')
    advice = f'{what}={value!r} is no size; give text such as "512Mi", "4Gi", "10GiB" or "2G"'
    digits, divisor, unit = _parsed(value, advice)
    if unit not in _SIZES:
        raise DefinitionError(advice + _closest(unit))
    count, rest = divmod(digits * _SIZES[unit], divisor)
    if rest or not 0 < count <= _LARGEST:
        raise DefinitionError(f"{advice}; a whole number of bytes, more than 0 and less than 8Ei")
    return count


def cpu_text(thousandths: int) -> str:
    """Write thousandths of a core in Kubernetes' form: whole cores, or "500m"."""
    cores, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(cores)


def size_text(count: int) -> str:
    """Write bytes in Kubernetes' form, with the unit that makes it shortest; a binary one of two."""
    units = {"": 1} | _DECIMAL | _BINARY
    forms = [f"{count // n}{unit}" for unit, n in units.items() if count % n == 0]
    return min(reversed(forms), key=len) if count else "0"


def _parsed(text: str, advice: str) -> tuple[int, int, str]:
    """Split text into an integer, the power of ten that divides it, and a unit."""
    match = re.fullmatch(_FORM, text.strip())
    if match is None:
        raise DefinitionError(advice)
    whole, part, exponent, unit = (group or "" for group in match.groups())
    if not whole + part or (exponent and unit):
        raise DefinitionError(advice)
    power = int(exponent or 0) - len(part)
    return int(whole + part) * 10 ** max(power, 0), 10 ** max(-power, 0), unit


def _closest(unit: str) -> str:
    """Suggest the units that differ by case or the i; "m", a thousandth, is hardly ever meant of bytes."""
    given = unit.lower()
    same = [u for u in _SIZES if u and given in (u.lower(), u.lower().replace("i", ""))]
    return f". Did you mean the unit {' or '.join(map(repr, same))}?" if same else ""
