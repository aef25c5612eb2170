"""Tasks that call tasks, from workers and into workers; frames that go there and back."""

import asyncio
import os
import subprocess

import pytest
from leftovers import exists, until

import flyte_jupyter as flyte
from flyte_jupyter.backends import warm

pytestmark = pytest.mark.filterwarnings("ignore:.*goes to its worker as a pickle")


def test_calls_nest_deep(env, run):
    @env.task
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    assert run(down, 8).outputs()[0] == 8


def test_calls_alternate_between_threads_and_workers(env):
    @env.task(reusable=flyte.ReusePolicy(1))
    async def there(n: int) -> list[int]:
        return [os.getpid(), *(await here(n - 1) if n else [])]

    @env.task
    async def here(n: int) -> list[int]:
        return [os.getpid(), *(await there(n - 1) if n else [])]

    found = flyte.run(here, 12).outputs()[0]

    assert len(found) == 13
    assert set(found[::2]) == {os.getpid()}
    assert os.getpid() not in found[1::2]


def test_a_wide_fan_out_from_a_worker(env, run):
    @env.task
    async def child(x: int) -> int:
        return x + 1

    @env.task
    async def work(n: int) -> int:
        return sum(await asyncio.gather(*(child(i) for i in range(n))))

    found = run(work, 200)

    assert found.outputs()[0] == sum(range(201))
    assert len(found.state.actions) == 201


def test_a_map_in_a_synchronous_body(env, run):
    @env.task
    def child(x: int) -> int:
        return x * 2

    @env.task
    def work(n: int) -> list[int]:
        return list(flyte.map(child, range(n)))

    assert run(work, 20).outputs()[0] == [2 * x for x in range(20)]


def test_a_failing_child_fails_its_parent_with_its_own_exception(env, run):
    @env.task
    def child() -> int:
        raise KeyError("child")

    @env.task
    def work() -> int:
        try:
            return child()
        except KeyError:
            return child.override(short_name="again")()

    with pytest.raises(KeyError, match="child") as caught:
        run(work)

    assert [entry.name for entry in caught.traceback][-2:] == ["work", "child"]


def test_children_are_cached_by_the_kernel(env, run):
    @env.task(cache="auto")
    def child(x: int) -> int:
        return x + 1

    @env.task
    def work() -> list[int]:
        return [child(1), child(1), child.override(cache="disable")(1)]

    found = run(work)

    assert found.outputs()[0] == [2, 2, 2]
    assert [c.cache for c in found.state.children()][1] == "hit"


def test_a_task_that_is_made_in_a_body(env, run):
    @env.task
    def work(x: int) -> int:
        inner = flyte.TaskEnvironment(name="inner")

        @inner.task
        def double(y: int) -> int:
            return 2 * y

        return double(x)

    assert run(work, 4).outputs()[0] == 8


def test_concurrency_puts_many_asynchronous_attempts_into_one_worker(env):
    @env.task(reusable=flyte.ReusePolicy(1, concurrency=10))
    async def meet(n: int) -> int:
        await asyncio.sleep(0.2)
        print("met", n)
        return os.getpid()

    @env.task
    async def work() -> list[int]:
        return await asyncio.gather(*(meet(i) for i in range(10)))

    found = flyte.run(work)

    assert len(set(found.outputs()[0])) == 1
    for child in found.state.children():
        assert len(list(found.logs(child.name))) == 1


def test_replicas_bound_how_many_run_at_once(env):
    @env.task(reusable=flyte.ReusePolicy((0, 2)))
    def work(n: int) -> int:
        import time

        time.sleep(0.05)
        return os.getpid()

    @env.task
    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(work.aio(i) for i in range(6)))

    assert len(set(flyte.run(all_of_them).outputs()[0])) <= 2


def test_idle_workers_go_after_a_while(env, run, monkeypatch):
    monkeypatch.setattr(warm, "IDLE", 0.1)

    @env.task
    def work() -> int:
        return os.getpid()

    pid = run(work).outputs()[0]

    assert exists(pid)
    assert until(lambda: not exists(pid))


def test_a_worker_serves_one_event_loop_after_the_other(env, run):
    @env.task
    def work() -> int:
        return os.getpid()

    async def main():
        return (await run.aio(work)).outputs()[0]

    @env.task
    def with_a_loop_of_its_own() -> int:
        async def inner():
            return await work.aio()

        return asyncio.run(inner())

    first = run(work).outputs()[0]
    thread = flyte.with_runcontext(isolation="auto").run

    assert asyncio.run(main()) == first
    for _ in range(3):
        assert thread(with_a_loop_of_its_own).outputs()[0]
        assert run(with_a_loop_of_its_own).outputs()[0]
    assert run(work).outputs()[0]


