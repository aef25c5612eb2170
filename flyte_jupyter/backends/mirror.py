"""What happens to the actions of a run elsewhere, as events of a run of ours; each said once."""

import time
from dataclasses import dataclass, replace

from flyte_jupyter.runs.events import (
    ROOT,
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    CacheChecked,
    Emit,
    Failure,
)
from flyte_jupyter.runs.state import RunState

SUCCEEDED, FAILED, ABORTED, TIMED_OUT = "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"
ENDED = frozenset({SUCCEEDED, FAILED, ABORTED, TIMED_OUT, "RECOVERED"})
"""Phases that nothing follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFact:
    """One attempt as the endpoint shows it.

    Args:
        number: its number, from 1.
        started: when its body began; None while it waits.
        ended: when it ended.
        failure: why it failed, if it did.
    """

    number: int
    started: float | None = None
    ended: float | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One action as the endpoint shows it.

    Args:
        name: its name there.
        parent: the action that called it; empty for the root.
        task: qualified name of its task.
        short: its short name.
        group: the group that it was called in.
        what: "task" or "trace".
        phase: the protocol's word for where it is in its life.
        queued: when it was queued.
        ended: when it ended.
        attempts: its attempts, in order.
        failure: why it failed, timed out or was aborted.
        cache: hit, miss or refresh; empty if the cache was not asked.
        inputs: packed, where they are known.
        outputs: packed, where they are known.
    """

    name: str
    parent: str = ""
    task: str = ""
    short: str = ""
    group: str = ""
    what: str = "task"
    phase: str = "QUEUED"
    queued: float = 0.0
    ended: float | None = None
    attempts: tuple[AttemptFact, ...] = ()
    failure: Failure | None = None
    cache: str = ""
    inputs: bytes | None = None
    outputs: bytes | None = None

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self.phase in ENDED


@dataclass(slots=True)
class _Said:
    """What is on record of an action."""

    queued: bool = False
    started: int = 0
    failed: int = 0
    ended: bool = False
    cache: bool = False


class Mirror:
    """Says what is new in a run elsewhere.

    Args:
        run: the name of the run of ours.
        root: the action of ours that its root stands for; its queueing and its end are said by others.
        place: the name of the place.
        emit: is told.
        known: what is on record already, if anything is.
    """

    def __init__(self, run: str, root: str, place: str, emit: Emit, known: RunState | None = None) -> None:
        self._run = run
        self._root = root
        self._place = place
        self._emit = emit
        self._said: dict[str, _Said] = {}
        if known is not None:
            self._recall(known)

    def name(self, theirs: str) -> str:
        """Give the name that an action has here."""
        if theirs == ROOT:
            return self._root
        return theirs if self._root == ROOT else f"{self._root}.{theirs}"

    def has_ended(self, theirs: str) -> bool:
        """Whether the end of an action is on record."""
        said = self._said.get(self.name(theirs))
        return said is not None and said.ended

    def see(self, fact: Fact) -> None:
        """Say what is new about an action."""
        name = self.name(fact.name)
        said = self._said.setdefault(name, _Said())
        if said.ended:
            return
        is_root = fact.name == ROOT
        if not said.queued and not is_root:
            self._queue(name, fact)
        said.queued = True
        if fact.cache and not said.cache:
            said.cache = True
            now = fact.queued or time.time()
            self._emit(CacheChecked(run=self._run, action=name, time=now, status=fact.cache))
        for attempt in fact.attempts:
            self._attempt(name, fact, attempt, said)
        if fact.terminal and not is_root:
            self._end(name, fact)
            said.ended = True

    def abandon(self, reason: str) -> None:
        """Say that what has not ended was aborted: nobody looks any more."""
        for name, said in self._said.items():
            if said.queued and not said.ended and name != self._root:
                said.ended = True
                self._emit(ActionAborted(run=self._run, action=name, time=time.time(), reason=reason))

    def _queue(self, name: str, fact: Fact) -> None:
        self._emit(
            ActionQueued(
                run=self._run, action=name, time=fact.queued or time.time(), task=fact.task, name=fact.short,
                parent=self.name(fact.parent or ROOT), group=fact.group or None, what=fact.what,
                inputs=fact.inputs,
            )
        )  # fmt: skip

    def _attempt(self, name: str, fact: Fact, attempt: AttemptFact, said: _Said) -> None:
        if attempt.started is not None and attempt.number > said.started:
            said.started = attempt.number
            place = "trace" if fact.what == "trace" else self._place
            self._emit(
                AttemptStarted(
                    run=self._run, action=name, time=attempt.started, attempt=attempt.number, place=place
                )
            )
        if attempt.failure is not None and attempt.number > said.failed:
            said.failed = attempt.number
            last = fact.terminal and attempt.number == len(fact.attempts)
            self._emit(
                AttemptFailed(
                    run=self._run, action=name, time=attempt.ended or time.time(), attempt=attempt.number,
                    failure=attempt.failure, retry_in=None if last else 0.0,
                )
            )  # fmt: skip

    def _end(self, name: str, fact: Fact) -> None:
        run, when = self._run, fact.ended or time.time()
        failure = fact.failure or Failure(
            code="Unknown", message="the endpoint did not say why", kind="unknown"
        )
        if fact.phase in (FAILED, TIMED_OUT):
            if fact.phase == TIMED_OUT:
                failure = replace(failure, kind="timeout")
            self._emit(ActionFailed(run=run, action=name, time=when, failure=failure))
        elif fact.phase == ABORTED:
            self._emit(
                ActionAborted(
                    run=run, action=name, time=when, reason=fact.failure.message if fact.failure else ""
                )
            )
        else:
            self._emit(ActionSucceeded(run=run, action=name, time=when, outputs=fact.outputs))

    def _recall(self, known: RunState) -> None:
        """Take what is on record for said; of an action that was interrupted only the beginning holds."""
        for action in known.actions.values():
            interrupted = action.phase == "INTERRUPTED"
            failed = [a.number for a in action.attempts if a.failure is not None]
            self._said[action.name] = _Said(
                queued=not interrupted,
                started=0 if interrupted else len(action.attempts),
                failed=0 if interrupted else max(failed, default=0),
                ended=action.ended is not None and not interrupted,
                cache=bool(action.cache),
            )
