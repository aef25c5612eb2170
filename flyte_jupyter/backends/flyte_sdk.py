"""The official SDK, imported so that this process stays as it was."""

import sys
from contextlib import suppress

_hook = sys.excepthook
import flyte  # noqa: E402 - between two looks at what it replaces
import flyte.errors  # noqa: E402 - likewise

with suppress(ImportError):
    import flyte._status

sys.excepthook = _hook

__all__ = ["flyte", "speak_plainly"]


def speak_plainly() -> None:
    """Have it write its progress as text, in this context: in a notebook it would make displays of it.

    It has no public word for this; a version that has another way of speaking is left to it.
    """
    with suppress(AttributeError):
        flyte._status.set_output_mode("plain")  # noqa: SLF001
