"""Raise an exception in another thread, where that leaves no lock locked.

The interpreter raises it at the thread's next step of Python code, whatever that is. In the middle of a
library's own bookkeeping (between taking a lock and the ``try`` that gives it back) it would leave that lock
locked for ever, and whoever needs it next would wait for ever. So a thread is looked at first.
"""

import sys
import threading
import time
from collections.abc import Callable
from types import CodeType

from flyte_jupyter.loading import load
from flyte_jupyter.tasks.slicing.origins import Origin, of_path

USERS_FIRST = 0.5
"""Seconds in which only the user's own code is interrupted, and from then on also that of most libraries."""

_OFTEN, _SELDOM = 0.003, 0.1
"""Seconds between two looks, before and after that."""

_WAITS = frozenset({threading.Condition.wait.__code__})
"""Library code that gives back what it holds, wherever it is interrupted."""

_KEEPERS = frozenset(
    {"asyncio", "concurrent", "coverage", "importlib", "logging", "multiprocessing", "queue", "threading"}
)
"""Libraries that hold locks which others need; never interrupted."""


def interrupt(ident: int, kind: type[BaseException], since: float) -> bool:
    """Raise in a thread if it is where that harms nobody; tell whether.

    Args:
        ident: the thread, as ``threading.get_ident`` names it there.
        kind: what to raise.
        since: when that was first tried, in seconds of ``time.monotonic``.
    """
    ctypes = load("ctypes")
    raising = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread, exception = ctypes.c_ulong(ident), ctypes.py_object(kind)
    late = time.monotonic() - since > USERS_FIRST
    time.sleep(0)  # nobody else gets the interpreter between the look and the blow
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - documented for tools like this
    if frame is None or not _at_rest(frame.f_code, late):
        return False
    raising(thread, exception)
    return True


def let_arrive() -> None:
    """Go on for so long that what was raised in this thread arrives, if it did not yet.

    It is never taken back in the interpreter: after that, Python 3.11 keeps looking for it at every step, and
    every thread that is traced stands still.
    """
    for _ in range(10):
        pass


def keep_trying(attempt: Callable[[float], bool], seconds: float = float("inf")) -> bool:
    """Call ``attempt(since)`` until it says that nothing is left to do; False if the time is up before."""
    since = time.monotonic()
    while not attempt(since):
        passed = time.monotonic() - since
        if passed > seconds:
            return False
        time.sleep(_OFTEN if passed < USERS_FIRST else _SELDOM)
    return True


def _at_rest(code: CodeType, late: bool) -> bool:
    if code in _WAITS:
        return True
    origin = of_path(code.co_filename)
    if origin is Origin.LOCAL:
        return True
    return late and origin is not Origin.OURS and not _keeps(code.co_filename)


def _keeps(path: str) -> bool:
    if path.startswith("<frozen "):
        return True
    parts = path.replace("\\", "/").removesuffix(".py").split("/")
    return not _KEEPERS.isdisjoint(parts[-3:])
