"""Asks the process that drives a run to stop it: a note in the store that the process looks for."""

from contextlib import suppress
from pathlib import Path

from flyte_jupyter.ids import digest
from flyte_jupyter.runs.store import RunStore

_FOLDER = "stop"

KERNEL = "kernel"
"""In the source of a run that a process of its own conducts: who asked for it, and may be gone."""


def ask_to_stop(store: RunStore, run: str) -> None:
    """Ask the process that drives a run to stop it; a kernel does so within a second, even a busy one."""
    note = _note(store, run)
    note.parent.mkdir(mode=0o700, exist_ok=True)
    note.touch(mode=0o600)


def is_asked_to_stop(store: RunStore, run: str) -> bool:
    """Whether somebody has asked for it."""
    return _note(store, run).exists()


def forget_asking(store: RunStore, run: str) -> None:
    """Take the note away: the run has ended, or nobody looks for notes."""
    with suppress(OSError):
        _note(store, run).unlink()


def _note(store: RunStore, run: str) -> Path:
    return store.folder / _FOLDER / digest("stop", run)
