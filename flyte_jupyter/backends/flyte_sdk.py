"""The official SDK, imported so that this process stays as it was."""

import logging
import sys

_hook = sys.excepthook
import flyte  # noqa: E402 - between two looks at what it replaces

sys.excepthook = _hook

__all__ = ["flyte", "quiet"]


def quiet() -> int:
    """Give the level of logs at which the SDK's own lines stay out of a task's log."""
    return logging.CRITICAL
