"""An interrupt wakes the kernel's event loop, so that a cell that awaits sees it at once.

The kernel asks its loop to cancel such a cell from inside of the signal's handler, in a way that does not end
the loop's sleep: until something else happens, nothing happens. A byte that Python itself writes when a
signal arrives does end it.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress


def wake_on_signal(interrupted: Callable[[], None]) -> Callable[[], None]:
    """Wake the loop that runs in this thread whenever a signal arrives; gives the undo.

    Nothing is done where no loop runs, outside of the main thread, or where somebody has done it already.

    Args:
        interrupted: called for each interrupt, on a thread of its own: also while the main thread is in a
            call that lets nothing of Python run there.
    """
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for implementers of loops
    if loop is None or threading.current_thread() is not threading.main_thread() or _is_taken():
        return lambda: None
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)

    def hear() -> None:
        while signals := ours.recv(4096):
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_nothing)
            if signal.SIGINT in signals:
                interrupted()
        ours.close()

    threading.Thread(target=hear, name="flyte-signals", daemon=True).start()

    def undo() -> None:
        if threading.current_thread() is threading.main_thread() and _is_taken(pythons.fileno()):
            signal.set_wakeup_fd(-1)
        pythons.close()  # which ends the thread

    return undo


def _nothing() -> None:
    """Is called by the loop, which is awake then."""


def _is_taken(by: int | None = None) -> bool:
    """Whether signals are told to some file, or to the given one."""
    known = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(known, warn_on_full_buffer=False)
    return known != -1 if by is None else known == by
