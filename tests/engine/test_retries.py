"""Attempts: how often, how long between them, what they know of each other, and what is never tried again."""

import asyncio
import time

import pytest

import flyte_jupyter as flyte

AT_ONCE = flyte.Backoff(0)
HERE = flyte.with_runcontext(isolation="thread")


def attempts_of(run, name=None):
    action = run.action(name) if name else run.root
    return [(a.number, a.failure and a.failure.message) for a in action.attempts]


@pytest.fixture(params=["sync", "async"])
def make(request, env):
    """Make a task of a body, in both colours."""

    def of(body, **options):
        if request.param == "sync":

            @env.task(**options)
            def task() -> object:
                return body()

        else:

            @env.task(**options)
            async def task() -> object:
                return body()

        return task

    return of


def failing(times, error=ValueError):
    """A body that fails so many times and then gives its attempt's number."""
    left = iter([True] * times)

    def body():
        number = flyte.ctx().attempt_number
        if next(left, False):
            raise error(f"attempt {number} failed")
        return number

    return body


def test_attempts_are_numbered_from_one_and_recorded(make):
    run = flyte.run(make(failing(2), retries=flyte.RetryStrategy(3, AT_ONCE)))

    assert run.outputs() == (3,)
    assert attempts_of(run) == [(1, "attempt 1 failed"), (2, "attempt 2 failed"), (3, None)]
    assert run.phase.value == "SUCCEEDED"


def test_without_retries_the_first_failure_counts(make):
    with pytest.raises(ValueError, match="attempt 1 failed"):
        flyte.run(make(failing(1)))

    run = next(flyte.Run.listall())
    assert run.phase.value == "FAILED"
    assert attempts_of(run) == [(1, "attempt 1 failed")]


def test_the_last_failure_is_raised_and_the_others_are_its_context(make):
    with pytest.raises(ValueError, match="attempt 3 failed") as caught:
        flyte.run(make(failing(5), retries=flyte.RetryStrategy(2, AT_ONCE)))

    assert str(caught.value.__context__) == "attempt 2 failed"
    assert str(caught.value.__context__.__context__) == "attempt 1 failed"


def test_the_same_exception_object_twice_makes_no_circle(make):
    error = ValueError("always the same")

    def body():
        raise error

    with pytest.raises(ValueError, match="always the same") as caught:
        flyte.run(make(body, retries=flyte.RetryStrategy(3, AT_ONCE)))

    assert caught.value is error
    assert caught.value.__context__ is None


def test_the_cause_that_the_user_gave_stays(make):
    def body():
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ValueError("effect") from cause

    with pytest.raises(ValueError, match="effect") as caught:
        flyte.run(make(body, retries=flyte.RetryStrategy(1, AT_ONCE)))

    assert isinstance(caught.value.__cause__, KeyError)


def test_the_wait_between_attempts_is_as_long_as_asked_and_recorded(make):
    backoff = flyte.Backoff(0.05, factor=2, cap=0.08)
    run = flyte.run(make(failing(3), retries=flyte.RetryStrategy(3, backoff)))

    one, two, three, four = run.root.attempts
    assert [a.retry_in for a in (one, two, three, four)] == [0.05, 0.08, 0.08, None]
    assert two.started - one.ended >= 0.05
    assert three.started - two.ended >= 0.08
    assert four.started - three.ended >= 0.08


