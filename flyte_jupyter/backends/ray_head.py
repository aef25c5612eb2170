"""The process of a head that was started for this package: whether it is still the one, and its end."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def began_at(pid: int) -> str:
    """Tell when a process began: another one of its number is not taken for it. Empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def end(pid: int, began: str) -> None:
    """End a head with all of its processes."""
    if began and began_at(pid) == began:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)
