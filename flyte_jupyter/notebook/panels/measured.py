"""What the attempts of a task have used, and what to ask for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from flyte_jupyter.runs.action import AttemptState
from flyte_jupyter.runs.store import RunStore

_RUNS = 50
_MIB = 2**20
_STEP = 64
_HEADROOM = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One attempt that was measured.

    Args:
        run: its run.
        seconds: how long it ran.
        cpu: seconds of CPU time.
        peak: the most memory, in bytes.
        phase: how its action ended.
        disk: bytes that it read from storage and wrote there.
        gpu: seconds that its GPUs were busy.
    """

    run: str
    seconds: float
    cpu: float
    peak: int
    phase: str
    disk: int = 0
    gpu: float = 0.0

    @property
    def cores(self) -> float:
        """The cores that were busy on average."""
        return self.cpu / self.seconds if self.seconds > 0 else 0.0


def used_by(store: RunStore, task: str) -> tuple[Used, ...]:
    """Give the measured attempts of a task in the newest runs, the newest first."""
    return tuple(used for row in store.runs(limit=_RUNS) for used in _of_run(store, row.name, task))


def suggestion(found: tuple[Used, ...]) -> dict[str, str]:
    """Suggest what to ask for: a quarter more than was used at most; nothing where nothing was measured."""
    peak, cores = max((u.peak for u in found), default=0), max((u.cores for u in found), default=0.0)
    if not peak:
        return {}
    mebibytes = math.ceil(peak * _HEADROOM / _MIB / _STEP) * _STEP
    return {"memory": f"{mebibytes}Mi", "cpu": str(max(1, math.ceil(cores * _HEADROOM - 0.25)))}


def _of_run(store: RunStore, run: str, task: str) -> Iterator[Used]:
    for action in store.state(run).actions.values():
        for attempt in action.attempts if action.task == task else ():
            if attempt.peak:
                yield Used(
                    run=run,
                    seconds=_seconds(attempt),
                    cpu=attempt.cpu or 0.0,
                    peak=attempt.peak,
                    phase=action.phase,
                    disk=(attempt.read or 0) + (attempt.written or 0),
                    gpu=attempt.gpu or 0.0,
                )


def _seconds(attempt: AttemptState) -> float:
    return 0.0 if attempt.started is None or attempt.ended is None else attempt.ended - attempt.started
