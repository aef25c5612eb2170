"""Uploads of the official SDK in pieces of a megabyte.

By itself it sends a file line by line, whatever a line is in it: a frame goes in hundreds of thousands of
pieces, each by way of a thread. Where somebody looks on, it sends larger ones.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from flyte_jupyter.loading import load


class _Onlooker:
    """Is told how uploads get on, and does nothing with it."""

    def start(self, key: str, *, name: str, phase: str, total: int) -> None:
        """Look on."""

    def advance(self, key: str, size: int) -> None:
        """Look on."""

    def finish(self, key: str, *, failed: bool = False) -> None:
        """Look on."""


class _Looking:
    """Looks on as long as at least one call of ours goes on; whom the user lets look stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._stack = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._calls:
                self._begin()
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    self._stack.close()

    def _begin(self) -> None:
        # The SDK has no public word for this, and older ones none at all.
        with suppress(ImportError, AttributeError):
            progress: Any = load("flyte.remote._progress")
            if progress.current_handler() is None:
                self._stack.enter_context(progress.report_uploads(_Onlooker()))


in_pieces = _Looking()
