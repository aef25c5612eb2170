"""Retries, time limits and warm workers."""

import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.policies import Backoff, RetryStrategy, ReusePolicy, Timeout


def test_waits_double_from_half_a_second_to_a_minute():
    strategy = RetryStrategy.of(9)

    assert [strategy.delay(n) for n in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_backoff_is_the_longest_wait_and_factor_the_growth():
    strategy = RetryStrategy(count=3, backoff=timedelta(seconds=10), backoff_factor=3)

    assert [strategy.delay(n) for n in range(1, 6)] == [0.5, 1.5, 4.5, 10, 10]
    assert strategy.backoff == timedelta(seconds=10)


def test_seconds_stand_for_a_backoff():
    assert RetryStrategy(3, backoff=10) == RetryStrategy(3, backoff=timedelta(seconds=10))


def test_a_backoff_says_all_of_the_waits():
    strategy = RetryStrategy(3, Backoff(base=timedelta(seconds=1), factor=2.0, cap=timedelta(seconds=3)))

    assert [strategy.delay(n) for n in (1, 2, 3)] == [1, 2, 3]
    assert RetryStrategy(3, Backoff(base=2)).delay(100) == 2
    assert RetryStrategy(3, Backoff(base=0, factor=2, cap=5)).delay(100_000) == 0


@given(st.integers(1, 10**9), st.floats(1, 1000))
def test_no_wait_is_longer_than_the_cap(attempt, factor):
    assert 0 < Backoff(base=1, factor=factor, cap=7).delay(attempt) <= 7


def test_a_strategy_is_made_from_a_number():
    assert RetryStrategy.of(3) == RetryStrategy(count=3)
    assert RetryStrategy.of(RetryStrategy(3)) == RetryStrategy(3)


@pytest.mark.parametrize("value", [True, "3", None, 1.0])
def test_retries_of_a_wrong_type_are_refused(value):
    with pytest.raises(TypeError, match="a number of retries or a RetryStrategy"):
        RetryStrategy.of(value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RetryStrategy(-1), "retries=-1 must be at least 0"),
        (lambda: RetryStrategy(1, backoff=-1), "backoff=-1 is negative"),
        (lambda: RetryStrategy(1, backoff_factor=0.5), "from 1 to 1000"),
        (lambda: RetryStrategy(1, backoff_factor=10**400), "from 1 to 1000"),
        (lambda: RetryStrategy(1, Backoff(1), backoff_factor=2), "has a factor"),
        (lambda: Backoff(1, 2), "give a cap"),
        (lambda: Backoff(-1), "base=-1 is negative"),
        (lambda: Backoff(1, float("nan")), "factor=nan"),
        (lambda: Backoff(float("inf")), "base=inf is no length of time"),
        (lambda: Backoff(1e30), "is no length of time"),
        (lambda: Backoff(1).delay(0), "attempt=0 must be at least 1"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused(make, words):
    with pytest.raises(DefinitionError, match=words):
        make()


@pytest.mark.parametrize(
    "make",
    [lambda: Backoff("1s"), lambda: RetryStrategy("1"), lambda: Backoff(1, "2"), lambda: Backoff(True)],
)
def test_a_strategy_of_wrong_types_is_refused(make):
    with pytest.raises(TypeError):
        make()


def test_a_length_of_time_limits_the_run_time():
    assert Timeout.of(90) == Timeout.of(timedelta(seconds=90)) == Timeout(max_runtime=90)
    assert Timeout.of(None) == Timeout.of(0) == Timeout()


def test_limits_become_lengths_of_time():
    timeout = Timeout(max_runtime=timedelta(minutes=5), max_queued_time=60, deadline=0)

    assert (timeout.max_runtime, timeout.max_queued_time, timeout.deadline) == (
        timedelta(minutes=5),
        timedelta(minutes=1),
        None,
    )
    assert timeout.is_set
    assert not Timeout().is_set
    assert Timeout(deadline=1).is_set


def test_a_wrong_timeout_is_refused_at_once():
    with pytest.raises(TypeError, match="timeout='5m' is a str; give seconds or a timedelta"):
        Timeout.of("5m")
    with pytest.raises(DefinitionError, match="max_queued_time=-1 is negative"):
        Timeout(max_queued_time=-1)


def test_a_number_of_replicas_is_the_fewest_and_the_most():
    policy = ReusePolicy(replicas=2, idle_ttl=timedelta(minutes=5))

    assert (policy.min_replicas, policy.max_replicas) == (2, 2)
    assert policy.idle_ttl == timedelta(minutes=5)
    assert policy.get_scaledown_ttl() == timedelta(seconds=30)
    assert ReusePolicy((0, 3)).min_replicas == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"replicas": (3, 1)}, "more at least than at most"),
        ({"replicas": 0}, "must be at least 1"),
        ({"replicas": (1, 2, 3)}, "has 3 parts"),
        ({"idle_ttl": 29}, "at least 30 seconds"),
        ({"concurrency": 0}, "concurrency=0 must be at least 1"),
        ({"scope": "runs"}, "Did you mean 'run'"),
    ],
)
def test_a_reuse_policy_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(DefinitionError, match=words):
        ReusePolicy(**arguments)


@pytest.mark.parametrize(
    "policy",
    [
        Backoff(1, 2, 3),
        RetryStrategy(3, 10, 2),
        RetryStrategy(3, Backoff(1)),
        Timeout(1, 2, 3),
        ReusePolicy((1, 2)),
    ],
)
def test_policies_are_values(policy):
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert len({policy, policy}) == 1


def test_a_repr_shows_what_was_changed():
    assert repr(RetryStrategy(3)) == "RetryStrategy(count=3)"
    assert repr(Timeout()) == "Timeout()"
    assert repr(ReusePolicy()) == "ReusePolicy()"
    assert repr(ReusePolicy(3)) == "ReusePolicy(replicas=(3, 3))"
