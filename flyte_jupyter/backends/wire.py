"""Frames between the kernel and a worker: length-prefixed MessagePack over a socket, files beside it.

A frame is the length of its body (4 bytes, big-endian), the number of files that come with it (1 byte), and
the body. Files are passed by descriptor: large values go by shared memory and never through the socket.
"""

import array
import os
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, TypeAlias

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.errors import RuntimeSystemError

Frame: TypeAlias = tuple[Any, ...]
"""The kind of the frame, then what belongs to it."""

_HEAD = struct.Struct(">IB")
_CHUNK = 1 << 16
_LARGE = 1 << 20
_FILES = 16
_SPACE = socket.CMSG_SPACE(_FILES * array.array("i").itemsize) if hasattr(socket, "CMSG_SPACE") else 0
_MOMENT = 1e-4  # seconds; so long takes a small task, there and back


class Received:
    """One frame that came in.

    Args:
        frame: its content.
        files: the descriptors that came with it; whoever takes the frame closes them.
    """

    __slots__ = ("files", "frame")

    def __init__(self, frame: Frame, files: list[int]) -> None:
        self.frame = frame
        self.files = files


class Wire:
    """One end of a socket that carries frames.

    Sending is safe from any thread; receiving is for one thread at a time.

    Args:
        sock: a connected stream socket of this machine.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._sending = threading.Lock()
        self._held = bytearray()
        self._files: deque[int] = deque()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def fileno(self) -> int:
        """Give the descriptor of the socket."""
        return self.sock.fileno()

    def send(self, frame: Frame, files: Sequence[int] = ()) -> None:
        """Send a frame; waits while the other side does not read.

        Raises:
            OSError: the other side is gone.
        """
        data = packed(frame, len(files))
        with self._sending:
            if files:
                sent = socket.send_fds(self.sock, [data], list(files))
                data = data[sent:]
            self.sock.sendall(data)

    def send_some(self, data: bytes | memoryview, files: Sequence[int] = ()) -> int:
        """Send as much of a packed frame as goes at once; gives the number of bytes.

        Raises:
            OSError: the other side is gone.
        """
        try:
            if not files:
                return self.sock.send(data, _AT_ONCE)
            given = array.array("i", files)
            return self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, given)], _AT_ONCE)
        except BlockingIOError:
            return 0

    def receive(self, *, wait: bool) -> list[Received] | None:
        """Give the frames that have come in whole; None at the end of the connection.

        Args:
            wait: wait until something comes; else take only what is there.
        """
        flags = _CLOEXEC if wait else _CLOEXEC | _AT_ONCE
        size = _LARGE if self._held else _CHUNK
        if wait:
            look(self._poll)
        try:
            data, ancillary, _, _ = self.sock.recvmsg(size, _SPACE, flags)
        except BlockingIOError:
            return []
        except ConnectionError:
            return None
        for _, _, given in ancillary:
            whole = array.array("i")
            whole.frombytes(given[: len(given) - len(given) % whole.itemsize])
            self._files.extend(whole)
        if not data:
            return None
        return self._split(data)

    def is_open(self) -> bool:
        """Whether the other side still holds its end, as far as can be told without waiting."""
        try:
            return bool(self.sock.recv(1, _LOOK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Close the socket and the files that nobody took."""
        self.sock.close()
        close_files(self._files)
        self._files.clear()

    def _split(self, data: bytes) -> list[Received]:
        held = self._held
        if not held and len(data) >= _HEAD.size:
            length, files = _HEAD.unpack_from(data)
            if len(data) == _HEAD.size + length:  # the usual case: one whole frame
                return [self._received(memoryview(data)[_HEAD.size :], files)]
        held += data
        out, at = [], 0
        while len(held) - at >= _HEAD.size:
            length, files = _HEAD.unpack_from(held, at)
            end = at + _HEAD.size + length
            if len(held) < end:
                break
            out.append(self._received(bytes(held[at + _HEAD.size : end]), files))
            at = end
        del held[:at]
        return out

    def _received(self, body: bytes | memoryview, files: int) -> Received:
        try:
            frame = msgpack.unpackb(body, use_list=False, strict_map_key=False, raw=False)
            return Received(frame, [self._files.popleft() for _ in range(files)])
        except (ValueError, IndexError, msgpack.UnpackException) as error:
            raise RuntimeSystemError(
                "WireError", f"a frame between kernel and worker is damaged: {error}"
            ) from error


def look(poll: select.poll) -> list[tuple[int, int]]:
    """Look whether something comes, for a moment: to be woken up takes longer than a small task.

    Whoever else wants this core may have it meanwhile: it may be the one who is waited for.
    """
    end = monotonic() + _MOMENT
    while not (found := poll.poll(0)) and monotonic() < end:
        _give_way()
    return found


def packed(frame: Frame, files: int = 0) -> bytes:
    """Pack a frame as it goes over the wire."""
    body: bytes = msgpack.packb(frame)
    return _HEAD.pack(len(body), files) + body


def close_files(files: Any) -> None:
    """Close descriptors."""
    for file in files:
        socket.close(file)


_give_way = getattr(os, "sched_yield", tuple)  # where there is none, looking goes on
# As plain numbers: arithmetic on the enumerations of ``socket`` takes longer than a system call.
_CLOEXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_AT_ONCE = int(getattr(socket, "MSG_DONTWAIT", 0))
_LOOK = _AT_ONCE | int(socket.MSG_PEEK)
