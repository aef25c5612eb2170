"""A worker in a container as the kernel sees it: its lifeline, its end, and what is said of that."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from flyte_jupyter.backends.forking import Burial
from flyte_jupyter.backends.limits import Enforced
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.wire import Wire
from flyte_jupyter.container_engine import remove
from flyte_jupyter.errors import RuntimeSystemError

_MOMENT = 5.0
"""Seconds within which the first process of a container answers."""

ENGINE = "container engine"
"""What enforces the limits."""


class Lifeline:
    """The connection to the first process of a container; when it is cut, the container ends.

    Args:
        sock: the connection.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self.is_cut = False

    def hear(self, seconds: float = _MOMENT) -> dict[str, Any] | None:
        """Give the next message; None if the other side is gone or says nothing in time."""
        self._sock.settimeout(seconds)
        try:
            while b"\n" not in self._held:
                data = self._sock.recv(1 << 16)
                if not data:
                    return None
                self._held += data
        except (OSError, ValueError):
            return None
        line, _, self._held = self._held.partition(b"\n")
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def tell(self, data: bytes, files: tuple[int, ...] = ()) -> None:
        """Send something, with descriptors.

        Raises:
            OSError: the other side is gone.
        """
        if files:
            socket.send_fds(self._sock, [data], list(files))
        else:
            self._sock.sendall(data)

    def cut(self) -> None:
        """End the container at once."""
        self.is_cut = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.cut()
        self._sock.close()


class Grave:
    """Sees to the end of a container.

    Args:
        client: the engine.
        container: its id.
        lifeline: the connection to its first process.
    """

    def __init__(self, client: Any, container: str, lifeline: Lifeline) -> None:
        self._client = client
        self._container = container
        self._lifeline = lifeline
        self.out_of_memory = False
        self.peak = 0

    def bury(self, _pid: int) -> Burial:
        """Remove the container, and tell how its worker ended."""
        words = None if self._lifeline.is_cut else self._lifeline.hear()
        burial = Burial(note="and its container with it: the engine stopped, or somebody removed it")
        if words is not None and "status" in words:
            self.out_of_memory, self.peak = bool(words["out_of_memory"]), int(words["peak"])
            burial = Burial(words["status"], self.peak, *words["used"])
        self._lifeline.close()
        # Without its first process it is gone already, unless the engine is: then it goes when that is back.
        remove(self._client, self._container)
        return burial


class Container(Process):
    """A worker in a container.

    Args:
        grave: ends it.
        lifeline: the connection to its first process.
        wire: the connection to the worker.
        out: what it writes to descriptor 1.
        err: what it writes to descriptor 2.
        limit: the limits that are in force.
        about: what its first process told: folder, path, environ.
    """

    shares_files = False

    def __init__(
        self,
        grave: Grave,
        lifeline: Lifeline,
        wire: Wire,
        out: int,
        err: int,
        limit: Enforced,
        about: Mapping[str, Any],
    ) -> None:
        super().__init__(grave, 0, wire, out, err, limit)
        self.about = about
        self._lifeline = lifeline
        self._secrets: dict[str, str] = {}
        self._users = 0

    def kill(self) -> None:
        """End it at once, with everything in the container."""
        if self.alive:
            self.alive = False
            self._lifeline.cut()

    @contextmanager
    def holding(self, secrets: Mapping[str, str]) -> Iterator[None]:
        """Let files with secrets be there as long as the block goes on.

        Args:
            secrets: the values, by path.

        Raises:
            RuntimeSystemError: the container cannot hold them.
        """
        self._users += 1
        try:
            if dict(secrets) != self._secrets:
                self._put(dict(secrets))
            yield
        finally:
            self._users -= 1
            if not self._users and self._secrets and self.alive:
                with suppress(RuntimeSystemError):
                    self._put({})

    def _put(self, secrets: dict[str, str]) -> None:
        try:
            self._lifeline.tell(json.dumps(secrets).encode() + b"\n")
            answer = self._lifeline.hear()
        except OSError:
            answer = None
        if answer is None or "put" not in answer:
            why = (answer or {}).get("error", "it does not answer")
            raise RuntimeSystemError("Secrets", f"the container cannot hold the secrets: {why}", "container")
        self._secrets = secrets
