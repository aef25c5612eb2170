"""One worker process as the kernel sees it: what is sent to it, and whose what comes back is."""

import asyncio
import codecs
import os
import select
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from flyte_jupyter.backends.forking import Burial
from flyte_jupyter.backends.forkserver import kill_group
from flyte_jupyter.backends.limits import Enforced
from flyte_jupyter.backends.threads import running
from flyte_jupyter.backends.wire import Frame, Received, Wire, close_files, look, packed

_KEPT = 64
"""Of code and runs, as many as a worker keeps."""

STREAMS = ("stdout", "stderr")
"""What a worker writes to its descriptors 1 and 2."""

_CHUNK = 1 << 16
_MOMENT = 0.002


class Listener(Protocol):
    """An attempt that runs in a worker."""

    @property
    def place(self) -> tuple[str, str]:
        """Its run and its action."""

    def heard(self, received: Received) -> None:
        """Take a frame of the worker."""

    def heard_raw(self, stream: str, text: str) -> None:
        """Take what was written to a descriptor: by C code, or by a child process."""

    def lost(self) -> None:
        """The worker is gone."""


class Gravedigger(Protocol):
    """Sees to what is left of a worker."""

    def bury(self, pid: int) -> Burial:
        """End a worker with everything that it started, and tell how it ended."""


