"""Which synchronous bodies run on which threads, and how they are stopped.

A body is stopped by raising an exception in its thread, as ``interrupting`` says. That happens only while
the user's code runs: as soon as a body calls a task it is covered, so that the engine's own steps are never
cut in two, and a stop that comes in the meantime takes effect when the body goes on.
"""

import os
import signal
import threading
from collections.abc import Container

from flyte_jupyter.backends.interrupting import Interruption, keep_trying, let_arrive


class Stopped(BaseException):
    """Raised in a synchronous body when its run is stopped. No ``except Exception`` catches it."""


class Body:
    """One synchronous body.

    Args:
        run: the run that it belongs to.
        task: what people call its task.
    """

    __slots__ = ("chased", "covered", "hit", "ident", "outer", "run", "stopped", "task")

    def __init__(self, run: str, task: str = "") -> None:
        self.run = run
        self.task = task
        self.ident = 0
        self.outer: Body | None = None
        self.covered = True
        self.stopped = False
        self.chased = False
        self.hit = False


class Bodies:
    """All bodies that run in this process, innermost first by thread."""

    def __init__(self) -> None:
        self._reset()

    def enter(self, body: Body) -> None:
        """Begin a body on this thread, covered; ``leave`` must follow."""
        if self._pid != os.getpid():
            self._reset()  # a forked child runs one thread only, and none of its parent's bodies
        body.ident = threading.get_ident()
        with self._lock:
            body.outer = self._top.get(body.ident)
            self._top[body.ident] = body

    def leave(self, body: Body) -> None:
        """End a body; nothing is raised in its thread on its behalf any more."""
        self.cover(body)
        with self._lock:
            if body.outer is not None:
                self._top[body.ident] = body.outer
            else:
                self._top.pop(body.ident, None)

    def uncover(self, body: Body | None) -> None:
        """Let the user's code be stopped.

        Raises:
            Stopped: it was stopped while it was covered.
        """
        if body is None:
            return
        with self._lock:
            if not body.stopped:
                body.covered = False
                return
        raise Stopped

    def cover(self, body: Body) -> None:
        """Let nothing be raised in this thread, which is the body's own, for a while."""
        with self._lock:
            body.covered = True
            if body.hit:
                body.hit = False
                try:  # noqa: SIM105 - it could arrive between the steps of suppress()
                    let_arrive()
                except Stopped:
                    pass

    def cover_current(self) -> Body | None:
        """Cover the innermost body of this thread and give it; None if there is none.

        Raises:
            Stopped: it was stopped.
        """
        body = self._top.get(threading.get_ident())
        if body is None:
            return None
        self.cover(body)
        if body.stopped:
            raise Stopped
        return body

    def is_in(self, run: str) -> bool:
        """Whether the innermost body of this thread belongs to a run."""
        body = self._top.get(threading.get_ident())
        return body is not None and body.run == run

    def is_hit(self) -> bool:
        """Whether the innermost body of this thread is being stopped at this moment."""
        body = self._top.get(threading.get_ident())
        return body is not None and body.hit

    def stuck(self, runs: Container[str]) -> list[str]:
        """Name the tasks whose bodies, of some runs, were stopped and did not end; innermost ones only."""
        with self._lock:
            return [body.task for body in self._top.values() if body.stopped and body.run in runs]

    @staticmethod
    def on_main_thread(body: Body) -> bool:
        """Whether a body runs on the main thread, where a KeyboardInterrupt may be the user's."""
        return threading.main_thread().ident == body.ident

    def check(self) -> None:
        """Give a covered wait the chance to end.

        Raises:
            Stopped: the innermost body of this thread was stopped.
        """
        body = self._top.get(threading.get_ident())
        if body is not None and body.stopped:
            raise Stopped

    def stop(self, run: str) -> None:
        """Stop every body of a run, and what those bodies run themselves."""
        with self._lock:
            for top in list(self._top.values()):
                mine = [body for body in _chain(top) if body.run == run]
                if mine:
                    self._stop(top, mine[-1])

    def abandon(self, body: Body) -> None:
        """Stop one body, wherever it is, also if it did not begin yet."""
        with self._lock:
            body.stopped = True
            top = self._top.get(body.ident)
            if top is not None and body in _chain(top):
                self._stop(top, body)

    def _stop(self, top: Body, last: Body) -> None:
        for body in _chain(top):
            body.stopped = True
            if body is last:
                break
        if not top.covered and not top.hit and top.ident != threading.get_ident():
            self._reach(top)

    def _reach(self, body: Body) -> None:
        """Raise in a thread; in the main thread by a signal, which also ends a system call that waits."""
        if self.on_main_thread(body) and _interruptible():
            # Delivered before the body can be covered: taking the lock for that lets signals through.
            body.hit = True
            signal.pthread_kill(body.ident, signal.SIGINT)
        elif not body.chased:
            body.chased = True
            threading.Thread(target=self._chase, args=(body,), name="flyte-stop", daemon=True).start()

    def _chase(self, body: Body) -> None:
        """Raise as soon as the thread is where that harms nobody, unless the body is covered before."""
        interruption = Interruption(body.ident, Stopped)

        def attempt() -> bool:
            with self._lock:
                if not body.covered and not body.hit:
                    body.hit = interruption.attempt()
                body.chased = not body.covered and not body.hit
                return not body.chased

        keep_trying(attempt)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._top: dict[int, Body] = {}
        self._pid = os.getpid()


bodies = Bodies()


def _chain(body: Body | None) -> "list[Body]":
    out = []
    while body is not None:
        out.append(body)
        body = body.outer
    return out


def _interruptible() -> bool:
    """Whether SIGINT ends what the main thread does: by Python's own handler, asyncio.run's, or a cell's."""
    if not hasattr(signal, "pthread_kill"):
        return False
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler or getattr(handler, "ends_calls", False):
        return True
    return "_on_sigint" in str(getattr(handler, "func", ""))
