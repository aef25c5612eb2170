"""The code of the tasks that a run meets, noted once a run: what a later run can be compared with."""

import time
from collections.abc import Callable
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import StoreError
from flyte_jupyter.runs.code import is_blob, packed
from flyte_jupyter.runs.events import ROOT, Emit, TaskSeen
from flyte_jupyter.tasks.slicing import walk  # noqa: F401 - every run slices: it comes with the engine
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.source import Slice, slice_of
from flyte_jupyter.tasks.spec import ActionSpec

_CHEAP = 0.005
_SHARE = 100
"""A slice that takes longer than the cheap seconds (large captured values are hashed each time) is made again
only after so many times its duration, so that many short runs in a row do not pay for it."""

Func = Callable[..., Any]

_costs = Held(512)
_packed = Held(512)  # by slice, which is the same one as long as nothing has changed


class Seen:
    """Notes the code of each task of one run.

    Args:
        run: the run's name.
        emit: takes the events.
        blobs: where many parts go.
    """

    def __init__(self, run: str, emit: Emit, blobs: BlobStore) -> None:
        self._run = run
        self._emit = emit
        self._blobs = blobs
        self._met: dict[int, tuple[Func, str, str]] = {}

    def meet(self, spec: ActionSpec) -> None:
        """Note the code of an action's task, at the first of its actions."""
        func, task = spec.task.func, spec.task.name
        if id(func) in self._met:
            return
        found = _affordable_slice(func)
        version = found.version if found is not None else ""
        self._met[id(func)] = (func, task, version)
        self._note(task, spec.id.name, version, self._parts(found))

    def check(self) -> None:
        """Note, at the end, whose code has changed meanwhile: no version holds for all of its actions."""
        for func, task, version in list(self._met.values()):
            if version and version_now(func) != version:
                self._note(task, ROOT, "", b"")

    def _note(self, task: str, action: str, version: str, parts: bytes) -> None:
        self._emit(
            TaskSeen(
                run=self._run, action=action, time=time.time(), task=task, version=version, parts=parts
            )
        )  # fmt: skip

    def _parts(self, found: Slice | None) -> bytes:
        if found is None:
            return b""
        known: bytes | None = None if redaction.is_needed() else _packed.get(found)
        return known or self._pack(found)

    def _pack(self, found: Slice) -> bytes:
        try:
            parts = packed(redaction.redacted(found.mapping()), self._blobs)
        except (StoreError, ValueError, TypeError):  # the run goes on without the note
            return b""
        # A blob is this store's, and may be removed; what is redacted now may be no secret before.
        return parts if is_blob(parts) or redaction.is_needed() else _packed.put(found, parts)


def version_now(func: Func) -> str:
    """Give the version of a function's code now; empty if it cannot be told."""
    found = slice_now(func)
    return found.version if found is not None else ""


def slice_now(func: Func) -> Slice | None:
    """Give a function's slice now; None if it cannot be made."""
    try:
        return slice_of(func)
    except Exception:  # noqa: BLE001 - hashing captured values runs their own code
        return None


def _affordable_slice(func: Func) -> Slice | None:
    now = time.monotonic()
    known = _costs.get(func)
    cost, last = known or (0.0, 0.0)
    if cost > _CHEAP and now - last < _SHARE * cost:
        return None
    found = slice_now(func)
    end = time.monotonic()
    _costs.put(func, (end - now if known else 0.0, end))  # the first time looks more up than later ones do
    return found
