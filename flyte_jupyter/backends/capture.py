"""What tasks print goes to their action's log as well as to where it goes anyway.

The stream objects stay the same, so handlers that hold them (logging's) are followed too; which action
prints is a context variable.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.tasks.context import TaskContext, current

Log = Callable[[str, str, int, str, str], None]
"""``log(run, action, attempt, stream, text)``."""


class Capture:
    """Follow ``sys.stdout`` and ``sys.stderr`` while runs are in progress."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._followed: list[_Followed] = []
        self._logs: dict[str, Log] = {}

    @contextmanager
    def following(self, run: str, log: Log) -> Iterator[None]:
        """Send what the run's tasks write to ``log`` while the code inside runs."""
        with self._lock:
            self._logs[run] = log
            self._users += 1
            self._follow()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._logs.pop(run, None)
                if self._users == 0:
                    self._release()

    def write(self, stream: str, task: TaskContext, text: str) -> None:
        """Log what a task wrote."""
        log = self._logs.get(task.action.run_name)
        if log is not None:
            log(task.action.run_name, task.action.name, task.attempt_number, stream, text)

    def _follow(self) -> None:
        """Follow the streams of this moment: they may be others than in the last run."""
        for name in ("stdout", "stderr"):
            target = getattr(sys, name)
            if target is None or any(f.target is target for f in self._followed):
                continue
            try:
                self._followed.append(_Followed(self, name, target))
            except (AttributeError, TypeError):
                continue  # a stream that cannot be followed still shows its text

    def _release(self) -> None:
        for followed in self._followed:
            followed.release()
        self._followed.clear()


class _Followed:
    """One stream whose ``write`` also logs."""

    def __init__(self, capture: Capture, name: str, target: Any) -> None:
        self.target = target
        self._held: dict[tuple[str, str], str] = {}
        self._original = original = target.write
        get, log = current.get, capture.write

        def write(text: str) -> int:
            task = get().task
            if task is None or not isinstance(text, str):
                return int(original(text) or 0)
            if redaction.is_needed():
                text, size = self._safe(task, text), len(text)
                log(name, task, text)
                original(text)
                return size
            log(name, task, text)
            return int(original(text) or 0)

        target.write = write

    def release(self) -> None:
        """Leave the stream as it was."""
        for text in self._held.values():
            self._original(redaction.redact(text))
        self._held.clear()
        del self.target.write

    def _safe(self, task: TaskContext, text: str) -> str:
        """Redact, and hold back what may be the beginning of a secret until more is written."""
        key = (task.action.run_name, task.action.name)
        whole = self._held.pop(key, "") + text
        end = len(whole) if whole.endswith("\n") else redaction.safe_length(whole)
        if end < len(whole):
            self._held[key] = whole[end:]
        return redaction.redact(whole[:end])


capture = Capture()
