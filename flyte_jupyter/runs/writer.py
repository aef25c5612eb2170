"""The thread that drains the intake.

Only this thread writes what came in, so that the exception of an interrupt, which the main thread may get
between any two steps, never hits a batch that is taken and not written yet. Others ask it and wait.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread, current_thread

from flyte_jupyter.runs.drain import Drain
from flyte_jupyter.runs.intake import Intake
from flyte_jupyter.runs.signal import Signal

_NAP = 0.025  # seconds to collect a batch, at most half of what a crash may cost in log lines
_SHORT_NAP = 0.005  # where somebody in this process follows a run
_PAUSE = 1.0  # seconds until what failed is tried again
_BEAT = 10.0  # seconds between signs of life while there is nothing to write
_ALIVE = 1.0  # seconds between looks whether the thread that is waited for lives


class Writer:
    """Owns the intake and its thread, which begins with the first thing that comes in.

    Args:
        path: the database.
        folder: the folder of journals.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self.intake = Intake(folder, self._rouse, self._failed)
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self._waiting: list[Signal] = []
        self._thread: Thread | None = None
        self._reset()

    def drain(self) -> None:
        """Have what came in so far written. A failure is kept for ``check``."""
        if self._drain.idle:
            return
        thread = self._thread or self._start()
        if thread is None or thread is current_thread():
            self._run()
        else:
            self._ask(thread)

    def settle(self) -> None:
        """Have what came in so far written, unless the database refused a moment ago."""
        if not self._drain.hopeless:
            self.drain()

    def check(self) -> None:
        """Say what went wrong since the last check.

        Raises:
            StoreError: something could not be written, for now or for ever.
        """
        self._drain.check()

    def transact(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do other work on the database in one transaction, after what came in so far.

        Raises:
            StoreError: the database refuses.
        """
        self.drain()
        self._drain.transact(work)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each batch, from any thread; returns what ends it."""
        with self._asking:
            self._callbacks = (*self._callbacks, callback)

        def end() -> None:
            with self._asking:
                self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return end

    def behind(self, number: int) -> bool:
        """Whether record ``number`` is not in the database yet, although nothing has failed."""
        return self._drain.written < number and not self._drain.hopeless

    def hurry(self) -> None:
        """Have the thread write now, without waiting for it."""
        self._now.set()
        self._rouse()

    def close(self) -> None:
        """Write the rest and stop. What cannot be written stays in the journal for the next process."""
        self.drain()
        self._closed = True
        self._now.set()
        self._something.set()
        self._drain.close()

    def rest(self) -> None:
        """Close the connection; nobody uses it now."""
        self._drain.rest()

    def forked(self) -> sqlite3.Connection | None:
        """Start over in a forked child; gives the parent's connection, which must not be closed here."""
        connection = self._drain.leak()
        self.intake.journal.abandon()
        self.intake.reset()
        self._reset()
        return connection

    def _reset(self) -> None:
        self._drain = Drain(self._path, self.intake)
        self._asking = Lock()
        self._waiting = []
        self._callbacks = ()
        self._something = Signal()  # there is something to write
        self._now = Signal()  # and somebody waits for it
        self._thread = None
        self._closed = False

    def _failed(self, error: Exception, lost: bool) -> None:
        self._drain.fail(error, lost)

    def _ask(self, thread: Thread) -> None:
        done = Signal()
        with self._asking:
            self._waiting.append(done)
        self.hurry()
        while not done.wait(_ALIVE):
            if not thread.is_alive():
                self._run()
                return

    def _run(self) -> None:
        with self._asking:  # before anything is taken: who asks later may have come too late for it
            waiting, self._waiting = self._waiting, []
        self._drain.run()
        for done in waiting:
            done.set()
        for callback in self._callbacks:
            callback()

    def _rouse(self) -> None:
        if self._thread is None and not self._closed:
            self._start()
        self._something.set()

    def _start(self) -> Thread | None:
        """Start the thread; one that an interrupt made unknown does no harm beside another."""
        with self._asking:
            if self._thread is None and not self._closed:
                thread = Thread(target=self._work, name="flyte_jupyter-writer", daemon=True)
                with suppress(RuntimeError):  # the interpreter is ending: ``close`` writes the rest
                    thread.start()
                    self._thread = thread
            return self._thread

    def _work(self) -> None:
        while not self._closed:
            if self._something.wait(_BEAT):
                self._now.wait(_PAUSE if self._drain.failing else _SHORT_NAP if self._callbacks else _NAP)
            else:
                self.intake.beat()
            self.intake.awake = False  # before anything is taken: what comes later wakes again
            self._run()
            if self._drain.failing:
                self._something.set()
