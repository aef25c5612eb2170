"""An interrupt ends a cell where that harms nothing: in the user's code, or where this package waits.

Python raises KeyboardInterrupt at whatever step the main thread is. In the middle of a lock's or a store's
own bookkeeping that leaves a lock locked for ever, ``threading.Condition`` of the standard library included:
the cell ends, and the next one hangs.
"""

import _thread
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from flyte_jupyter.backends.bodies import bodies
from flyte_jupyter.tasks.slicing.origins import Origin, of_code

_AGAIN = 0.003
"""Seconds until it is tried again."""

_ENOUGH = 0.5
"""Seconds after which a cell is interrupted wherever it is."""

_IDLE = 0.001
"""Seconds of work between two tries, up to which a thread counts as one that waits."""

_ENTERING = threading.Condition.__enter__.__code__
"""Has a lock at its end that nobody gives back yet."""


class _Look(NamedTuple):
    """Where the thread was, when, and how many seconds it had worked."""

    frame: FrameType | None = None  # held, so that no other one can be taken for it
    step: int = 0
    time: float = 0.0
    used: float = 0.0


class Interrupts:
    """The handler of SIGINT while a cell runs."""

    ends_calls = True
    """Whoever stops a body on the main thread may send the signal: it ends a system call that waits."""

    def __init__(self) -> None:
        self.called = 0.0
        """When it was called last."""
        self._since = 0.0
        self._seen = _Look()

    def begin(self, _info: Any) -> None:
        """Be the handler for this cell, where Python's own is: a cell that awaits is cancelled instead."""
        self._forget()
        if _handler() is signal.default_int_handler:
            signal.signal(signal.SIGINT, self)

    def close(self) -> None:
        """Leave it to Python's own again."""
        if _handler() is self:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        """Interrupt, or try again in a moment.

        Raises:
            KeyboardInterrupt: the thread is where that harms nothing.
        """
        self.called = time.monotonic()
        if frame is None or bodies.is_hit() or is_harmless(frame) or self._waits(frame) or self._is_late():
            self._forget()
            raise KeyboardInterrupt
        _thread.start_new_thread(_try_again, (threading.get_ident(),))  # threading's own start takes locks

    def _waits(self, frame: FrameType) -> bool:
        """Whether the thread has stood where it is since the last try."""
        before, now = self._seen, _Look(frame, frame.f_lasti, time.monotonic(), time.thread_time())
        self._seen = now
        if frame.f_code is _ENTERING or frame is not before.frame or now.step != before.step:
            return False
        return now.time - before.time > _AGAIN / 2 and now.used - before.used < _IDLE

    def _forget(self) -> None:
        self._since, self._seen = 0.0, _Look()

    def _is_late(self) -> bool:
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since > _ENOUGH


def is_harmless(frame: FrameType | None) -> bool:
    """Whether an exception may be raised here: this package is not at work."""
    while frame is not None:
        origin = of_code(frame.f_code, frame.f_globals)
        if origin in (Origin.OURS, Origin.LOCAL):
            return origin is Origin.LOCAL
        frame = frame.f_back
    return True


def _handler() -> Any:
    """Give what handles the signal, where that can be changed: on the main thread."""
    is_main = threading.current_thread() is threading.main_thread()
    return signal.getsignal(signal.SIGINT) if is_main else None


def _try_again(ident: int) -> None:
    time.sleep(_AGAIN)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(ident, signal.SIGINT)  # ends a system call that waits, too
    else:
        _thread.interrupt_main()


def careful(
    interrupts: Interrupts, on: Callable[[str, Callable[..., None]], Callable[[], None]]
) -> Callable[[], None]:
    """Interrupt cells with care; gives the undo.

    Args:
        interrupts: what handles the signal.
        on: registers a callback for an event of the shell, and gives the undo.
    """
    interrupts.begin(None)  # the cell that loads the extension
    off = on("pre_run_cell", interrupts.begin)

    def undo() -> None:
        off()
        interrupts.close()

    return undo
