"""A short text for a captured value."""

import re
import reprlib
import sys
from typing import Any

_LIMIT = 80
_SECRET = re.compile(r"(?i)(pass(word|wd|phrase)|secret|token|api_?key|credential|private_?key)")
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = _LIMIT


def shown(name: str, value: Any) -> str:
    """Write a value in a few words; never one that its name calls secret, never the content of a frame."""
    if _SECRET.search(name) and isinstance(value, str | bytes):
        return f"a secret {type(value).__name__}"
    cls = type(value)
    shape = getattr(value, "shape", None) if cls.__module__.partition(".")[0] in sys.modules else None
    if isinstance(shape, tuple) and not isinstance(value, int | float | complex):
        return f"{cls.__name__} {' x '.join(map(str, shape))}" if shape else _short(value)
    return _short(value)


def _short(value: Any) -> str:
    try:
        text = " ".join(_repr.repr(value).split())
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"a {type(value).__name__}"
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    return text if len(text) <= _LIMIT else f"{text[: _LIMIT - 3]}..."
