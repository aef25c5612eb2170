"""One run at an endpoint, followed to its end: actions, attempts, logs, reports and values."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flyte_jupyter.backends.flyte_client import Client
from flyte_jupyter.backends.flyte_facts import detailed, listed
from flyte_jupyter.backends.flyte_lines import Line, Lines, Printed
from flyte_jupyter.backends.flyte_quiet import is_own
from flyte_jupyter.backends.flyte_values import packed_of
from flyte_jupyter.backends.mirror import Fact, Mirror
from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import RuntimeSystemError, TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.runs.events import ROOT

T = TypeVar("T")
Published = Callable[[str, str], None]
"""``published(action, html)``: the report of an action of ours."""

_LOOK = 0.25
_LONGEST_LOOK = 1.0
_LAST_LOOKS = 8
"""Looks after the end of the root, until nothing is new."""
_REPORT = 2.0
_SETTLE = 0.3
_LOOKS = 6
_IDLE = 3.0
"""Seconds without a line after which the log of an action that has ended is over."""
_CAUGHT_UP = 0.1
"""Seconds without a line after which a log has told what there was when it was asked for."""
_LATEST = 1.0
"""Seconds that the lines of others wait for logs that are new."""
_LOST = 60.0
"""Seconds without an answer after which an endpoint is lost."""
_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is worth asking for.

    Args:
        children: whether the task may call others, or traced helpers.
        reports: whether there may be reports.
        lines: how many log lines of each action and attempt are on record already.
    """

    children: bool = True
    reports: bool = True
    lines: Mapping[tuple[str, int], int] = field(default_factory=dict)


class _UnreadableError(Exception):
    """An endpoint says something that this version does not know."""