@pytest.mark.parametrize(
    "error",
    [
        lambda _: flyte.errors.NonRecoverableError("give up"),
        lambda _: flyte.errors.RuntimeDataValidationError("wrong data"),
        lambda _: flyte.errors.SecretNotFoundError("no such secret"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(make, error):
    with pytest.raises(flyte.errors.Error):
        flyte.run(make(failing(1, error), retries=flyte.RetryStrategy(5, AT_ONCE)))

    assert len(next(flyte.Run.listall()).root.attempts) == 1


def test_a_wrong_result_is_not_tried_again(env):
    calls = []

    @env.task(retries=flyte.RetryStrategy(5, AT_ONCE))
    def wrong() -> int:
        calls.append(1)
        return "no number"

    with pytest.raises(flyte.errors.RuntimeDataValidationError, match="output 'o0'.*expected int"):
        flyte.run(wrong)

    assert len(calls) == 1


def test_sys_exit_fails_the_task_and_is_tried_again(make):
    run = flyte.run(make(failing(1, SystemExit), retries=flyte.RetryStrategy(1, AT_ONCE)))

    assert run.outputs() == (2,)
    assert run.root.attempts[0].failure.code == "SystemExit"


def test_a_child_is_tried_again_without_its_parent(env):
    ran = []

    @env.task(retries=flyte.RetryStrategy(1, AT_ONCE))
    def child() -> int:
        ran.append("child")
        if len(ran) == 2:
            raise ValueError("once")
        return 1

    @env.task
    def parent() -> int:
        ran.append("parent")
        return child()

    assert flyte.run(parent).outputs() == (1,)
    assert ran == ["parent", "child", "child"]


def test_an_override_changes_how_often(make):
    with pytest.raises(ValueError, match="attempt 1 failed"):
        flyte.run(make(failing(1), retries=flyte.RetryStrategy(1, AT_ONCE)).override(retries=0))


def test_each_attempt_finds_what_the_one_before_saved(env):
    found = []

    @env.task(retries=flyte.RetryStrategy(2, AT_ONCE))
    async def resumes() -> int:
        checkpoint = flyte.ctx().checkpoint
        before = await checkpoint.load()
        found.append(before and before.read_text())
        number = flyte.ctx().attempt_number
        if number != 2:  # the second attempt saves nothing
            await checkpoint.save(f"saved by {number}".encode())
        if number < 3:
            raise ValueError("again")
        return number

    flyte.run(resumes)

    assert found == [None, "saved by 1", "saved by 1"]


def test_actions_do_not_find_each_others_checkpoints(env):
    @env.task(retries=flyte.RetryStrategy(1, AT_ONCE))
    def resumes(x: int) -> str:
        checkpoint = flyte.ctx().checkpoint
        if flyte.ctx().attempt_number == 1:
            checkpoint.save_sync(str(x).encode())
            raise ValueError("again")
        return checkpoint.load_sync().read_text()

    @env.task
    def parent() -> list[str]:
        return list(flyte.map(resumes, range(6)))

    assert flyte.run(parent).outputs()[0] == ["0", "1", "2", "3", "4", "5"]


def test_attempts_that_are_out_of_time_are_tried_again(env):
    @env.task(timeout=0.1, retries=flyte.RetryStrategy(1, AT_ONCE))
    async def slow_at_first() -> int:
        number = flyte.ctx().attempt_number
        if number == 1:
            await asyncio.sleep(3600)
        return number

    run = flyte.run(slow_at_first)

    assert run.outputs() == (2,)
    assert run.root.attempts[0].failure.code == "MaxRuntimeExceededError"
    assert run.root.attempts[0].failure.kind == "timeout"


def test_a_synchronous_attempt_out_of_time_is_left_behind_with_all_that_it_still_does(env, capsys):
    late = []

    @env.task
    async def when_late(_: int) -> int:
        while "late" not in late:
            await asyncio.sleep(0.01)
        return 2

    @env.task(timeout=1, retries=flyte.RetryStrategy(1, AT_ONCE))
    def slow_at_first() -> int:
        number = flyte.ctx().attempt_number
        print("begin", number)
        if number == 2:
            return next(flyte.map(when_late, [0]))
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            try:
                time.sleep(0.01)
            except BaseException:  # stubborn: it does not let itself be stopped
                late.append("stopped")
        print("too late")
        late.append("late")
        return 100

    run = HERE.run(slow_at_first)

    assert run.outputs() == (2,)
    assert "stopped" in late
    assert [row.text for row in run.logs()] == ["begin 1\n", "begin 2\n"]
    assert [row.attempt for row in run.logs()] == [1, 2]
    assert "too late" not in capsys.readouterr().out


def test_what_an_abandoned_attempt_waits_for_is_cancelled(env):
    ended = []

    @env.task
    async def child() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    @env.task(timeout=0.2)
    def mapping() -> None:
        list(flyte.map(child_of, [1]))

    @env.task
    async def child_of(x: int) -> None:
        await child()

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        HERE.run(mapping)
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)

    assert ended == [True]
