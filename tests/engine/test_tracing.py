"""Traced helpers are actions of their own, and are no tasks."""

import asyncio

import pytest

import flyte_jupyter as flyte


@flyte.trace
def helper(x):
    print("helper prints")
    return x + 1


@flyte.trace
async def a_helper(x):
    await asyncio.sleep(0)
    return x + 1


@flyte.trace
def steps(n):
    for x in range(n):
        print("step", x)
        yield x
    return "end"


@flyte.trace
async def a_steps(n):
    for x in range(n):
        await asyncio.sleep(0)
        yield x


@flyte.trace
def fails():
    raise ValueError("helper failed")


def traces(run):
    return [(a.task_name, a.phase.value, a.parent_name) for a in run.actions if a.state.what == "trace"]


def test_calls_of_a_helper_are_recorded_with_what_they_print(env):
    @env.task
    def body() -> int:
        return helper(1) + helper(1)

    run = flyte.run(body)

    assert run.outputs() == (4,)
    assert traces(run) == [("helper", "SUCCEEDED", "a0")] * 2
    assert [(r.action != "a0", r.text) for r in run.logs()] == [(True, "helper prints\n")] * 2
    assert len({a.name for a in run.actions}) == 3


def test_asynchronous_helpers_too(env):
    @env.task
    async def body() -> list[int]:
        return list(await asyncio.gather(*(a_helper(x) for x in range(3))))

    run = flyte.run(body)

    assert run.outputs()[0] == [1, 2, 3]
    assert traces(run) == [("a_helper", "SUCCEEDED", "a0")] * 3


def test_a_generator_lasts_from_its_first_step_to_its_last(env):
    @env.task
    def leaf() -> None:
        pass

    @env.task
    def body() -> list[int]:
        out = []
        for x in steps(3):
            leaf()  # the caller's turn: no part of the helper
            print("body", x)
            out.append(x)
        return out

    run = flyte.run(body)

    assert run.outputs()[0] == [0, 1, 2]
    assert traces(run) == [("steps", "SUCCEEDED", "a0")]
    trace = next(a.name for a in run.actions if a.state.what == "trace")
    assert "".join(r.text for r in run.logs(action=trace)) == "step 0\nstep 1\nstep 2\n"
    assert "".join(r.text for r in run.logs(action="a0")) == "body 0\nbody 1\nbody 2\n"


def test_a_generator_that_is_left_half_way_has_done_its_work(env):
    @env.task
    def body() -> int:
        return next(steps(3))

    @env.task
    async def a_body() -> int:
        gen = a_steps(3)
        first = await anext(gen)
        await gen.aclose()
        return first

    assert traces(flyte.run(body)) == [("steps", "SUCCEEDED", "a0")]
    assert traces(flyte.run(a_body)) == [("a_steps", "SUCCEEDED", "a0")]


def test_an_asynchronous_generator_gives_all_its_steps(env):
    @env.task
    async def body() -> list[int]:
        return [x async for x in a_steps(3)]

    run = flyte.run(body)

    assert run.outputs()[0] == [0, 1, 2]
    assert traces(run) == [("a_steps", "SUCCEEDED", "a0")]


def test_a_failure_is_recorded_and_raised(env):
    @env.task
    def body() -> str:
        try:
            fails()
        except ValueError as error:
            return str(error)
        return ""

    run = flyte.run(body)

    assert run.outputs() == ("helper failed",)
    assert traces(run) == [("fails", "FAILED", "a0")]


def test_outside_of_a_run_a_helper_is_the_plain_function():
    assert helper(1) == 2
    assert asyncio.run(a_helper(1)) == 2
    assert list(steps(2)) == [0, 1]
    assert helper.__name__ == "helper"


def test_a_helper_that_calls_a_task_is_refused(env):
    @env.task
    def task(x: int) -> int:
        return x

    @env.task
    async def a_task(x: int) -> int:
        return x

    @flyte.trace
    def calls():
        return task(1)

    @flyte.trace
    async def a_calls():
        return await a_task(1)

    @env.task
    def body() -> None:
        calls()

    @env.task
    async def a_body() -> None:
        await a_calls()

    for root in (body, a_body):
        with pytest.raises(
            flyte.errors.TraceDoesNotAllowNestedTasksError, match="is traced and called the task test."
        ):
            flyte.run(root)


def test_what_cannot_be_traced_is_said_at_once(env):
    @env.task
    def task() -> None:
        pass

    with pytest.raises(TypeError, match="is a task, whose calls are recorded anyway"):
        flyte.trace(task)
    with pytest.raises(TypeError, match="decorates a function"):
        flyte.trace(3)


def test_a_task_may_be_a_traced_function(env):
    @env.task
    @flyte.trace
    def both(x: int) -> int:
        return x

    run = flyte.run(both, 1)

    assert run.outputs() == (1,)
    assert len(traces(run)) == 1