class Following:
    """Follows one run.

    Args:
        client: the connection.
        run: the run's handle there.
        mirror: says what happens.
        printed: takes what actions print.
        published: takes their reports.
        names: what the module of the root's function holds, for the classes of exceptions.
        blobs: where values of actions are kept.
        expected: what is worth asking for.
    """

    def __init__(
        self,
        client: Client,
        run: Any,
        mirror: Mirror,
        printed: Printed,
        published: Published,
        names: Mapping[str, Any],
        blobs: BlobStore | None,
        expected: Expected,
    ) -> None:
        self._client = client
        self._run = run
        self._mirror = mirror
        self._lines = Lines(printed, sorting=expected.children)
        self._published = published
        self._names = names
        self._blobs = blobs
        self._expected = expected
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._facts: dict[str, Fact] = {}
        self._tails: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._behind: set[asyncio.Future[None]] = set()
        self._reports: dict[str, str] = {}
        self._over = asyncio.Event()

    async def to_end(self) -> Any:
        """Follow the run to its end and give the last ``ActionDetails`` of its root.

        Raises:
            RuntimeSystemError: the endpoint did not answer for a long time.
        """
        side = [asyncio.create_task(self._list())] if self._expected.children else []
        if self._expected.reports:
            side.append(asyncio.create_task(self._report_live()))
        try:
            details = await self._root()
            self._over.set()
            await asyncio.gather(*side)
            await asyncio.gather(*self._tails.values())
            await self._report(self._run.action, self._facts[ROOT])
            return details
        finally:
            self._lines.give()
            for task in (*side, *self._tails.values()):
                task.cancel()

    async def _root(self) -> Any:
        """Watch the root; a connection that breaks is made again."""
        last, answered = None, time.monotonic()
        while True:
            try:
                async for details in self._client.watch(self._run):
                    last, answered = details, time.monotonic()
                    fact = self._read(details)
                    self._see(fact)
                    if fact.terminal:
                        return last
            except _UnreadableError as error:
                raise RuntimeSystemError("EndpointUnreadable", str(error)) from error.__cause__
            except Exception as error:  # noqa: BLE001 - a connection breaks in many ways
                if time.monotonic() - answered > _LOST:
                    raise RuntimeSystemError(
                        "EndpointLost",
                        f"{self._client.address.shown} has not answered for {_LOST:g} s ({error}); its run "
                        f"{self._run.name} may go on",
                    ) from None
            await asyncio.sleep(_LOOK)

    def _read(self, details: Any) -> Fact:
        place = self._client.address.shown
        try:
            return detailed(details.pb2, self._names, place)
        except Exception as error:
            raise _UnreadableError(
                f"what {place} says of run {self._run.name} cannot be read: {error}"
            ) from error

    # Children

    async def _list(self) -> None:
        """Look at the actions until the root has ended and all of them are known to have."""
        wait, left = _LOOK, _LAST_LOOKS
        while left:
            left -= self._over.is_set()
            changed, began = 0, time.monotonic()
            with suppress(Exception):  # the watch of the root tells when an endpoint is lost
                changed = await self._look()
                if self._over.is_set() and not changed:
                    return
            if self._behind:
                await asyncio.wait(self._behind, timeout=_LATEST)
            self._lines.give(began)
            wait = _LOOK if changed else min(2 * wait, _LONGEST_LOOK)
            await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        """Wait; not for long where lines wait for what else has begun."""
        end = time.monotonic() + seconds
        while not self._over.is_set() and time.monotonic() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _LOOK)
            if self._lines.waiting:
                return

    async def _look(self) -> int:
        """Look at all actions, and tell how many have changed."""
        news = []
        for action in await self._client.actions(self._run.name):
            fact = listed(action.pb2)
            known = self._facts.get(fact.name)
            if fact.name == ROOT or (known is not None and _alike(known, fact)):
                continue
            if self._mirror.has_ended(fact.name):
                self._listen(fact)  # of a run that is picked up, the end may be on record, and lines not
            else:
                news.append((action, fact, known is None))
        asked = [asyncio.create_task(self._limited(self._whole(fact, is_new=new))) for _, fact, new in news]
        for asking in asked:  # in the order in which the actions were called
            if (whole := await asking) is not None:
                self._see(whole)
        await asyncio.gather(*(self._limited(self._reported(action, fact)) for action, fact, _ in news))
        return len(news)

    async def _limited(self, work: Awaitable[T]) -> T | None:
        async with self._limit:
            with suppress(Exception):  # it is looked at again
                return await work
        return None

    async def _whole(self, fact: Fact, *, is_new: bool) -> Fact:
        """Ask for what a list does not say."""
        if not (is_new or fact.terminal):
            return fact
        details = await self._client.details(self._run.name, fact.name)
        inputs, outputs = await self._client.literals(details)
        fact = replace(self._read(details), queued=fact.queued, inputs=self._packed(inputs))
        return replace(fact, outputs=self._packed(outputs)) if fact.terminal else fact

    async def _reported(self, action: Any, fact: Fact) -> None:
        if fact.terminal and fact.what == "task":
            await self._report(action, self._facts[fact.name])

    def _packed(self, messages: Any) -> bytes | None:
        try:
            return packed_of(messages, self._blobs)
        except (TypeTransformerFailedError, OSError):
            return None

    def _see(self, fact: Fact) -> None:
        self._mirror.see(fact)
        self._listen(fact)

    def _listen(self, fact: Fact) -> None:
        """Remember an action as it is, and take what its attempts print."""
        self._facts[fact.name] = fact
        if fact.what != "task":
            return
        for attempt in fact.attempts:
            key = (fact.name, attempt.number)
            if attempt.started is not None and key not in self._tails:
                self._tails[key] = asyncio.create_task(self._tail(*key))

    # Logs

    async def _tail(self, name: str, number: int) -> None:
        """Take what an attempt prints, to its end; what is on record already is passed over."""
        caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._behind.add(caught_up)
        caught_up.add_done_callback(self._behind.discard)
        for _ in range(_LOOKS):  # most bodies are short: then there is one thing to ask for
            if self._ended(name, number):
                break
            await asyncio.sleep(_SETTLE / _LOOKS)
        ours = self._mirror.name(name)
        skip = self._expected.lines.get((ours, number), 0)
        try:
            with suppress(Exception):  # an endpoint may keep no logs
                async for line in self._log(name, number, caught_up):
                    if skip <= 0:
                        self._lines.take(ours, number, line)
                    skip -= line.text.endswith("\n")
        finally:
            caught_up.cancel()

    async def _log(self, name: str, number: int, caught_up: "asyncio.Future[None]") -> Any:
        stream = self._client.lines(self._run.action.pb2.id, name, number).__aiter__()
        waiting: asyncio.Future[list[Line]] | None = None
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(stream))
                done, _ = await asyncio.wait([waiting], timeout=_IDLE if caught_up.done() else _CAUGHT_UP)
                if not done:
                    if caught_up.done() and self._ended(name, number):
                        return
                    if not caught_up.done():
                        caught_up.set_result(None)
                    continue
                try:
                    lines = waiting.result()
                except StopAsyncIteration:
                    return
                waiting = None
                for line in lines:
                    if not is_own(line.text):
                        yield line
        finally:
            if waiting is not None:
                waiting.cancel()

    def _ended(self, name: str, number: int) -> bool:
        fact = self._facts.get(name)
        if fact is None:
            return False
        return fact.terminal or len(fact.attempts) > number

    # Reports

    async def _report_live(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _REPORT)
            fact = self._facts.get(ROOT)
            if fact is not None and not fact.terminal:
                await self._report(self._run.action, fact)

    async def _report(self, action: Any, fact: Fact) -> None:
        if not self._expected.reports or not fact.attempts:
            return
        html = await self._client.report(action, fact.attempts[-1].number)
        if not html:
            return
        found = digest("report", html)
        if self._reports.get(fact.name) != found:
            self._reports[fact.name] = found
            self._published(self._mirror.name(fact.name), html)


def _alike(known: Fact, fact: Fact) -> bool:
    return (known.phase, len(known.attempts)) == (fact.phase, len(fact.attempts))
