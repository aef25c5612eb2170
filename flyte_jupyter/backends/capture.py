"""What tasks print goes to their action's log as well as to where it goes anyway.

The stream objects stay the same, so handlers that hold them (logging's) are followed too; which action
prints is a context variable. ``print`` writes each argument and separator by itself; the pieces of a line
are put together here, so that a line costs one entry in the log and one write to the stream.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.guards import guard
from flyte_jupyter.tasks.context import TaskContext, current

Log = Callable[[str, str, int, str, str], None]
"""``log(run, action, attempt, stream, text)``."""

Echo = Callable[[str], str]
"""Gives what of a text is also shown where it would go anyway; the log has all of it."""

_QUICK = 0.02
"""Seconds: pieces that come slower than this are shown as they come."""

_LONG = 500
"""Pieces without an end of line that are held together at most."""


class Capture:
    """Follow ``sys.stdout`` and ``sys.stderr`` while runs are in progress."""

    def __init__(self) -> None:
        self._lock = guard()
        self.taking = guard()  # for the pieces of all streams, which one thread at a time takes
        self._followed: list[_Followed] = []
        self.logs: dict[str, Log] = {}
        self.echoes: dict[str, Echo] = {}

    def follow(self, run: str, log: Log) -> Callable[[], None]:
        """Send what the run's tasks write to ``log``; gives what ends it."""
        with self._lock:
            self.logs[run] = log
            self._follow()
        return partial(self._end, run)

    def flush(self, task: TaskContext | None) -> None:
        """Write out what a task wrote without an end of line, before what it calls writes something."""
        if task is not None:
            for followed in self._followed:
                followed.flush(task)

    def shown(self, run: str, text: str) -> str:
        """Give what of a run's text is shown."""
        echo = self.echoes.get(run)
        return text if echo is None else echo(text)

    def finish(self, task: TaskContext | None) -> None:
        """Write out what a task wrote without an end of line; called when its body ends."""
        if task is None:
            return
        for followed in self._followed:
            followed.finish(task.action.run_name, task)

    def _end(self, run: str) -> None:
        with self._lock:
            for followed in self._followed:
                followed.finish(run)
            self.logs.pop(run, None)
            self.echoes.pop(run, None)
            if not self.logs:
                self._release()

    def _follow(self) -> None:
        """Follow the streams of this moment: they may be others than in the last run."""
        for name in ("stdout", "stderr"):
            target = getattr(sys, name)
            if target is None or any(f.target is target for f in self._followed):
                continue
            with suppress(AttributeError, TypeError):  # a stream that cannot be followed still shows its text
                followed = _Followed(self, name, target)
                self._followed.append(followed)  # first: an interrupt leaves none unknown
                followed.begin()

    def _release(self) -> None:
        for followed in self._followed:
            followed.release()
        self._followed.clear()


class _Voice:
    """What one task writes to one stream, from the last end of line on."""

    __slots__ = ("held", "last", "pieces", "task")

    def __init__(self, task: TaskContext) -> None:
        self.task = task
        self.pieces: list[str] = []
        self.held = ""
        self.last = 0.0


class _Followed:
    """One stream whose ``write`` and ``flush`` also log."""

    def __init__(self, capture: Capture, name: str, target: Any) -> None:
        self.target = target
        self._name = name
        self._capture = capture
        self._voices: dict[int, _Voice] = {}
        self._write = original = target.write
        self._flush = flush = target.flush
        voices, get = self._voices, current.get

        def write(text: str) -> int:
            task = get().task
            if task is None or not isinstance(text, str):
                return int(original(text) or 0)
            if task.over:
                return len(text)  # of an attempt that nobody waits for any more
            voice = voices.get(id(task)) or voices.setdefault(id(task), _Voice(task))
            pieces, now = voice.pieces, perf_counter()
            pieces.append(text)
            # An empty piece is what ``print(..., end="")`` ends with.
            if not text or text[-1] in "\n\r" or now - voice.last > _QUICK or len(pieces) > _LONG:
                self._emit(voice)
            voice.last = now
            return len(text)

        def flushed() -> None:
            task = get().task
            voice = voices.get(id(task)) if task is not None else None
            if voice is not None:
                self._emit(voice)
            flush()

        self._instead = [write, flushed]

    def begin(self) -> None:
        """Follow the stream.

        Raises:
            AttributeError, TypeError: it cannot be followed.
        """
        self.target.write, self.target.flush = self._instead
        self._instead.clear()  # they lead back to this object: a ring would wait for the collector

    def flush(self, task: TaskContext) -> None:
        """Write out what is held of a task."""
        voice = self._voices.get(id(task)) if self._voices else None
        if voice is not None and voice.pieces:
            self._emit(voice)

    def finish(self, run: str, task: TaskContext | None = None) -> None:
        """Write out what is left of a task, or of all tasks of a run."""
        if not self._voices:
            return
        if task is not None:
            done = [self._voices.pop(id(task), None)]
        else:
            names = [key for key, v in self._voices.copy().items() if v.task.action.run_name == run]
            done = [self._voices.pop(key, None) for key in names]
        for voice in filter(None, done):
            self._emit(voice, end=True)

    def release(self) -> None:
        """Leave the stream as it was, also where an interrupt cut the following of it in two."""
        for name in ("write", "flush"):
            try:
                delattr(self.target, name)
            except AttributeError:
                continue

    def _emit(self, voice: _Voice, *, end: bool = False) -> None:
        with self._capture.taking:
            pieces = voice.pieces
            count = len(pieces)
            text = voice.held + "".join(pieces[:count])
            # Another thread of the task may have added to it: only what was taken goes.
            del pieces[:count]
            voice.held = ""
            if redaction.is_needed():
                text, voice.held = _safe(text, end=end)
        if not text:
            return
        task = voice.task
        log = self._capture.logs.get(task.action.run_name)
        if log is not None:
            log(task.action.run_name, task.action.name, task.attempt_number, self._name, text)
        if shown := self._capture.shown(task.action.run_name, text):
            self._write(shown)


def _safe(text: str, *, end: bool) -> tuple[str, str]:
    """Redact; gives what can be shown, and what may be the beginning of a secret until more is written."""
    at = len(text) if end else redaction.safe_length(text)
    return redaction.redact(text[:at]), text[at:]


capture = Capture()
