"""The official SDK, imported so that this process stays as it was."""

import sys

_hook = sys.excepthook
import flyte  # noqa: E402 - between two looks at what it replaces
import flyte.errors  # noqa: E402 - likewise

sys.excepthook = _hook

__all__ = ["flyte"]
