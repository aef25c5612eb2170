"""How many attempts run at once: a parent that waits for its children holds no slot."""

import asyncio
from collections import deque
from collections.abc import Hashable


class Slots:
    """A number of slots, handed out in order.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._held: set[Hashable] = set()
        self._lent: set[Hashable] = set()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._promised = 0  # to those who are woken and do not hold their slot yet

    async def take(self, who: Hashable) -> None:
        """Wait for a slot, and hold it."""
        if self._queue or not self._free():
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._promised -= 1
                    self._next()
                raise
            self._promised -= 1
        self._held.add(who)

    def leave(self, who: Hashable) -> None:
        """Give a slot back."""
        self._held.discard(who)
        self._lent.discard(who)
        self._next()

    def lend(self, who: Hashable) -> None:
        """Let others have a slot for as long as its holder waits for its children."""
        if who in self._held and who not in self._lent:
            self._lent.add(who)
            self._next()

    def back(self, who: Hashable) -> None:
        """Take a lent slot back: at once, as its holder goes on in any case."""
        self._lent.discard(who)

    def _free(self) -> bool:
        return len(self._held) - len(self._lent) + self._promised < self.count

    def _next(self) -> None:
        """Wake as many as there is room for; who is woken holds its slot only a moment later."""
        while self._queue and self._free():
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._promised += 1
