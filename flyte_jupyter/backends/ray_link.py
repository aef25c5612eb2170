"""The kernel's connection to the controller in a cluster: asks for workers, hears what becomes of them."""

import itertools
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flyte_jupyter.backends.ray_fit import Node
from flyte_jupyter.backends.wire import Frame, Wire
from flyte_jupyter.errors import RuntimeSystemError

_MOMENT = 5.0
"""Seconds within which the controller answers."""

_LOST = "the connection to the controller in the Ray cluster is lost"


def _certain() -> "Future[Any]":
    """Make a future that who waits for it cannot cancel."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True, eq=False)
class Lease:
    """A worker that was asked for.

    Args:
        name: stands for it.
        secret: whoever knows it may give orders to the worker.
        up: where it listens, when it is there.
        gone: how it ended, and what Ray says of that.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    up: "Future[tuple[str, int]]" = field(default_factory=_certain)
    gone: "Future[tuple[Mapping[str, Any] | None, str]]" = field(default_factory=_certain)


class Link:
    """A connection.

    Args:
        host: where the controller listens.
        port: likewise.
        secret: what it wants to hear first.

    Raises:
        OSError: nobody answers there, or somebody else.
    """

    def __init__(self, host: str, port: int, secret: str) -> None:
        sock = connected(host, port)
        self._wire = Wire(sock)
        self._wire.send(("hello", secret))
        try:
            first, *rest = _frames(self._wire)
        except ValueError:
            raise ConnectionError("no controller answers") from None
        sock.settimeout(None)
        self.nodes: Sequence[Node] = first[1]
        self.facts: Mapping[str, Any] = first[2]
        self.is_lost = False
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._questions: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        threading.Thread(target=self._listen, args=(rest,), name="flyte-ray", daemon=True).start()

    def lease(self, needs: Mapping[str, float], **order: Any) -> Lease:
        """Ask for a worker."""
        lease = self.follow(Lease())
        self._tell("lease", {"lease": lease.name, "secret": lease.secret, **order}, needs)
        return lease

    def follow(self, lease: Lease) -> Lease:
        """Hear what becomes of a worker."""
        with self._lock:
            self._leases[lease.name] = lease
            lost = self.is_lost
        if lost:
            self._lose(lease)
        return lease

    def cancel(self, lease: Lease) -> None:
        """End a worker with force."""
        self._tell("cancel", lease.name)

    def ask(self, kind: str, *content: Any) -> Any:
        """Ask the controller, and wait for its answer.

        Raises:
            RuntimeSystemError: it does not answer.
        """
        number, question = next(self._numbers), Future[Any]()
        with self._lock:
            self._questions[number] = question
        self._tell(kind, number, *content)
        try:
            return question.result(0 if self.is_lost else _MOMENT)
        except TimeoutError:
            raise RuntimeSystemError("RayLost", _LOST, "ray") from None
        finally:
            self._questions.pop(number, None)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._wire.sock.shutdown(socket.SHUT_RDWR)

    # Inside

    def _tell(self, *frame: Any) -> None:
        with suppress(OSError):  # noticed where it is read
            self._wire.send(frame)

    def _listen(self, frames: Sequence[Frame]) -> None:
        while True:
            for kind, *content in frames:
                getattr(self, f"_on_{kind}")(*content)
            frames = _frames(self._wire)
            if not frames:
                break
        with self._lock:
            self.is_lost = True
            leases, self._leases = list(self._leases.values()), {}
        for lease in leases:
            self._lose(lease)
        self._wire.close()

    def _on_nodes(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    def _on_answer(self, number: int, content: Any) -> None:
        question = self._questions.get(number)
        if question is not None:
            question.set_result(content)

    def _on_up(self, name: str, host: str, port: int) -> None:
        lease = self._leases.get(name)
        if lease is not None and not lease.up.done():
            lease.up.set_result((host, port))

    def _on_gone(self, name: str, how: Mapping[str, Any] | None, why: str) -> None:
        lease = self._leases.pop(name, None)
        if lease is not None:
            self._end(lease, how, why)

    def _lose(self, lease: Lease) -> None:
        self._end(lease, None, _LOST)

    @staticmethod
    def _end(lease: Lease, how: Mapping[str, Any] | None, why: str) -> None:
        if not lease.up.done():
            lease.up.set_exception(RuntimeSystemError("RayWorker", f"no worker on Ray: {why}", "ray"))
        lease.gone.set_result((how, why))


def connected(host: str, port: int) -> socket.socket:
    """Connect to somebody in the cluster.

    Raises:
        OSError: nobody answers.
    """
    sock = socket.create_connection((host, port), timeout=_MOMENT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def _frames(wire: Wire) -> list[Frame]:
    """Wait for frames; none at the end of the connection."""
    while True:
        try:
            received = wire.receive(wait=True)
        except OSError:
            return []
        if received is None:
            return []
        if received:
            return [one.frame for one in received]
