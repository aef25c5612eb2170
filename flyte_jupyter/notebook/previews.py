"""A short picture of a user's value: never all of it, and never an error."""

import reprlib
import sys
from typing import Any

from flyte_jupyter.notebook.render.frames import frame_preview, frame_text
from flyte_jupyter.notebook.render.html import Html

_LIMIT = 2_000
_FRAMES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"))


def preview(value: Any) -> str:
    """Show a value: a frame as its first rows, anything else as its shortened ``repr``."""
    try:
        return frame_preview(value) if is_frame(value) else brief(value)
    except Exception as error:  # noqa: BLE001 - the user's own __repr__ may run here
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


def preview_text(value: Any) -> str:
    """Show a value in a terminal."""
    found = preview(value)
    return frame_text(value) if isinstance(found, Html) else found


def is_frame(value: Any) -> bool:
    """Whether a value is a frame of one of the libraries, none of which is imported for it."""
    return any(
        isinstance(value, getattr(sys.modules[library], name))
        for library, name in _FRAMES
        if library in sys.modules and hasattr(sys.modules[library], name)
    )


def brief(value: Any, limit: int = _LIMIT) -> str:
    """Write a value's ``repr``, of containers only their first elements, of text only its beginning."""
    text = _short.repr(value) if isinstance(value, _BOUNDED) else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


_BOUNDED = (str, bytes, list, tuple, dict, set, frozenset)
_short = reprlib.Repr()
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxfrozenset = 20
_short.maxstring = _short.maxother = _short.maxlong = 1_000
