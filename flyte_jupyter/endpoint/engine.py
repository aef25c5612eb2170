"""Decides about actions: from the cache, when, how often, until when, and what ends with what."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

from flyteidl2.task import run_pb2, task_definition_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.attempts import Attempts
from flyte_jupyter.endpoint.bounds import Bounds, bounds, seconds
from flyte_jupyter.endpoint.gates import Gates
from flyte_jupyter.endpoint.observer import Observer
from flyte_jupyter.endpoint.outcomes import timed_out
from flyte_jupyter.endpoint.recovering import recovered
from flyte_jupyter.endpoint.results import Results
from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.values import ROOT, TASK, ActionRow, Outcome, Phase, RunRow

HIT, MISS, DISABLED, POPULATED, SKIPPED = 2, 1, 0, 3, 6
"""The protocol's words for what the cache answered."""


class Engine:
    """Drives actions to their ends; on one event loop.

    Args:
        state: what is known.
        attempts: runs one attempt.
        gates: hand out slots.
        observer: is told what happens.
    """

    def __init__(self, state: State, attempts: Attempts, gates: Gates, observer: Observer) -> None:
        self._state = state
        self._attempts = attempts
        self._gates = gates
        self._observer = observer
        self._results = Results(state)
        self._driven: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._waited: Counter[tuple[str, str]] = Counter()

    def begin(self, run: RunRow, root: ActionRow) -> ActionRow:
        """Take a new run and its root.

        Raises:
            sqlite3.IntegrityError: there is one of this name.
        """
        with self._state.together():
            self._state.add_run(run)
            row = self._state.add_action(root)
        self._observer.run_started(run, row)
        self._take(row)
        return row

    def enqueue(self, action: ActionRow) -> bool:
        """Take an action of a run; False if it is there already and goes on, or is done."""
        known = self._state.find_action(action.run, action.name)
        if known is None:
            self._take(self._state.add_action(recovered(self._state, action) or action))
        elif known.stale:
            self._take(self._restarted(known, action))
        return known is None or known.stale

    def signal(self, action: ActionRow, value: bytes) -> bool:
        """Give a condition its value; False if it waits no more."""
        if action.phase.terminal:
            return False
        self._end(action, Outcome(phase=Phase.SUCCEEDED), value=value)
        return True

    def abort(self, action: ActionRow, reason: str) -> None:
        """End an action and what it called."""
        if not action.phase.terminal:
            self._end(action, Outcome(phase=Phase.ABORTED), reason=reason)

    def resume(self) -> int:
        """Go on with everything that had not ended; returns how many that is."""
        alive = self._state.alive()
        for action in alive:
            self._wait_for(action)
        for action in alive:
            self._drive(action)
        return len(alive)

    async def close(self) -> None:
        """Stop driving; what has not ended goes on when another endpoint of the store starts."""
        driven = list(self._driven.values())
        for task in driven:
            task.cancel()
        await asyncio.gather(*driven, return_exceptions=True)

    # Inside

    def _take(self, action: ActionRow) -> None:
        self._observer.queued(action)
        if action.phase.terminal:  # a trace comes with its end, and so does what is recovered
            self._observer.ended(action)
            return
        self._wait_for(action)
        self._drive(action)

    def _restarted(self, known: ActionRow, action: ActionRow) -> ActionRow:
        """Start over what belongs to an earlier attempt of its parent; its attempts are numbered on."""
        return self._state.set_action(
            known.run, known.name, phase=action.phase, stale=False, started=action.started,
            ended=action.ended, created=action.created or time.time(), outputs=action.outputs,
            spec=action.spec, error=b"", reason="", cache=DISABLED, before=known.attempts,
        )  # fmt: skip

    def _wait_for(self, action: ActionRow) -> None:
        parent = (action.run, action.parent)
        self._waited[parent] += 1
        self._gates.lend(parent)

    def _waited_for(self, action: ActionRow) -> None:
        parent = (action.run, action.parent)
        self._waited[parent] -= 1
        if self._waited[parent] <= 0:
            del self._waited[parent]
            self._gates.back(parent)

    def _drive(self, action: ActionRow) -> None:
        drive = self._drive_task if action.kind == TASK else self._drive_condition
        key = (action.run, action.name)
        task = self._driven[key] = asyncio.create_task(self._safely(action, drive))
        task.add_done_callback(lambda done: self._driven.get(key) is done and self._driven.pop(key))

    async def _safely(self, action: ActionRow, drive: Callable[[ActionRow], Awaitable[None]]) -> None:
        try:
            await drive(action)
        except Exception as defect:  # noqa: BLE001 - whatever it is, the action ends, and its parent hears why
            current = self._state.action(action.run, action.name)
            if not current.phase.terminal:
                self._end(current, self._attempts.defect(defect))

    async def _drive_condition(self, action: ActionRow) -> None:
        patience = self._attempts.patience(action)
        if patience:
            await asyncio.sleep(max(0.0, action.created + patience - time.time()))
            text = f"condition {action.short!r} was not signalled within {patience:g} s"
            self._end(action, timed_out("ConditionTimedout", text))

    async def _drive_task(self, action: ActionRow) -> None:
        spec = task_definition_pb2.TaskSpec.FromString(self._state.spec(action.spec))
        meta = spec.task_template.metadata
        limits = bounds(spec.task_template)
        cached = bool(action.key) and meta.discoverable
        async with self._results.reserved(action.key, serialize=cached and meta.cache_serializable):
            if cached:
                action = self._asked(action, _oldest(meta))
                if action.phase.terminal:
                    return
            outcome = await self._deadline(action, spec, limits)
            kept = cached and outcome.phase is Phase.SUCCEEDED
            if kept:
                self._results.keep(action.key, self._state.action(action.run, action.name).outputs)
        self._end(action, outcome, **({"cache": POPULATED} if kept else {}))

    def _asked(self, action: ActionRow, age: float) -> ActionRow:
        spec: Any = run_pb2.RunSpec.FromString(self._state.run(action.run).spec)
        refresh = spec.overwrite_cache or spec.cache_config.overwrite_cache
        found = None if refresh else self._results.find(action.key, age)
        if found is None:
            self._observer.cached(action, "refresh" if refresh else "miss")
            return self._state.set_action(action.run, action.name, cache=SKIPPED if refresh else MISS)
        self._observer.cached(action, "hit")
        return self._end(action, Outcome(phase=Phase.SUCCEEDED), outputs=found, cache=HIT)

    async def _deadline(self, action: ActionRow, spec: Any, limits: Bounds) -> Outcome:
        if not limits.deadline:
            return await self._tried(action, spec, limits)
        left = action.created + limits.deadline - time.time()
        try:
            async with asyncio.timeout(left):
                return await self._tried(action, spec, limits)
        except TimeoutError:
            text = f"{action.task} took longer than its deadline of {limits.deadline:g} s"
            return timed_out("DEADLINE_EXCEEDED", text)

    async def _tried(self, action: ActionRow, spec: Any, limits: Bounds) -> Outcome:
        number, outcome = self._attempts.left(action)
        most = limits.attempts + action.before
        while True:
            if outcome is None:
                outcome = await self._once(action, spec, limits, number)
            last = outcome.phase is Phase.SUCCEEDED or not outcome.again or number >= most
            pause = None if last else limits.pause_before(number + 1 - action.before)
            self._attempts.over(action, outcome)
            if outcome.phase is not Phase.SUCCEEDED:
                self._observer.failed(action, number, outcome, pause)
            if pause is None:
                return outcome
            self._state.set_action(action.run, action.name, phase=Phase.QUEUED)
            await asyncio.sleep(pause)
            self._state.forget_failed(action.run, action.name)
            number, outcome = number + 1, None

    async def _once(self, action: ActionRow, spec: Any, limits: Bounds, number: int) -> Outcome:
        key = (action.run, action.name)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._patience(action, limits, number)):
                    await stack.enter_async_context(self._gates.through(key))
            except TimeoutError:
                text = f"{action.task} waited longer than its {limits.queued:g} s for a slot"
                return timed_out("QUEUED_TIMEOUT_EXCEEDED", text)
            if self._waited[key] > 0:  # resumed, with children that go on
                self._gates.lend(key)
            return await self._attempts.run(action, spec, limits, number)

    @staticmethod
    def _patience(action: ActionRow, limits: Bounds, number: int) -> float | None:
        """Give the seconds that an action may still wait for its first attempt; None for ever."""
        first = limits.queued and number == action.before + 1
        return max(0.0, action.created + limits.queued - time.time()) if first else None

    def _end(self, action: ActionRow, outcome: Outcome, **more: Any) -> ActionRow:
        """End an action: it is written, its parent hears of it, and what it called ends as well."""
        changes: dict[str, Any] = {
            "phase": outcome.phase,
            "error": outcome.error,
            "ended": time.time(),
            **more,
        }
        ended = self._state.set_action(action.run, action.name, **changes)
        if outcome.phase is not Phase.SUCCEEDED:
            self._attempts.over(ended, outcome)
        self._waited_for(action)
        self._observer.ended(ended)
        if action.name == ROOT:
            self._gates.forget(action.run)
        for child in self._state.actions(
            "run = ? AND parent = ? AND ended IS NULL", (action.run, action.name)
        ):
            self.abort(child, more.get("reason") or f"{action.short or action.name}, which called it, ended")
        driver = self._driven.get((action.run, action.name))
        if driver is not None and driver is not _current():
            driver.cancel()
        return ended


def _current() -> "asyncio.Task[Any] | None":
    with suppress(RuntimeError):
        return asyncio.current_task()
    return None


def _oldest(meta: Any) -> float:
    """Give the age in seconds up to which a result counts; 0 for any."""
    age = getattr(meta, "cache_max_age", None)  # messages before 2.0.50 have none
    return 0.0 if age is None else seconds(age)
