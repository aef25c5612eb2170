"""What a task's definition asks of its attempts: how many, how long, and how far apart."""

from dataclasses import dataclass
from typing import Any

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of a task; 0 for none.

    Args:
        attempts: how many attempts there may be.
        runtime: how many seconds one may run.
        queued: how many seconds it may wait for its first attempt.
        deadline: how many seconds it may take altogether.
        pause: the first pause between attempts, in seconds; None for the usual one.
        factor: by how much the next pause is longer.
        longest: the longest pause.
    """

    attempts: int = 1
    runtime: float = 0.0
    queued: float = 0.0
    deadline: float = 0.0
    pause: float | None = None
    factor: float = 1.0
    longest: float = 0.0

    def pause_before(self, attempt: int) -> float:
        """Give the seconds to wait before attempt number ``attempt``, from 2."""
        if self.pause is None:
            return float(min(_FIRST_PAUSE * 2 ** (attempt - 2), _LONGEST_PAUSE))
        longest = self.longest or self.pause * self.factor**10
        return float(min(self.pause * self.factor ** (attempt - 2), longest))


def bounds(template: Any) -> Bounds:
    """Read the bounds of a ``core.TaskTemplate`` message."""
    meta = template.metadata
    backoff = meta.retries.backoff if meta.retries.HasField("backoff") else None
    return Bounds(
        attempts=1 + meta.retries.retries,
        runtime=seconds(meta.timeout),
        queued=seconds(meta.timeouts.queued_timeout),
        deadline=seconds(meta.timeouts.deadline),
        pause=seconds(backoff.base) if backoff is not None else None,
        factor=backoff.factor or 1.0 if backoff is not None else 1.0,
        longest=seconds(backoff.cap) if backoff is not None else 0.0,
    )


def seconds(duration: Any) -> float:
    """Read a ``Duration`` message."""
    return float(duration.seconds + duration.nanos / 1e9)
