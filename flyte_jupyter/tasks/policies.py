"""How often, how long and on how many warm workers a task runs."""

from dataclasses import dataclass
from datetime import timedelta

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import duration, integer, not_one_of, shown, wrong_type

Duration = timedelta | int | float
"""A length of time: a timedelta, or seconds."""

_FIRST = timedelta(seconds=0.5)
_FACTOR = 2.0
_CAP = timedelta(minutes=1)
_LARGEST_FACTOR = 1000
_LEAST_TTL = timedelta(seconds=30)
_SCOPES = ("global", "run")
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow: ``base`` after the first failure, then ``factor`` times longer each, at most ``cap``.

    Args:
        base: the first wait.
        factor: how many times longer each wait is than the one before, at least 1.
        cap: the longest wait; needed where waits grow.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a negative wait, a factor below 1, or growth without end.
    """

    base: Duration
    factor: float = 1.0
    cap: Duration | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", duration("base", self.base))
        object.__setattr__(self, "factor", _factor("factor", self.factor))
        if self.cap is not None:
            object.__setattr__(self, "cap", duration("cap", self.cap))
        elif self.factor > 1:
            raise DefinitionError(f"factor={self.factor} makes waits grow without end; give a cap")

    def delay(self, attempt: int) -> float:
        """Give the seconds to wait after attempt number ``attempt`` (from 1) failed.

        Raises:
            DefinitionError: the number is less than 1.
        """
        integer("attempt", attempt, 1)
        base = duration("base", self.base).total_seconds()
        cap = float("inf") if self.cap is None else duration("cap", self.cap).total_seconds()
        try:
            return min(base * self.factor ** (attempt - 1), cap)
        except OverflowError:
            return min(cap, base and cap)


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """How often to try again, and how long to wait before.

    By default the waits are 0.5 s, 1 s, 2 s and so on up to a minute. ``backoff`` as a length of time is the
    longest wait, and ``backoff_factor`` how fast waits grow towards it; a ``Backoff`` says all of it.

    Args:
        count: the number of further attempts after the first.
        backoff: the longest wait (timedelta or seconds), or a ``Backoff``.
        backoff_factor: how many times longer each wait is than the one before, at least 1.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a value that cannot be; a factor beside a ``Backoff``, which has its own.
    """

    count: int
    backoff: Backoff | Duration | None = None
    backoff_factor: float | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        integer("retries", self.count, 0)
        if self.backoff_factor is not None:
            _factor("backoff_factor", self.backoff_factor)
            if isinstance(self.backoff, Backoff):
                raise DefinitionError(
                    f"backoff_factor={self.backoff_factor}: {self.backoff} has a factor; give it there"
                )
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            object.__setattr__(self, "backoff", duration("backoff", self.backoff))

    @classmethod
    def of(cls, retries: "RetryStrategy | int") -> "RetryStrategy":
        """Turn a number of retries into a strategy.

        Raises:
            TypeError: it is neither a number nor a strategy.
            DefinitionError: it is negative.
        """
        if isinstance(retries, RetryStrategy):
            return retries
        if isinstance(retries, bool) or not isinstance(retries, int):
            raise wrong_type("retries", retries, "a number of retries or a RetryStrategy")
        return cls(retries)

    @property
    def waits(self) -> Backoff:
        """The waits between attempts, whichever way they were given."""
        if isinstance(self.backoff, Backoff):
            return self.backoff
        factor = _FACTOR if self.backoff_factor is None else self.backoff_factor
        return Backoff(_FIRST, factor, _CAP if self.backoff is None else self.backoff)

    def delay(self, attempt: int) -> float:
        """Give the seconds to wait after attempt number ``attempt`` (from 1) failed, if there is another.

        Raises:
            DefinitionError: the number is less than 1.
        """
        return self.waits.delay(attempt)


@dataclass(frozen=True, slots=True)
class Timeout:
    """Limits of time. Each is a timedelta or seconds; None and 0 are no limit.

    Args:
        max_runtime: how long one attempt may run.
        max_queued_time: how long the action may wait before it starts.
        deadline: how long the whole action may take, waiting and retries included.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a negative limit.
    """

    max_runtime: Duration | None = None
    max_queued_time: Duration | None = None
    deadline: Duration | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        for name in ("max_runtime", "max_queued_time", "deadline"):
            value = getattr(self, name)
            limit = None if value is None else duration(name, value)
            object.__setattr__(self, name, limit or None)

    @classmethod
    def of(cls, timeout: "Timeout | Duration | None") -> "Timeout":
        """Turn the limit of one attempt's run time into a Timeout.

        Raises:
            TypeError: it is neither a length of time nor a Timeout.
            DefinitionError: it is negative.
        """
        if timeout is None or isinstance(timeout, Timeout):
            return timeout or cls()
        return cls(max_runtime=duration("timeout", timeout))

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return not (self.max_runtime is self.max_queued_time is self.deadline is None)


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """Warm workers that serve one call after the other.

    Args:
        replicas: the number of workers, or (fewest, most).
        idle_ttl: how long all of them may be idle before they are stopped; at least 30 s.
        concurrency: how many calls one worker serves at once; more than 1 needs async tasks.
        scaledown_ttl: how long one worker may be idle before it is stopped; at least 30 s.
        scope: "global" to share them between runs, "run" to have them per run.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a value that cannot be.
    """

    replicas: int | tuple[int, int] = (2, 2)
    idle_ttl: Duration = _LEAST_TTL
    concurrency: int = 1
    scaledown_ttl: Duration = _LEAST_TTL
    scope: str = "global"

    __repr__ = shown

    def __post_init__(self) -> None:
        object.__setattr__(self, "replicas", _replicas(self.replicas))
        integer("concurrency", self.concurrency, 1)
        for name in ("idle_ttl", "scaledown_ttl"):
            length = duration(name, getattr(self, name))
            if length < _LEAST_TTL:
                raise DefinitionError(f"{name}={getattr(self, name)!r} must be at least 30 seconds")
            object.__setattr__(self, name, length)
        if self.scope not in _SCOPES:
            raise not_one_of("scope", self.scope, _SCOPES)

    @property
    def min_replicas(self) -> int:
        """The fewest workers."""
        return _replicas(self.replicas)[0]

    @property
    def max_replicas(self) -> int:
        """The most workers."""
        return _replicas(self.replicas)[1]

    def get_scaledown_ttl(self) -> timedelta:
        """Give how long one worker may be idle."""
        return duration("scaledown_ttl", self.scaledown_ttl)


def _factor(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(what, value, "a number from 1 to 1000")
    if not 1 <= value <= _LARGEST_FACTOR:
        raise DefinitionError(f"{what}={value!r} must be a number from 1 to {_LARGEST_FACTOR}")
    return float(value)


def _replicas(value: object) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != _PAIR:
        raise DefinitionError(f"replicas={value!r} has {len(pair)} parts; give a number or (fewest, most)")
    fewest, most = integer("replicas", pair[0], 0), integer("replicas", pair[1], 1)
    if fewest > most:
        raise DefinitionError(f"replicas={value!r} has more at least than at most; give (fewest, most)")
    return fewest, most