class Process:
    """A worker process.

    The event loop of its attempts reads what comes, also afterwards, until somebody else needs the worker. An
    attempt whose thread has no loop reads by itself, with ``hear``.

    Args:
        graves: ends it.
        pid: its process id.
        wire: the connection.
        out: what it writes to descriptor 1; negative where that comes over the wire.
        err: what it writes to descriptor 2; likewise.
        limit: the limits that are in force.
    """

    shares_files = True
    """Whether it sees the files that this process sees, at the same paths."""

    def __init__(
        self, graves: Gravedigger, pid: int, wire: Wire, out: int, err: int, limit: Enforced
    ) -> None:
        self.pid = pid
        self.limit = limit
        self.since = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.world: object = None
        self.alive = True
        self._graves = graves
        self._wire = wire
        self._pipes = {name: file for name, file in (("stdout", out), ("stderr", err)) if file >= 0}
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in STREAMS}
        self._code: OrderedDict[int, None] = OrderedDict()
        self._scopes: OrderedDict[str, None] = OrderedDict()
        self._attempts: dict[int, Listener] = {}
        self._queue: deque[tuple[memoryview, list[int]]] = deque()
        self._burial: Burial | None = None
        self._poll: select.poll | None = None
        for descriptor in self._pipes.values():
            os.set_blocking(descriptor, False)

    @property
    def busy(self) -> int:
        """How many attempts run there."""
        return len(self._attempts)

    def is_free_for(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Whether a loop, or a thread without one, can have it; if not, who has it is asked to let it go."""
        if self.loop is None or self.loop is loop:
            return True
        if self.loop.is_closed():
            self.loop = None
            return True
        with suppress(RuntimeError):  # closed meanwhile
            self.loop.call_soon_threadsafe(self._let_go)
        return False

    def is_freed(self, seconds: float) -> bool:
        """Wait until the loop that has it has let it go; False if it does not in time."""
        loop, gone = self.loop, threading.Event()
        if loop is None or loop.is_closed() or getattr(loop, "_thread_id", 0) == threading.get_ident():
            self._let_go()  # on a loop's own thread this is one of its steps
            return self.loop is None

        def let_go() -> None:
            self._let_go()
            gone.set()

        with suppress(RuntimeError):  # closed meanwhile
            loop.call_soon_threadsafe(let_go)
            return gone.wait(seconds) and self.loop is None
        return False

    def is_ready(self) -> bool:
        """Whether it can take an attempt, as far as can be told."""
        if time.monotonic() - self.since < _MOMENT:
            return self.alive  # it was heard just now
        return self.alive and self._wire.is_open()

    def enter(self, number: int, attempt: Listener) -> None:
        """Let an attempt hear what comes: on the loop that runs here, or with ``hear``."""
        loop = running()
        if loop is not None and self.loop is not loop:
            self.loop = loop
            loop.add_reader(self._wire.fileno(), self._readable)
            for name, descriptor in self._pipes.copy().items():
                loop.add_reader(descriptor, self._raw, name)
            if self._queue:
                loop.add_writer(self._wire.fileno(), self._writable)
        elif loop is None and self._poll is not None and self._poll.poll(0):
            self.drain()  # nobody listened since the last attempt: what came is not this one's
        self._attempts[number] = attempt

    def hear(self, seconds: float) -> None:
        """Wait on this thread for what comes next, and hand it on."""
        if self._poll is None:
            self._poll = select.poll()
            for descriptor in (self._wire.fileno(), *self._pipes.values()):
                self._poll.register(descriptor, select.POLLIN)
        wire = self._wire.fileno()
        if self._queue:
            self._poll.modify(wire, select.POLLIN | select.POLLOUT)
        found = look(self._poll) or self._poll.poll(seconds * 1000)
        if len(found) > 1 or (found and found[0][0] != wire):
            self.drain()  # what a body wrote before it ended
        for descriptor, what in found:
            if descriptor == wire:
                self._ready(what)

    def leave(self, number: int) -> None:
        """Undo ``enter``."""
        self._attempts.pop(number, None)

    def drain(self) -> None:
        """Take what is in the pipes now."""
        for name in list(self._pipes):
            self._raw(name)

    def send(self, frame: Frame, files: Sequence[int] = ()) -> None:
        """Send a frame without waiting; what does not go at once goes when the worker reads."""
        if not self.alive:
            return
        data = memoryview(packed(frame, len(files)))
        try:
            sent = self._wire.send_some(data, files) if not self._queue else 0
        except OSError:
            return  # the end of the connection is noticed where it is read
        if sent < len(data):
            # The files go with the first byte.
            kept = [os.dup(file) for file in files] if not sent else []
            if not self._queue and self.loop is not None:
                self.loop.add_writer(self._wire.fileno(), self._writable)
            self._queue.append((data[sent:], kept))

    def learn(self, number: int, content: Mapping[str, Any]) -> None:
        """Send code, unless it is known there."""
        if number not in self._code:
            self._keep(self._code, number)
            self.send(("code", number, content))

    def open(self, run: str, content: Any) -> None:
        """Send what belongs to a run, unless it is known there; ``content`` is called to make it."""
        if run not in self._scopes:
            self._keep(self._scopes, run)
            self.send(("scope", content()))

    def kill(self) -> None:
        """End it at once, with its children."""
        if self.alive:
            self.alive = False
            kill_group(self.pid)

    def bury(self) -> Burial:
        """See that nothing of it is left, and tell how it ended. May take milliseconds; not on the loop."""
        self.kill()
        if self._burial is None:
            self._burial = Burial()
            self._burial = self._graves.bury(self.pid)
            peak, hit = self.limit.peak(), self.limit.exceeded()
            self._burial = replace(self._burial, peak=max(peak, self._burial.peak))
            self.was_out_of_memory = hit
            self.limit.close()
        return self._burial

    was_out_of_memory = False

    def close(self) -> None:
        """Close the connection; an idle worker ends by itself."""
        self.alive = False
        self._detach()
        self._wire.close()
        pipes, self._pipes = self._pipes, {}  # another thread may be looking through them
        close_files(pipes.values())
        for _, files in self._queue:
            close_files(files)
        self._queue.clear()

    def release(self) -> None:
        """Let the loop of its attempts read no more."""
        self._detach()

    # Inside

    def _ready(self, what: int) -> None:
        if what & select.POLLOUT:
            self._writable()
            if not self._queue and self._poll is not None:
                self._poll.modify(self._wire.fileno(), select.POLLIN)
        if what & ~select.POLLOUT:
            self._readable()

    @staticmethod
    def _keep(known: "OrderedDict[Any, None]", key: Any) -> None:
        known[key] = None
        while len(known) > _KEPT:
            known.popitem(last=False)

    def _let_go(self) -> None:
        if not self._attempts:
            self._detach()

    def _detach(self) -> None:
        loop, self.loop = self.loop, None
        if loop is None or loop.is_closed():
            return
        for descriptor in (self._wire.fileno(), *self._pipes.values()):
            if descriptor >= 0:
                loop.remove_reader(descriptor)
        if self._queue:
            loop.remove_writer(self._wire.fileno())

    def _readable(self) -> None:
        received = self._wire.receive(wait=False)
        if received is None:
            self._lost()
            return
        for one in received:
            self._hear(one)

    def _hear(self, one: Received) -> None:
        """Give a frame to the attempt that it is for."""
        key = one.frame[1]
        attempt = self._attempts.get(key) if isinstance(key, int) else None
        if attempt is not None:
            attempt.heard(one)
        elif isinstance(key, str) and (speaker := self._speaker(key, one.frame[2])) is not None:
            speaker.heard(one)
        else:
            close_files(one.files)

    def _speaker(self, run: str, action: str) -> Listener | None:
        """Find whose logs and reports come: the action's, or of a helper's some attempt of its run."""
        found = None
        for attempt in list(self._attempts.values()):
            if attempt.place == (run, action):
                return attempt
            if found is None and attempt.place[0] == run:
                found = attempt
        return found

    def _writable(self) -> None:
        while self._queue:
            data, files = self._queue[0]
            try:
                sent = self._wire.send_some(data, files)
            except OSError:
                self._queue.clear()
                break
            if sent:
                close_files(files)
                self._queue[0] = (data[sent:], [])
            if sent < len(data):
                return
            self._queue.popleft()
        if self.loop is not None:
            self.loop.remove_writer(self._wire.fileno())

    def _raw(self, name: str) -> None:
        descriptor = self._pipes.get(name)
        if descriptor is None:
            return
        try:
            data = os.read(descriptor, _CHUNK)
        except (BlockingIOError, OSError):
            return
        if not data:
            if self.loop is not None:
                self.loop.remove_reader(descriptor)
            if self._poll is not None:
                with suppress(KeyError):  # it was noticed before
                    self._poll.unregister(descriptor)
            return
        self._written(name, data)

    def _written(self, name: str, data: bytes) -> None:
        """Give what was written to a descriptor to an attempt."""
        text = self._decoders[name].decode(data)
        attempt = next(iter(self._attempts.values()), None)
        if text and attempt is not None:
            attempt.heard_raw(name, text)

    def _lost(self) -> None:
        self.alive = False
        self.drain()
        self._detach()
        for attempt in list(self._attempts.values()):
            with suppress(Exception):
                attempt.lost()
