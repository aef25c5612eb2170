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

GIVES_UP_WAITS = sys.version_info >= (3, 12)
"""Whether what is raised in a thread that waits arrives right after the wait, and harms nobody before."""

_WAITS = frozenset({threading.Condition.wait.__code__})
"""Library code that gives back what it holds, wherever it is interrupted."""

_KEEPERS = frozenset(
    {"asyncio", "concurrent", "coverage", "importlib", "logging", "multiprocessing", "queue", "threading"}
)
"""Libraries that hold locks which others need; never interrupted."""


class Interruption:
    """One exception that is to be raised in a thread. The thread must not end before this is done with.

    Args:
        ident: the thread, as ``threading.get_ident`` names it there.
        kind: what to raise.
    """

    def __init__(self, ident: int, kind: type[BaseException]) -> None:
        self._ident = ident
        self._kind = kind
        self._began = time.monotonic()
        self._used = _cpu_seconds(ident)

    def attempt(self) -> bool:
        """Raise if the thread is where that harms nobody; tell whether."""
        ctypes = load("ctypes")
        raising = ctypes.pythonapi.PyThreadState_SetAsyncExc
        thread, exception = ctypes.c_ulong(self._ident), ctypes.py_object(self._kind)
        late = time.monotonic() - self._began > USERS_FIRST
        time.sleep(0)  # nobody else gets the interpreter between the look and the blow
        frame = sys._current_frames().get(self._ident)  # noqa: SLF001 - documented for tools like this
        if frame is None or not _at_rest(frame.f_code, late):
            return False
        if not GIVES_UP_WAITS and not self._goes_on():
            return False
        raising(thread, exception)
        return True

    def _goes_on(self) -> bool:
        """Whether it did anything since the last look.

        What is raised in a thread that waits arrives when the wait is over; until then Python 3.11 looks for
        it at every step of every thread, and those that are traced stand still.
        """
        before, self._used = self._used, _cpu_seconds(self._ident)
        return self._used != before


def let_arrive() -> None:
    """Go on for so long that what was raised in this thread arrives, if it did not yet.

    It is never taken back in the interpreter: after that, Python 3.11 keeps looking for it at every step, and
    every thread that is traced stands still.
    """
    for _ in range(10):
        pass


def keep_trying(attempt: Callable[[], bool], seconds: float = float("inf")) -> bool:
    """Call ``attempt`` until it says that nothing is left to do; False if the time is up before."""
    began = time.monotonic()
    while not attempt():
        passed = time.monotonic() - began
        if passed > seconds:
            return False
        time.sleep(_OFTEN if passed < USERS_FIRST else _SELDOM)
    return True


def _cpu_seconds(ident: int) -> float:
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic()  # not known here
    return time.clock_gettime(time.pthread_getcpuclockid(ident))


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
