"""Where events, results and log lines come in: cheap, from any thread, safe from a kill at once."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import RLock
from time import time
from typing import Any

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter.runs.events import Event
from flyte_jupyter.runs.journal import EVENT, RESULT, Journal
from flyte_jupyter.runs.packed import packer
from flyte_jupyter.runs.recent import Recent

_FROM, _TEXT = itemgetter(0, 1, 2, 3), itemgetter(4)

Row = tuple[Any, ...]
"""A result's columns, in the order of the table ``results``."""


@dataclass(slots=True)
class Chunk:
    """Text of one stream of one attempt, in parts, until it becomes a row."""

    run: str
    action: str
    attempt: int
    stream: str
    time: float
    parts: list[str]


@dataclass(slots=True)
class Batch:
    """What came in since the last batch; ``last`` is the number of its last record in the journal."""

    events: list[tuple[Event, bytes]] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)
    last: int = 0

    def __bool__(self) -> bool:
        return bool(self.events or self.results or self.chunks or self.hits)

    def __len__(self) -> int:
        return len(self.events) + len(self.results) + len(self.chunks) + len(self.hits)

    def join(self, later: "Batch") -> "Batch":
        """Put a later batch behind this one."""
        hits = {key: self.hits.get(key, 0) + later.hits.get(key, 0) for key in self.hits | later.hits}
        return Batch(
            self.events + later.events,
            self.results + later.results,
            self.chunks + later.chunks,
            hits,
            later.last,
        )

    def split(self) -> Iterator["Batch"]:
        """Take it apart, so that one thing that cannot be written does not hold up the others."""
        yield from (Batch(events=[event]) for event in self.events)
        yield from (Batch(results=[row]) for row in self.results)
        yield from (Batch(chunks=[chunk]) for chunk in self.chunks)
        yield from (Batch(hits={key: count}) for key, count in self.hits.items())


class Intake:
    """The queue between those who say what happens and the writer.

    Args:
        folder: the folder of journals.
        wake: called when something comes in and the writer sleeps.
        fail: called with what the journal or the packing raised; nothing is ever raised to the caller.
    """

    def __init__(
        self, folder: Path, wake: Callable[[], None], fail: Callable[[Exception, bool], None]
    ) -> None:
        self._folder = folder
        self._wake = wake
        self._fail = fail
        self.reset()

    def reset(self) -> None:
        """Begin anew with a journal of its own: at first, and in a forked child."""
        self._lock = RLock()  # a finaliser that runs in the middle of an append may append, too
        self.journal = Journal(self._folder)
        self._pack = packer()
        self.recent = Recent()
        self._batch = Batch()
        self._texts: deque[tuple[str, str, int, str, str]] = deque()
        self._texts_since = time()
        self.awake = False
        self.results: dict[str, Row] = {}  # what the database does not have yet, for those who ask

    def append(self, event: Event) -> None:
        """Take an event."""
        try:
            with self._lock:
                body = self._pack(event)
                self._batch.events.append((event, body))
                self.recent.note(event, len(body))
                self.journal.write(EVENT, event.run, body)
        except OSError as error:
            self._fail(error, False)
        except Exception as error:  # noqa: BLE001 - a record must never stop what it records
            self._fail(error, True)
        if not self.awake:
            self._rouse()

    def put(self, row: Row) -> None:
        """Take a result for the cache."""
        try:
            body: bytes = msgpack.packb(row, unicode_errors="surrogatepass")
            with self._lock:
                self._batch.results.append(row)
                self.results[row[0]] = row
                self.journal.write(RESULT, "", body)
        except OSError as error:
            self._fail(error, False)
        except Exception as error:  # noqa: BLE001 - a record must never stop what it records
            self._fail(error, True)
        if not self.awake:
            self._rouse()

    def log(self, run: str, action: str, attempt: int, stream: str, text: str) -> None:
        """Take text that an attempt wrote."""
        self.recent.hear(run)
        self._texts.append((run, action, attempt, stream, text))  # one step: it needs no lock
        if not self.awake:
            self._texts_since = time()
            self._rouse()

    def hit(self, key: str) -> None:
        """Count that a result was taken from the cache."""
        with self._lock:
            self._batch.hits[key] = self._batch.hits.get(key, 0) + 1
        if not self.awake:
            self._rouse()

    @property
    def pending(self) -> bool:
        """Whether something waits to be taken."""
        return bool(self._texts) or bool(self._batch)

    def take(self) -> Batch:
        """Take out what came in."""
        with self._lock:
            batch = self._batch
            batch.last = self.journal.turn()
            self._batch = Batch()
        if self._texts:
            batch.chunks = self._chunks()
        return batch

    def _chunks(self) -> list[Chunk]:
        """Join what each stream wrote, in the order of the streams' first texts; keep turns of an action."""
        since, self._texts_since = self._texts_since, time()
        texts = [self._texts.popleft() for _ in range(len(self._texts))]
        chunks: list[Chunk] = []
        last: dict[tuple[str, str, int], Chunk] = {}
        for (run, action, attempt, stream), group in groupby(texts, _FROM):
            place = (run, action, attempt)
            chunk = last.get(place)
            if chunk is None or chunk.stream != stream:
                chunk = last[place] = Chunk(run, action, attempt, stream, since, [])
                chunks.append(chunk)
            chunk.parts.extend(map(_TEXT, group))
        return chunks

    def drained(self, batch: Batch) -> None:
        """Forget what is in the database now."""
        with self._lock:
            self.journal.drained(batch.last)
            for row in batch.results:
                if self.results.get(row[0]) is row:
                    del self.results[row[0]]

    def close(self) -> bool:
        """Close the journal, tell whether all that it held is in the database, and begin another."""
        with self._lock:
            journal, self.journal = self.journal, Journal(self._folder)
            return journal.close()

    def forget(self) -> None:
        """Forget the last runs, some of which may have been removed."""
        with self._lock:
            self.recent.clear()

    def beat(self) -> None:
        """Say that this process lives, while it has nothing else to say."""
        with self._lock, suppress(OSError):
            self.journal.beat()

    def _rouse(self) -> None:
        self.awake = True
        self._wake()
