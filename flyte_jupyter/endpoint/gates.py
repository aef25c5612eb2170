"""The slots that an attempt needs: one of the endpoint's, and one of its run's if that has a bound."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flyteidl2.task import run_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.slots import Slots
from flyte_jupyter.endpoint.state import State

Who = tuple[str, str]
"""A run and one of its actions."""


class Gates:
    """Hands out slots.

    Args:
        state: where a run's own bound is read.
        slots: the endpoint's.
    """

    def __init__(self, state: State, slots: Slots) -> None:
        self._state = state
        self._slots = slots
        self._runs: dict[str, Slots | None] = {}

    @asynccontextmanager
    async def through(self, who: Who) -> AsyncIterator[None]:
        """Wait for the slots, and hold them."""
        own = self._own(who[0])
        if own is not None:
            await own.take(who)
        try:
            await self._slots.take(who)
            try:
                yield
            finally:
                self._slots.leave(who)
        finally:
            if own is not None:
                own.leave(who)

    def lend(self, who: Who) -> None:
        """Let others have the slots of an action that waits for those that it called."""
        for slots in self._all(who):
            slots.lend(who)

    def back(self, who: Who) -> None:
        """Take them back."""
        for slots in self._all(who):
            slots.back(who)

    def forget(self, run: str) -> None:
        """A run has ended."""
        self._runs.pop(run, None)

    def _all(self, who: Who) -> tuple[Slots, ...]:
        own = self._own(who[0])
        return (self._slots,) if own is None else (self._slots, own)

    def _own(self, run: str) -> Slots | None:
        if run not in self._runs:
            spec: Any = run_pb2.RunSpec.FromString(self._state.run(run).spec)
            most = spec.max_action_concurrency
            self._runs[run] = Slots(most) if most else None
        return self._runs[run]
