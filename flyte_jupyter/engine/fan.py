"""Synchronous calls side by side: the caller works itself, and helpers join where calls take long.

Handing a call of a few microseconds to another thread costs more than the call. So the caller makes the
calls one after the other, and a helper thread joins only when it sees that a call takes longer than a
hand-over; each helper that finds more to do brings the next one.
"""

import contextvars
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flyte_jupyter.backends.threads import threads
from flyte_jupyter.engine.loop import PATIENCE
from flyte_jupyter.tasks.context import group

THREADS = min(32, 4 * (os.cpu_count() or 1))
"""Calls at once, where no concurrency is given."""

_TICK = 0.001
_QUICK = 3
"""Calls within a tick from which on helpers would only be in the way."""

Call = Callable[..., Any]
Items = Iterator[tuple[Any, ...]]


class _Item:
    """One call: its arguments, then its result or its failure."""

    __slots__ = ("args", "done", "error", "result")

    def __init__(self, args: tuple[Any, ...], error: BaseException | None = None) -> None:
        self.args = args
        self.done = error is not None
        self.result: Any = None
        self.error = error


class Fan:
    """Calls of one function with many arguments.

    Inputs are taken as there is room for calls: two for each that may run at once.

    Args:
        call: the function.
        items: the arguments of each call.
        limit: how many calls at once.
        name: the group that the calls are made in.
    """

    def __init__(self, call: Call, items: Items, limit: int, name: str) -> None:
        self._call = call
        self._items = items
        self._limit = limit
        self._name = name
        self._todo: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._waiting = False
        self._finished = 0
        self._helpers = 0

    def results(self, *, return_exceptions: bool) -> Iterator[Any]:
        """Make the calls and give their results in order; a failure is raised in its place."""
        pending: deque[_Item] = deque()
        more = True
        try:
            while True:
                while more and len(pending) < (2 * self._limit if self._limit > 1 else 1):
                    pending.append(item := self._next())
                    more = not item.done
                    if more:
                        self._todo.append(item)
                        self._help()
                item = pending.popleft()
                if item.args is _END:
                    if item.error is None:
                        return
                    raise item.error
                yield self._result(item, return_exceptions)
        finally:
            self._todo.clear()

    def _next(self) -> _Item:
        """Take the next input; their end, or a failure to take one, waits for its turn like a result."""
        try:
            return _Item(next(self._items))
        except StopIteration:
            item = _Item(_END)
        except Exception as error:  # noqa: BLE001 - the user's iterable may do anything
            item = _Item(_END, error)
        item.done = True
        return item

    def _result(self, item: _Item, return_exceptions: bool) -> Any:
        while not item.done:
            try:
                other = self._todo.popleft()
            except IndexError:
                self._wait(item)
                continue
            with group(self._name):
                self._make(other)
        if item.error is None:
            return item.result
        if return_exceptions and isinstance(item.error, Exception):
            return item.error
        raise item.error

    def _make(self, item: _Item) -> None:
        try:
            item.result = self._call(*item.args)
        except BaseException as error:
            item.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            item.done = True
            self._finished += 1
            if self._waiting:
                with self._changed:
                    self._changed.notify_all()

    def _wait(self, item: _Item) -> None:
        """Wait for a helper to finish a call; in small steps, so that stopping the run is noticed."""
        with self._changed:
            self._waiting = True
            if not item.done:
                self._changed.wait(PATIENCE)
            self._waiting = False

    def _help(self) -> None:
        """Start a helper in a copy of this context, if there is work for one and room."""
        with self._changed:
            if len(self._todo) < 2 or self._helpers >= min(1, self._limit - 1):  # noqa: PLR2004 - the caller takes one
                return
            self._helpers += 1
        self._start()

    def _start(self) -> None:
        context = contextvars.copy_context()
        threads.start(lambda: context.run(self._helper))

    def _helper(self) -> None:
        try:
            if self._is_slow():
                with group(self._name):
                    self._work()
        except BaseException:  # noqa: BLE001 - the item holds it for the caller, who raises it
            return
        finally:
            with self._changed:
                self._helpers -= 1

    def _work(self) -> None:
        while True:
            try:
                item = self._todo.popleft()
            except IndexError:
                return
            with self._changed:
                another = bool(self._todo) and self._helpers < self._limit - 1
                self._helpers += another
            if another:
                self._start()
            self._make(item)

    def _is_slow(self) -> bool:
        """Wait until calls take longer than a hand-over; False if there is nothing left to do before that."""
        while self._todo:
            before = self._finished
            time.sleep(_TICK)
            if self._finished - before < _QUICK:
                return True
        return False


_END: tuple[Any, ...] = ("the inputs end here",)
