"""The kernel's side of the fork server: starts it when workers are first needed, asks it for workers."""

import atexit
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.backends.forkserver import kill_group
from flyte_jupyter.backends.wire import Wire, close_files
from flyte_jupyter.errors import RuntimeSystemError

_OURS = "flyte_jupyter.backends.worker"
PRELOADED = (
    "numpy",
    "pyarrow",
    "pandas",
    "polars",
    "pydantic",
    "cloudpickle",
    _OURS,
)
"""Libraries that are loaded before workers are forked, if the kernel has loaded them."""


@dataclass(frozen=True, slots=True)
class Burial:
    """How a worker ended.

    Args:
        status: the exit status, negative for a signal; None if nobody knows.
        peak: the most memory it had, in bytes.
        cpu: seconds of CPU time, its children included.
        read: bytes read from storage.
        written: bytes written to storage.
        note: what is known of it, where there is no status.
    """

    status: int | None = None
    peak: int = 0
    cpu: float = 0.0
    read: int = 0
    written: int = 0
    note: str = "and nobody knows why"


class ForkServer:
    """The kernel's side: starts the process when first needed, and again if it is gone."""

    def __init__(self) -> None:
        self.wanted: frozenset[str] = frozenset()
        """Libraries that workers are to have, beside those that this process has loaded."""
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._loaded: set[str] = set()
        atexit.register(self.close)

    def fork(self, token: str) -> tuple[int, socket.socket, int, int]:
        """Fork a worker; gives its process id, its socket, and what it writes to its descriptors 1 and 2.

        Raises:
            RuntimeSystemError: processes cannot be started.
        """
        ours, theirs = socket.socketpair()
        out, err = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
        try:
            with self._lock:
                pid = self._ask(("fork", token, self._missing()), [theirs.fileno(), out[1], err[1]])
        except BaseException:
            ours.close()
            close_files([out[0], err[0]])
            raise
        finally:
            theirs.close()
            close_files([out[1], err[1]])
        return pid, ours, out[0], err[0]

    def release(self, target: str) -> tuple[int, socket.socket]:
        """Fork a process that goes on when this one is gone; gives its process id and its socket.

        Args:
            target: what it calls with the other end of the socket, as ``"module:function"``.

        Raises:
            RuntimeSystemError: processes cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with self._lock:
                pid = self._ask(("release", target, self._missing()), [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return pid, ours

    def bury(self, pid: int) -> Burial:
        """End a worker with everything that it started, and tell how it ended."""
        kill_group(pid)
        with self._lock:
            if self._wire is None or self._pid != os.getpid():
                return Burial()
            with suppress(RuntimeSystemError):
                return Burial(*self._ask(("bury", pid), []))
        return Burial()

    def close(self) -> None:
        """End the process and its workers."""
        with self._lock:
            self._end()

    def _ask(self, frame: tuple[Any, ...], files: list[int]) -> Any:
        for last in (False, True):
            wire = self._connected()
            try:
                wire.send(frame, files)
                while (found := wire.receive(wait=True)) is not None:
                    if found:
                        return found[0].frame[0] if len(found[0].frame) == 1 else found[0].frame
            except OSError:
                pass
            self._end()
            if last or frame[0] == "bury":
                break
        raise RuntimeSystemError(
            "ForkServerError", "the process that starts workers ended; it could not be started again"
        )

    def _connected(self) -> Wire:
        if self._wire is not None and self._pid == os.getpid():
            return self._wire
        ours, theirs = socket.socketpair()
        # The path first: the package may have been found by way of the kernel's own.
        code = (
            f"import sys; sys.path[:] = {sys.path!r}\n"
            f"from flyte_jupyter.backends.forkserver import serve\nserve({theirs.fileno()}, {os.getpid()})"
        )
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            ours.close()
            raise RuntimeSystemError("ForkServerError", f"no process can be started: {error}") from error
        finally:
            theirs.close()
        self._wire, self._pid, self._loaded = Wire(ours), os.getpid(), set()
        return self._wire

    def _missing(self) -> list[str]:
        """Name the libraries that the kernel has loaded and the fork server has not."""
        if self._wire is None or self._pid != os.getpid():
            self._loaded = set()
        asked = self.wanted | sys.modules.keys()
        fresh = [name for name in PRELOADED if name not in self._loaded and name in asked]
        fresh += [_OURS] if not {_OURS, *fresh} & self._loaded else []
        self._loaded.update(fresh)
        return fresh

    def _end(self) -> None:
        wire, process, self._wire, self._process = self._wire, self._process, None, None
        if wire is not None and self._pid == os.getpid():
            wire.close()
            if process is not None:
                process.wait()
