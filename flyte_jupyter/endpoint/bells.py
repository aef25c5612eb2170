"""Wakes those who wait for something to change; on one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Bells:
    """Bells by topic."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Hashable, set[asyncio.Event]] = defaultdict(set)

    def ring(self, *topics: Hashable) -> None:
        """Wake everybody who listens to one of the topics."""
        for topic in topics:
            for event in self._waiting.get(topic, ()):
                event.set()

    @contextmanager
    def heard(self, *topics: Hashable) -> Iterator[asyncio.Event]:
        """Listen to topics: the event is set when one of them rings; who waits clears it before it looks."""
        event = asyncio.Event()
        for topic in topics:
            self._waiting[topic].add(event)
        try:
            yield event
        finally:
            for topic in topics:
                waiting = self._waiting[topic]
                waiting.discard(event)
                if not waiting:
                    del self._waiting[topic]
