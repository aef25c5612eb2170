"""A worker on Ray as the kernel sees it: reached over TCP, ended by its keeper or by force."""

import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from flyte_jupyter.backends import ray_record
from flyte_jupyter.backends.forking import Burial
from flyte_jupyter.backends.limits import Enforced, Limits
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.ray_frames import addressed, inlined, restored
from flyte_jupyter.backends.ray_link import Lease, Link, connected
from flyte_jupyter.backends.ray_version import check_same
from flyte_jupyter.backends.wire import Frame, Received, Wire
from flyte_jupyter.errors import InitializationError, RuntimeSystemError

_MOMENT = 1.0
"""Seconds that a keeper has to end a worker before Ray ends both with force."""

_FORCED = 5.0
_KNOWN_THERE = frozenset({"code", "scope", "world", "run", "attempt"})


class Grave:
    """Sees to the end of a worker.

    Args:
        link: the connection to the controller.
        lease: the worker.
    """

    def __init__(self, link: Link, lease: Lease) -> None:
        self._link = link
        self._lease = lease
        self.out_of_memory = False
        self.peak = 0

    def bury(self, _pid: int) -> Burial:
        """See that nothing is left, and tell how the worker ended."""
        gone = self._lease.gone
        try:
            how, why = gone.result(_MOMENT)
        except TimeoutError:
            self.force()
            try:
                how, why = gone.result(_FORCED)
            except TimeoutError:
                how, why = None, "Ray does not say why"
        if how is None or how["status"] is None:
            return Burial(note=f"and its place on Ray with it: {why or 'nobody knows why'}")
        self.out_of_memory, self.peak = bool(how["out_of_memory"]), int(how["peak"])
        return Burial(how["status"], self.peak, *how["used"])

    def force(self) -> None:
        """End the worker and its keeper at once."""
        self._link.cancel(self._lease)


class RayProcess(Process):
    """A worker on a node.

    Args:
        grave: ends it.
        wire: the connection to its keeper.
        limit: the limits that are in force.
        attached: the key of the attempt that it has begun for an earlier kernel; empty for a new worker.
    """

    shares_files = False

    def __init__(self, grave: Any, wire: Wire, limit: Enforced, attached: str = "") -> None:
        super().__init__(grave, 0, wire, -1, -1, limit)
        self.attached = attached

    def send(self, frame: Frame, files: Sequence[int] = ()) -> None:
        """Send a frame without waiting; one that goes on knows what it runs."""
        if not (self.attached and frame[0] in _KNOWN_THERE):
            super().send(inlined(frame, files))

    def leave(self, number: int) -> None:
        """Undo ``enter``: the kernel knows how the attempt ended."""
        super().leave(number)
        self.send(("ack", number))

    def kill(self) -> None:
        """End it at once, with its children."""
        if self.alive:
            if self._queue:
                self._graves.force()  # type: ignore[attr-defined] # a frame is on its way in part
            else:
                super().send(("kill", 0))
            self.alive = False

    def _hear(self, one: Received) -> None:
        kind, *content = one.frame
        if kind == "raw":
            self._written(content[0], content[1])
        elif kind != "about":
            super()._hear(restored(one.frame))


def reached(
    link: Link, lease: Lease, place: tuple[str, int], limits: Limits, attached: str = ""
) -> RayProcess:
    """Connect to the keeper of a worker.

    Raises:
        RuntimeSystemError: it does not answer.
        InitializationError: it has another version of this package.
    """
    grave = Grave(link, lease)
    try:
        wire = Wire(connected(*place))
        wire.send(("hello", lease.name, lease.secret))
        about = _about(wire)
        wire.sock.settimeout(None)
    except OSError as error:
        grave.force()
        raise RuntimeSystemError(
            "RayWorker", f"the worker on {place[0]} cannot be reached from here: {error}", "ray"
        ) from None
    try:
        check_same(about["package"], f"the node {place[0]} of the Ray cluster")
    except InitializationError:
        grave.force()
        raise
    limit = Enforced(
        limits,
        about["memory_by"],
        about["cpu_by"],
        {},
        lambda: grave.out_of_memory,
        lambda: grave.peak,
    )
    return RayProcess(grave, wire, limit, attached)


def recorded(folder: str, key: str, frames: Sequence[Frame], limits: Limits) -> RayProcess:
    """Let an attempt that has ended be heard as if it went on.

    Args:
        folder: the store's.
        key: the attempt's.
        frames: what it said.
        limits: what it was to use at most.
    """
    ours, theirs = socket.socketpair()
    threading.Thread(
        target=_play, args=(Wire(theirs), folder, key, frames), name="flyte-record", daemon=True
    ).start()
    return RayProcess(_NoGrave(), Wire(ours), Enforced(limits), key)


def _play(wire: Wire, folder: str, key: str, frames: Sequence[Frame]) -> None:
    """Say what a record says, and remove it when it was heard."""
    with suppress(OSError):
        while (received := wire.receive(wait=True)) is not None:
            for kind, *content in (one.frame for one in received):
                if kind == "attach":
                    for frame in frames:
                        wire.send(addressed(frame, *content[1:]))
                elif kind == "ack":
                    ray_record.remove(folder, key)
    wire.close()


class _NoGrave:
    """There is no worker any more."""

    def bury(self, _pid: int) -> Burial:
        return Burial(note="it had ended before")

    def force(self) -> None:
        pass


def _about(wire: Wire) -> Mapping[str, Any]:
    while (received := wire.receive(wait=True)) is not None:
        for one in received:
            about: Mapping[str, Any] = one.frame[1]
            return about
    raise ConnectionError("it closed the connection")
