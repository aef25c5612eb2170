"""Frames between the kernel and a worker on another machine, and what is remembered of an attempt there.

Descriptors go to no other machine: the content of files that come with a frame goes inside of it.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flyte_jupyter.backends.wire import Frame, Received
from flyte_jupyter.errors import RuntimeSystemError

INLINE = "inline"
"""The kind of a frame that holds another one and the content of its files."""

_MOST = (1 << 32) - (1 << 20)
_LOGS = 4 << 20
"""Bytes of logs that are remembered of an attempt."""

_SPOKEN = frozenset({"log", "record", "raw"})
_ASKED = frozenset({"call", "trace", "traced"})
_OVERHEAD = 64


def inlined(frame: Frame, files: Sequence[int]) -> Frame:
    """Take the content of files into the frame that they come with.

    Raises:
        RuntimeSystemError: it is too large for one frame.
    """
    if not files:
        return frame
    contents = tuple(os.pread(file, os.fstat(file).st_size, 0) for file in files)
    if sum(map(len, contents)) > _MOST:
        raise RuntimeSystemError(
            "TooLarge", "values of more than 4 GiB do not go to another machine; pass a File or a Dir"
        )
    return (INLINE, frame[1], frame, contents)


def restored(frame: Frame) -> Received:
    """Undo ``inlined``."""
    if frame[0] != INLINE:
        return Received(frame, [])
    return Received(frame[2], [_file(content) for content in frame[3]])


def kind_of(frame: Frame) -> str:
    """Tell the kind of a frame, whether its files are inside of it or not."""
    return str(frame[2][0] if frame[0] == INLINE else frame[0])


@dataclass(slots=True, eq=False)
class Memory:
    """What an attempt said, so that another kernel can hear it.

    Args:
        number: stands for the attempt on the wire to its worker.
        run: the run that it began in.
        action: its action.
        key: what a later kernel finds it by.
        folder: the folder of the store, for a record of how it ended.
        secrets: the values that must not be written.
        limit: seconds that the attempt may take; 0 for any.
        began: when it began, on this machine's steady clock.
        calls: the numbers of the calls that wait for their end.
        heard: how the kernel that listens knows it: number, run, attempt; None before a later one does.
        has_begun: whether the worker was told to run it.
        has_ended: whether the worker said how it ended.
    """

    number: int
    run: str
    action: str
    key: str
    folder: str
    secrets: Sequence[str] = ()
    limit: float = 0.0
    began: float = field(default_factory=time.monotonic)
    calls: set[int] = field(default_factory=set)
    heard: tuple[int, str, int] | None = None
    has_begun: bool = False
    has_ended: bool = False
    _frames: list[Frame] = field(default_factory=list)
    _spoken: int = 0

    def add(self, frame: Frame) -> None:
        """Remember a frame; of logs only the last, of a report only its last state."""
        kind = kind_of(frame)
        if kind == "report":
            self._frames = [one for one in self._frames if one[0] != kind or one[2] != frame[2]]
        self._frames.append(frame)
        if kind in _SPOKEN:
            self._spoken += _size(frame)
            if self._spoken > _LOGS:
                self._forget()

    def frames(self) -> Iterator[Frame]:
        """Give what is remembered, in order."""
        yield from self._frames

    def said(self) -> Iterator[Frame]:
        """Give what is remembered without the questions: they are all answered when it has ended."""
        return (frame for frame in self._frames if kind_of(frame) not in _ASKED)

    def addressed(self, frame: Frame) -> Frame:
        """Address a frame as the kernel that listens knows the attempt."""
        return frame if self.heard is None else addressed(frame, *self.heard)

    def _forget(self) -> None:
        """Forget the older half of the logs."""
        kept, left = [], self._spoken
        for frame in self._frames:
            if kind_of(frame) in _SPOKEN and left > _LOGS // 2:
                left -= _size(frame)
            else:
                kept.append(frame)
        self._frames, self._spoken = kept, left


def addressed(frame: Frame, number: int, run: str, attempt: int) -> Frame:
    """Address a frame to an attempt of another number, in another run."""
    kind, whose, *content = frame
    if kind == INLINE:
        return (kind, number, addressed(content[0], number, run, attempt), content[1])
    if kind in ("log", "record"):
        return (kind, run, content[0], attempt, *content[2:])
    if kind == "raw":
        return frame
    return (kind, run if isinstance(whose, str) else number, *content)


def _size(frame: Iterable[object]) -> int:
    return _OVERHEAD + sum(len(part) for part in frame if isinstance(part, str | bytes))


def _file(content: bytes) -> int:
    file = os.memfd_create("flyte-jupyter", os.MFD_CLOEXEC)
    view, at = memoryview(content), 0
    while at < len(view):
        at += os.pwrite(file, view[at:], at)
    return file
