"""Tasks call tasks: synchronous and asynchronous ones, in any mix, depth and surroundings."""

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import engine_scripts as scripts
import pytest

import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="nesting")


@env.task
async def a_one(x: int) -> int:
    return x + 1


@env.task
def s_one(x: int) -> int:
    return x + 1


@env.task
def s_map_async(n: int) -> list[int]:
    return list(flyte.map(a_one, range(n)))


@env.task
async def a_calls_sync(x: int) -> int:
    return s_one(x)


@env.task
async def a_awaits_sync(x: int) -> int:
    return await s_one.aio(x)


@env.task
def s_runs_async_in_a_loop_of_its_own(x: int) -> int:
    return asyncio.run(a_one(x))


@env.task
async def a_gathers(n: int) -> list[int]:
    return list(await asyncio.gather(*(a_one(i) for i in range(n))))


@env.task
async def a_mixes(x: int) -> int:
    first = a_calls_sync(x)
    return await first + s_runs_async_in_a_loop_of_its_own(x)


@env.task
async def a_calls_sync_that_maps_async(n: int) -> list[int]:
    return s_map_async(n)


@env.task
async def a_maps_without_awaiting(n: int) -> list[int]:
    return list(flyte.map(a_one, range(n)))


@env.task(timeout=60)
def s_limited_that_maps_async(n: int) -> list[int]:
    return list(flyte.map(a_one, range(n)))


@env.task
async def a_calls_limited_sync(n: int) -> list[int]:
    return s_limited_that_maps_async(n)


@env.task
async def a_runs_a_run(x: int) -> int:
    return flyte.run(a_one, x).outputs()[0]


@env.task
async def a_awaits_a_run(x: int) -> int:
    return (await flyte.run.aio(a_one, x)).outputs()[0]


@env.task
def s_runs_a_run(x: int) -> int:
    return flyte.run(s_one, x).outputs()[0] + flyte.run(a_one, x).outputs()[0]


@env.task
async def a_fans_sync_threads(n: int) -> list[int]:
    return [x async for x in flyte.map.aio(s_one, range(n))]


@env.task
def s_down(n: int) -> int:
    return 0 if n == 0 else s_down(n - 1) + 1


@env.task
async def a_down(n: int) -> int:
    return 0 if n == 0 else await a_down(n - 1) + 1


@env.task
async def a_alternates(n: int) -> int:
    return 0 if n == 0 else s_alternates(n - 1) + 1


@env.task
def s_alternates(n: int) -> int:
    return 0 if n == 0 else asyncio.run(a_alternates(n - 1)) + 1


CASES = {
    "async task": (a_one, 1, 2),
    "sync task": (s_one, 1, 2),
    "async calls sync": (a_calls_sync, 1, 2),
    "async awaits sync": (a_awaits_sync, 1, 2),
    "sync runs async in a loop of its own": (s_runs_async_in_a_loop_of_its_own, 1, 2),
    "sync maps async": (s_map_async, 3, [1, 2, 3]),
    "async gathers": (a_gathers, 3, [1, 2, 3]),
    "a mix": (a_mixes, 1, 4),
    "async calls sync that maps async": (a_calls_sync_that_maps_async, 3, [1, 2, 3]),
    "async maps async without awaiting": (a_maps_without_awaiting, 3, [1, 2, 3]),
    "async calls limited sync that maps async": (a_calls_limited_sync, 3, [1, 2, 3]),
    "async runs a run": (a_runs_a_run, 1, 2),
    "async awaits a run": (a_awaits_a_run, 1, 2),
    "sync runs runs": (s_runs_a_run, 1, 4),
    "async maps sync": (a_fans_sync_threads, 3, [1, 2, 3]),
    "alternating 20 deep": (a_alternates, 20, 20),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def test_any_mix_runs_in_a_script(case):
    task, given, expected = case

    assert flyte.run(task, given).outputs()[0] == expected


async def test_any_mix_runs_with_await_inside_of_a_running_loop(case):
    task, given, expected = case

    run = await flyte.run.aio(task, given)

    assert run.outputs()[0] == expected


async def test_any_mix_runs_while_this_thread_runs_a_loop(case):
    # As in a cell of a notebook: ipykernel's loop runs in the thread that executes the cell.
    task, given, expected = case

    assert flyte.run(task, given).outputs()[0] == expected


@pytest.mark.parametrize("depth", [50, 200])
@pytest.mark.parametrize("task", [s_down, a_down], ids=["sync", "async"])
def test_chains_are_as_deep_as_one_likes(task, depth):
    run = flyte.run(task, depth)

    assert run.outputs()[0] == depth
    assert len(run.actions) == depth + 1


def test_a_thousand_at_once():
    assert flyte.run(a_gathers, 1_000).outputs()[0] == list(range(1, 1_001))


def test_many_threads_run_at_once():
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda x: flyte.run(a_mixes, x), range(24)))

    assert [run.outputs()[0] for run in runs] == [2 * x + 2 for x in range(24)]
    assert len({run.name for run in runs}) == 24