def test_threads_of_a_body_call_tasks_side_by_side(env, run):
    @env.task
    def child(x: int) -> int:
        return x + 1

    @env.task
    def work(n: int) -> list[int]:
        import contextvars
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as threads:
            calls = [threads.submit(contextvars.copy_context().run, child, i) for i in range(n)]
            return [call.result() for call in calls]

    assert run(work, 40).outputs()[0] == [i + 1 for i in range(40)]


@pytest.mark.parametrize("megabytes", [1, 100])
def test_a_frame_goes_there_and_back_and_can_be_changed(env, run, megabytes):
    import numpy as np
    import pandas as pd

    @env.task
    def work(df: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        total = float(df.to_numpy().sum())
        df.iloc[0, 0] = -1.0
        return df, total

    rows = megabytes * 125_000 // 8
    frame = pd.DataFrame(np.random.default_rng(0).random((rows, 8)), columns=list("abcdefgh"))
    back, total = run(work, frame).outputs()

    assert total == float(frame.to_numpy().sum())
    assert back.iloc[0, 0] == -1.0
    back.iloc[0, 0] = frame.iloc[0, 0]
    assert back.equals(frame)
    back.iloc[1, 1] = 5.0


def test_arrays_models_and_handles_go_there_and_back(env, run):
    import numpy as np
    import pandas as pd

    @env.task
    def arrays(x: np.ndarray) -> np.ndarray:
        return x * 2

    @env.task
    def make() -> flyte.io.DataFrame:
        return flyte.io.DataFrame.from_df(pd.DataFrame({"a": [1, 2, 3]}))

    @env.task
    def use(df: flyte.io.DataFrame) -> int:
        return int(df.open(pd.DataFrame).all_sync()["a"].sum())

    @env.task
    def chain() -> int:
        return use(make())

    assert (run(arrays, np.arange(10)).outputs()[0] == np.arange(10) * 2).all()
    assert run(make).outputs()[0].open(pd.DataFrame).all_sync()["a"].tolist() == [1, 2, 3]
    assert run(chain).outputs()[0] == 6


def test_more_than_a_socket_holds_goes_there_and_back_without_a_loop(env, run):
    @env.task
    def back(data: bytes) -> bytes:
        return data[::-1]

    data = bytes(range(256)) * (1 << 13)

    assert run(back, data).outputs()[0] == data[::-1]


def test_what_is_written_to_a_descriptor_last_is_kept(env, run):
    @env.task
    def work(n: int) -> None:
        os.write(1, b"the last words %d\n" % n)

    for n in range(20):
        made = run(work, n)
        assert f"the last words {n}" in "".join(row.text for row in made.logs())


def test_threads_and_loops_take_turns_with_one_worker(env):
    single = env.clone_with(f"{env.name}s", reusable=flyte.ReusePolicy(1))

    @single.task
    def here() -> int:
        return os.getpid()

    @single.task
    async def there() -> int:
        return os.getpid()

    @env.task
    async def both() -> list[int]:
        return [await there(), here(), await there(), here()]

    @env.task
    def all_of_them() -> list[int]:
        return [here(), here(), *flyte.run(both).outputs()[0], here()]

    assert len(set(flyte.run(all_of_them).outputs()[0])) == 1


def test_a_body_that_calls_leaves_the_threads_own_event_loop(env, run):
    @env.task
    def child(x: int) -> int:
        return x + 1

    @env.task
    def parent() -> int:
        return child(1)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert run(parent).outputs() == (2,)
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_what_comes_between_attempts_is_not_the_next_ones(env, run, tmp_path):
    @env.task
    def leaves_something_behind(folder: str) -> int:
        text = "while [ ! -e go ]; do sleep 0.01; done; echo too late; touch marker"
        return subprocess.Popen(["sh", "-c", text], cwd=folder).pid

    @env.task
    def follows() -> str:
        return "fine"

    run(follows)
    run(leaves_something_behind, str(tmp_path))
    (tmp_path / "go").touch()
    assert until((tmp_path / "marker").exists)
    made = run(follows)

    assert "too late" not in "".join(row.text for row in made.logs())


def test_each_line_of_bodies_that_share_a_worker_is_its_own_actions_and_said_once(env, run):
    @env.task(reusable=flyte.ReusePolicy(1, concurrency=8), report=True)
    async def nap(x: int) -> None:
        await asyncio.sleep(0.05)
        print("nap", x)
        flyte.report.log(f"<p>{x}</p>")

    @env.task
    async def naps() -> None:
        await asyncio.gather(*(nap(x) for x in range(8)))

    handle = run(naps)

    lines = {(row.action, row.text) for row in handle.logs()}
    assert sorted(row.text for row in handle.logs()) == [f"nap {x}\n" for x in range(8)]
    assert len({action for action, _ in lines}) == 8
    assert all(f"<p>{text.split()[1]}</p>" in handle.action(action).report() for action, text in lines)
