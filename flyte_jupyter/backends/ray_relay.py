"""One end of a relay of frames: a connection, and what waits to go out there."""

import selectors
from collections import deque
from collections.abc import Callable, Sequence

from flyte_jupyter.backends.wire import Frame, Received, Wire, close_files, packed

_FULL = 8 << 20
"""Bytes that may wait before nothing more is taken for this end."""


class End:
    """A connection that is read by a selector and never waited for.

    Args:
        wire: the connection.
        selector: looks whether something comes, and whether what waits can go.
        heard: is given each frame; None is the end of the connection.

    Attributes:
        heard: likewise; whoever takes the connection over puts something else there.
        drained: is called when what waited has gone.
    """

    def __init__(
        self,
        wire: Wire,
        selector: selectors.BaseSelector,
        heard: Callable[["End", Received | None], object],
    ) -> None:
        self.wire = wire
        self._selector = selector
        self.heard = heard
        self.drained: Callable[[], object] = bool
        self._queue: deque[tuple[memoryview, list[int]]] = deque()
        self._size = 0
        self._open = True
        self._ending = False
        self._reading = True
        self._events = 0
        self._watch()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing should be added."""
        return self._size > _FULL

    def send(self, frame: Frame, files: Sequence[int] = ()) -> None:
        """Send a frame, and files that are closed when they are sent."""
        if not self._open:
            close_files(files)
            return
        data = memoryview(packed(frame, len(files)))
        self._queue.append((data, list(files)))
        self._size += len(data)
        if len(self._queue) == 1:
            self._flush()

    def act(self, events: int) -> None:
        """Do what can be done now."""
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ and self._open:
            received = self.wire.receive(wait=False)
            for one in [None] if received is None else received:
                if self._open:
                    self.heard(self, one)

    def listen(self, *, wanted: bool) -> None:
        """Take what comes, or leave it for later."""
        if self._open:
            self._reading = wanted
            self._watch()

    def finish(self) -> None:
        """Close the connection when what waits has gone."""
        self._ending = True
        self._reading = False
        self._flush()

    def close(self) -> None:
        """Close the connection."""
        if self._open:
            self._open = False
            if self._events:
                self._selector.unregister(self.wire)
            self.wire.close()
            for _, files in self._queue:
                close_files(files)
            self._queue.clear()

    def _flush(self) -> None:
        try:
            while self._queue:
                data, files = self._queue[0]
                sent = self.wire.send_some(data, files)
                self._size -= sent
                if sent:
                    close_files(files)
                    self._queue[0] = (data[sent:], [])
                if sent < len(data):
                    break
                self._queue.popleft()
        except OSError:
            self._queue.clear()  # its end is noticed where it is read
            self._size = 0
        if self._ending and not self._queue:
            self.close()
        if self._open:
            self._watch()
            if not self._queue:
                self.drained()

    def _watch(self) -> None:
        wanted = selectors.EVENT_READ * self._reading | selectors.EVENT_WRITE * bool(self._queue)
        if wanted == self._events:
            return
        if not self._events:
            self._selector.register(self.wire, wanted, self.act)
        elif not wanted:
            self._selector.unregister(self.wire)
        else:
            self._selector.modify(self.wire, wanted, self.act)
        self._events = wanted
