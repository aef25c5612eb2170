"""Read this first: the whole of it in a dozen tests, one idea each."""

import asyncio

import pytest

import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="fundamentals")


@env.task
def add(x: int, y: int = 1) -> int:
    """Add two numbers."""
    return x + y


@env.task
async def add_slowly(x: int, y: int = 1) -> int:
    await asyncio.sleep(0)
    return x + y


def test_a_task_is_a_function_and_can_be_called_like_one():
    assert add(1) == 2


def test_a_run_gives_a_handle_with_outputs_inputs_and_phase():
    run = flyte.run(add, 1, y=2)

    assert run.outputs() == (3,)
    assert run.inputs() == {"x": 1, "y": 2}
    assert run.phase.value == "SUCCEEDED"


async def test_in_a_notebook_a_run_can_be_awaited():
    run = await flyte.run.aio(add_slowly, 1)

    assert run.outputs() == (2,)


def test_tasks_call_tasks_and_each_call_is_an_action():
    @env.task
    async def both(x: int) -> int:
        return add(x) + await add_slowly(x)

    run = flyte.run(both, 1)

    assert run.outputs() == (4,)
    assert [action.task_name.partition(".")[2] for action in run.actions] == ["both", "add", "add_slowly"]


def test_map_runs_a_task_over_many_inputs_at_once_and_in_order():
    @env.task
    def total(n: int) -> int:
        return sum(flyte.map(add, range(n)))

    assert flyte.run(total, 4).outputs() == (10,)


def test_inputs_are_checked_before_anything_runs():
    with pytest.raises(flyte.errors.RuntimeDataValidationError, match="fundamentals.add: input 'x'"):
        flyte.run(add, "one")


def test_an_error_comes_out_as_it_was_raised():
    @env.task
    def fails() -> None:
        raise KeyError("as it was")

    with pytest.raises(KeyError, match="as it was"):
        flyte.run(fails)


def test_a_failing_task_is_tried_again_if_it_asks_for_it():
    @env.task(retries=flyte.RetryStrategy(2, backoff=flyte.Backoff(0)))
    def flaky() -> int:
        attempt = flyte.ctx().attempt_number
        if attempt < 3:
            raise ValueError("not yet")
        return attempt

    run = flyte.run(flaky)

    assert run.outputs() == (3,)
    assert len(run.root.attempts) == 3


def test_a_result_is_kept_and_found_again():
    calls = []

    @env.task(cache=flyte.Cache(version_override="v1"))
    def expensive(x: int) -> int:
        calls.append(x)
        return 10 * x

    assert [flyte.run(expensive, 1).outputs()[0] for _ in range(3)] == [10, 10, 10]
    assert calls == [1]


def test_what_a_task_prints_is_in_the_log_of_its_action():
    @env.task
    def prints() -> None:
        print("hello")

    assert [row.text for row in flyte.run(prints).logs()] == ["hello\n"]


def test_a_task_writes_a_report():
    @env.task(report=True)
    def writes() -> None:
        flyte.report.log("<h1>Results</h1>")

    assert "<h1>Results</h1>" in flyte.run(writes).report()


def test_a_task_has_a_limit_of_time():
    @env.task(timeout=0.1)
    async def slow() -> None:
        await asyncio.sleep(3600)

    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        flyte.run(slow)


def test_runs_are_on_record_and_found_by_their_names():
    flyte.with_runcontext(name="mine", labels={"why": "test"}).run(add, 5)

    assert flyte.Run.get("mine").outputs() == (6,)
    assert [run.name for run in flyte.Run.listall()] == ["mine"]
