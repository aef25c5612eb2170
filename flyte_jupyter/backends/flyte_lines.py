"""Lines that several actions elsewhere print: held for a moment, and given in the order of their printing."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Printed = Callable[[str, int, str, str], None]
"""``printed(action, attempt, stream, text)``: an action of ours printed something."""


@dataclass(frozen=True, slots=True)
class Line:
    """What an attempt printed: when, on which stream, and the text."""

    time: float
    stream: str
    text: str


@dataclass(slots=True, order=True)
class _Held:
    printed: float
    number: int
    arrived: float = field(compare=False)
    action: str = field(compare=False)
    attempt: int = field(compare=False)
    line: Line = field(compare=False)


class Lines:
    """Puts the lines of all actions of a run into one order.

    Each action has a log of its own, and is known only a while after it has begun: what others have printed
    since then waits.

    Args:
        printed: takes them.
        sorting: whether there may be several actions; lines of one are given at once.
    """

    def __init__(self, printed: Printed, *, sorting: bool) -> None:
        self._printed = printed
        self._sorting = sorting
        self._held: list[_Held] = []
        self._last: dict[tuple[str, int], float] = {}
        self._count = 0

    @property
    def waiting(self) -> bool:
        """Whether there are any that wait."""
        return bool(self._held)

    def take(self, action: str, attempt: int, line: Line) -> None:
        """Take a line; those of one attempt come in order."""
        if not self._sorting:
            self._printed(action, attempt, line.stream, line.text)
            return
        key = (action, attempt)
        # A clock may go back; the lines of an attempt do not.
        when = self._last[key] = max(line.time, self._last.get(key, 0.0))
        self._count += 1
        heapq.heappush(self._held, _Held(when, self._count, time.monotonic(), action, attempt, line))

    def give(self, until: float = float("inf")) -> None:
        """Give, in order, what came before ``until`` on the monotonic clock, and what was printed earlier."""
        last = max((one.printed for one in self._held if one.arrived < until), default=None)
        while self._held and last is not None and self._held[0].printed <= last:
            one = heapq.heappop(self._held)
            self._printed(one.action, one.attempt, one.line.stream, one.line.text)
