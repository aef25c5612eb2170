"""A worker's ``sys.stdout`` and ``sys.stderr``: what is written goes to the kernel with its action's name."""

import io
import threading
import time
from collections.abc import Callable
from typing import Any

from flyte_jupyter.tasks.context import current

Send = Callable[[str, str, str, int, str], None]
"""``send(stream, run, action, attempt, text)``."""

_QUICK = 0.02
_LONG = 1 << 15
_NOBODY = ("", "", 0)


class Outlet(io.TextIOBase):
    """A text stream that sends lines at once, and many lines together.

    Args:
        name: stdout or stderr.
        descriptor: what ``fileno`` gives: where C code and child processes write to.
        send: takes the text away.
    """

    def __init__(self, name: str, descriptor: int, send: Send) -> None:
        self._name = name
        self._descriptor = descriptor
        self._send = send
        self._lock = threading.RLock()
        self._held: list[str] = []
        self._size = 0
        self._whose = _NOBODY
        self._last = 0.0
        self._due = threading.Event()
        self._flusher: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The name of the stream that it stands for."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override] # as the stream that it stands for
        """UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override] # as the stream that it stands for
        """What cannot be encoded is escaped."""
        return "backslashreplace"

    @property
    def buffer(self) -> Any:
        """The stream of bytes below."""
        return io.FileIO(self._descriptor, "wb", closefd=False)

    def fileno(self) -> int:
        """Give the descriptor that stands for the stream."""
        return self._descriptor

    def writable(self) -> bool:
        """Say yes."""
        return True

    def isatty(self) -> bool:
        """Say no."""
        return False

    def write(self, text: str) -> int:
        """Take a piece of text."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        task = current.get().task
        whose = _NOBODY
        if task is not None:
            whose = (task.action.run_name, task.action.name, task.attempt_number)
        with self._lock:
            if whose != self._whose and self._held:
                self._emit()
            self._whose = whose
            self._held.append(text)
            self._size += len(text)
            now = time.monotonic()
            if self._size > _LONG or (text.endswith("\n") and now - self._last > _QUICK):
                self._emit()
            elif not self._due.is_set():
                self._hurry()
        return len(text)

    def flush(self) -> None:
        """Send what is held."""
        if self._held:
            with self._lock:
                self._emit()

    def _emit(self) -> None:
        text = "".join(self._held)
        self._held.clear()
        self._size = 0
        self._last = time.monotonic()
        if text:
            self._send(self._name, *self._whose, text.encode("utf-8", "backslashreplace").decode())

    def _hurry(self) -> None:
        """See that what is held does not stay for long, also if nothing more is written."""
        if self._flusher is None or not self._flusher.is_alive():
            self._flusher = threading.Thread(target=self._flush_soon, name="flyte-output", daemon=True)
            self._flusher.start()
        self._due.set()

    def _flush_soon(self) -> None:
        while True:
            self._due.wait()
            time.sleep(_QUICK)
            self._due.clear()
            self.flush()
