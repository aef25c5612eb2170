"""A short text for a captured value."""

import re
import reprlib
from typing import Any

from flyte_jupyter.tasks.slicing.origins import Origin, of_class

_LIMIT = 80
_WORDS = r"(?:pass(?:word|wd|phrase)|secret|token|api_?key|credential|private_?key)"
_SECRET = re.compile(rf"(?i){_WORDS}")
_NAMED_SECRET = re.compile(rf"(?i)({_WORDS}\w*['\"]?\s*[:=]\s*)b?(?:'[^']*'?|\"[^\"]*\"?)")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = _LIMIT


def shown(name: str, value: Any) -> str:
    """Write a value in a few words; never one that its name calls secret, never the content of a frame."""
    if _SECRET.search(name) and isinstance(value, str | bytes):
        return f"a secret {type(value).__name__}"
    cls = type(value)
    shape = getattr(value, "shape", None) if of_class(cls) is Origin.PACKAGE else None
    if isinstance(shape, tuple) and shape:
        return f"{cls.__name__} {' x '.join(map(str, shape))}"
    return _short(value)


def _short(value: Any) -> str:
    try:
        text = " ".join(_repr.repr(value).split())
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"a {type(value).__name__}"
    text = _ADDRESS.sub("", _NAMED_SECRET.sub(r"\1'...'", text))
    return text if len(text) <= _LIMIT else f"{text[: _LIMIT - 3]}..."
