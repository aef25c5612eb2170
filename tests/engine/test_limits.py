"""Limits of time: one attempt's run time, the time in the queue, the whole action's deadline."""

import asyncio
import contextlib
import os
import threading
import time
from datetime import timedelta

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.loop import loop
from flyte_jupyter.testing import FakeBackend

AT_ONCE = flyte.Backoff(0)

run = flyte.with_runcontext(isolation="thread").run
"""Bodies run in this process, also those that could be stopped better in another one."""


def last():
    return next(flyte.Run.listall())


def test_an_asynchronous_body_out_of_time_is_cancelled(env):
    ended = []

    @env.task(timeout=timedelta(seconds=0.1))
    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    with pytest.raises(
        flyte.errors.MaxRuntimeExceededError, match=r"test.slow ran longer than max_runtime=0:00:00.1"
    ):
        run(slow)

    assert ended == [True]
    assert last().phase.value == "TIMED_OUT"


def test_a_synchronous_body_out_of_time_is_abandoned(env):
    @env.task(timeout=0.1)
    def slow() -> None:
        while True:
            time.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(slow)

    assert time.monotonic() - began < 2
    assert last().phase.value == "TIMED_OUT"


def test_a_body_that_swallows_its_cancellation_is_abandoned(env):
    let_go = threading.Event()

    @env.task(timeout=0.1)
    async def stubborn() -> None:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(stubborn)
    let_go.set()

    assert last().phase.value == "TIMED_OUT"


def test_a_result_that_comes_while_it_is_cancelled_is_too_late(env):
    @env.task(timeout=0.1)
    async def late() -> int:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return 1

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(late)


def test_a_body_within_its_limits_is_as_without(env):
    @env.task(timeout=flyte.Timeout(max_runtime=60, max_queued_time=60, deadline=60))
    async def quick() -> int:
        return 1

    @env.task(timeout=flyte.Timeout(max_runtime=60, max_queued_time=60, deadline=60))
    def s_quick() -> int:
        return 2

    assert run(quick).outputs() == (1,)
    assert run(s_quick).outputs() == (2,)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_timeout_error_of_the_body_is_the_bodys_own(env, kind):
    if kind == "sync":

        @env.task(timeout=60)
        def raises() -> None:
            raise TimeoutError("mine")

    else:

        @env.task(timeout=60)
        async def raises() -> None:
            raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        run(raises)

    assert last().phase.value == "FAILED"


def test_each_attempt_has_its_own_run_time(env):
    @env.task(timeout=0.3, retries=flyte.RetryStrategy(3, AT_ONCE))
    async def four_times() -> int:
        await asyncio.sleep(0.2)
        number = flyte.ctx().attempt_number
        if number < 4:
            raise ValueError("again")
        return number

    assert run(four_times).outputs() == (4,)


def test_the_deadline_counts_all_attempts_and_waits(env):
    @env.task(timeout=flyte.Timeout(deadline=0.3), retries=flyte.RetryStrategy(100, flyte.Backoff(0.1)))
    async def never() -> None:
        raise ValueError("again")

    with pytest.raises(flyte.errors.DeadlineExceededError, match="took longer than deadline=0:00:00.3"):
        run(never)

    assert last().phase.value == "TIMED_OUT"
    assert 2 <= len(last().root.attempts) <= 4


def test_the_deadline_holds_for_synchronous_bodies_too(env):
    @env.task(timeout=flyte.Timeout(deadline=0.2), retries=flyte.RetryStrategy(100, flyte.Backoff(3600)))
    def never() -> None:
        raise ValueError("again")

    with pytest.raises(flyte.errors.DeadlineExceededError):
        run(never)


def test_waiting_to_begin_has_its_own_limit(env):
    @env.task(timeout=flyte.Timeout(max_queued_time=0.1))
    async def waits() -> None:
        pass

    flyte.init(backend=FakeBackend(ready=asyncio.Event()))
    with pytest.raises(flyte.errors.MaxQueuedTimeExceededError, match="waited longer than max_queued_time"):
        flyte.with_runcontext("remote").run(waits).outputs()

    assert last().phase.value == "TIMED_OUT"


def test_the_time_in_the_queue_is_no_run_time(env):
    ready = asyncio.Event()

    @env.task(timeout=flyte.Timeout(max_runtime=0.3, max_queued_time=30))
    async def begins_late() -> int:
        return 1

    flyte.init(backend=FakeBackend(ready=ready))
    begun = flyte.with_runcontext("remote").run(begins_late)
    time.sleep(0.5)
    loop.get().call_soon_threadsafe(ready.set)

    assert begun.outputs() == (1,)


def test_a_child_out_of_time_fails_in_its_parent(env):
    @env.task(timeout=0.1)
    async def slow() -> None:
        await asyncio.sleep(3600)

    @env.task
    async def parent() -> str:
        try:
            await slow()
        except flyte.errors.TaskTimeoutError as error:
            return type(error).__name__
        return "no limit"

    assert run(parent).outputs() == ("MaxRuntimeExceededError",)


def test_a_limited_task_called_from_a_blocked_loop(env):
    @env.task(timeout=30)
    def limited(x: int) -> int:
        return x

    @env.task
    async def parent() -> int:
        return limited(1) + limited(2)

    assert run(parent).outputs() == (3,)


def test_a_limited_body_sees_its_context_and_its_variables(env):
    @env.task(timeout=30, env_vars={"LIMITED": "yes"})
    def limited() -> str:
        return os.environ["LIMITED"] + flyte.ctx().action.name

    @env.task(timeout=30, env_vars={"LIMITED": "yes"})
    async def a_limited() -> str:
        return os.environ["LIMITED"] + flyte.ctx().action.name

    assert run(limited).outputs() == run(a_limited).outputs() == ("yesa0",)


def test_after_limits_no_thread_and_no_task_is_left(env):
    @env.task(timeout=0.05)
    async def slow() -> None:
        await asyncio.sleep(3600)

    for _ in range(3):
        with pytest.raises(flyte.errors.MaxRuntimeExceededError):
            run(slow)
    before = threading.active_count()
    for _ in range(10):
        with pytest.raises(flyte.errors.MaxRuntimeExceededError):
            run(slow)

    assert threading.active_count() <= before
    assert len(asyncio.all_tasks(loop.get())) == 0


@pytest.mark.parametrize("limit", ["max_runtime", "deadline"])
def test_an_asynchronous_body_that_blocks_the_loop_is_stopped_too(env, limit):
    @env.task(
        timeout=flyte.Timeout(max_runtime=0.2) if limit == "max_runtime" else flyte.Timeout(deadline=0.2)
    )
    async def blocks() -> None:
        while True:
            time.sleep(0.01)

    @env.task
    async def fine() -> int:
        return 1

    error = {"max_runtime": "MaxRuntimeExceededError", "deadline": "DeadlineExceededError"}[limit]
    with pytest.raises(getattr(flyte.errors, error)):
        run(blocks)

    assert last().phase.value == "TIMED_OUT"
    assert run(fine).outputs() == (1,)