def test_actions_know_who_called_them():
    run = flyte.run(a_mixes, 1)

    tree = {(a.task_name, a.parent_name and run.action(a.parent_name).task_name) for a in run.actions}

    assert tree == {
        ("nesting.a_mixes", None),
        ("nesting.a_calls_sync", "nesting.a_mixes"),
        ("nesting.s_one", "nesting.a_calls_sync"),
        ("nesting.s_runs_async_in_a_loop_of_its_own", "nesting.a_mixes"),
        ("nesting.a_one", "nesting.s_runs_async_in_a_loop_of_its_own"),
    }


def test_the_same_run_has_the_same_action_names_again():
    first, second = flyte.run(a_gathers, 5), flyte.run(a_gathers, 5)

    assert [a.name for a in first.actions] == [a.name for a in second.actions]


def test_equal_calls_have_names_of_their_own(env):
    @env.task
    def twice() -> int:
        return s_one(1) + s_one(1)

    run = flyte.run(twice)

    assert len({a.name for a in run.actions}) == 3


def _in_child(queue):
    run = flyte.run(a_mixes, 1)
    queue.put((run.outputs()[0], run.phase.value))


def test_a_forked_child_runs_runs_of_its_own():
    flyte.run(a_mixes, 1)  # the parent has its threads and its store open
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))

    child.start()

    assert queue.get(timeout=30) == (4, "SUCCEEDED")
    child.join(10)
    assert child.exitcode == 0


def test_a_task_that_forks_while_others_run(env):
    @env.task
    def forks(x: int) -> int:
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(queue,))
        child.start()
        child.join(30)
        return queue.get(timeout=1)[0]

    @env.task
    def all_of_them(n: int) -> list[int]:
        return list(flyte.map(forks, range(n), concurrency=4))

    assert flyte.run(all_of_them, 12).outputs()[0] == [4] * 12


def test_what_a_body_leaves_running_ends_with_its_run(env):
    began, never = threading.Event(), asyncio.Event

    @env.task
    async def forever() -> int:
        began.set()
        await never().wait()
        return 1

    @env.task
    async def leaves() -> int:
        task = asyncio.create_task(forever())
        while not began.is_set():
            await asyncio.sleep(0)
        assert task
        return 1

    run = flyte.run(leaves)

    assert run.outputs() == (1,)
    assert run.action("forever").phase.value == "ABORTED"


def test_a_task_called_after_its_run_has_ended_is_refused(env):
    kept = []

    @env.task
    def keeps() -> None:
        kept.append(flyte.tasks.context.current.get())

    run = flyte.run(keeps)
    token = flyte.tasks.context.current.set(kept[0])
    try:
        with pytest.raises(BaseException) as caught:
            s_one(1)
    finally:
        flyte.tasks.context.current.reset(token)

    assert type(caught.value).__name__ == "Stopped"
    assert len(run.actions) == 1


def test_the_context_of_the_caller_stays_as_it_is(env):
    @env.task
    def inside() -> bool:
        return bool(flyte.ctx())

    assert flyte.run(inside).outputs() == (True,)
    assert not flyte.ctx()


def test_a_script_ends_by_itself(tmp_path):
    out = scripts.run(
        """
        @env.task
        async def one(x: int) -> int:
            return x
        say(flyte.run(one, 1).outputs()[0])
        """,
        tmp_path,
    )

    assert out == "1\n"
