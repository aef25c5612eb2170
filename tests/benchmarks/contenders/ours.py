"""This package."""

import asyncio
import itertools
import statistics
import tempfile
import time

from contenders.cells import beyond_empty, whole
from contenders.common import Record, Small, frame, peak, record, script, smalls, timed, told
from contenders.served import endpoint

import flyte_jupyter as flyte
from flyte_jupyter.types import TypeEngine

env = flyte.TaskEnvironment(name="bench")
fresh_numbers = itertools.count(time.time_ns())

TASK = """
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="bench")
@env.task(cache="{cache}")
def trivial(x: int) -> int:
    return x + 1
assert flyte.run(trivial, 1).outputs()[0] == 2
"""

CELLS = """
%load_ext flyte_jupyter
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="cells")
@env.task
def trivial(x: int) -> int:
    return x + 1
@env.task
def talk(n: int) -> int:
    for i in range(n):
        print("line", i, "of", n)
    return n
"""


@env.task
async def child(x: int) -> int:
    return x + 1


@env.task
async def parent(n: int) -> int:
    return sum(await asyncio.gather(*[child(i) for i in range(n)]))


@env.task
def sync_child(x: int) -> int:
    return x + 1


@env.task
def sync_parent(n: int) -> int:
    return sum(flyte.map(sync_child, range(n)))


@env.task(cache="auto")
def cached(x: int) -> int:
    return x + 1


def bring_in(_size: int) -> float:
    return script("import flyte_jupyter")


def first_result(_size: int) -> float:
    return script(TASK.format(cache="disable"))


def new_process_hit(_size: int) -> float:
    """The call itself, with the store that it opens; what the import brings is counted elsewhere."""
    task, call, check = TASK.format(cache="auto").partition("assert")
    script(task + call + check)
    return told(
        f"import time\n{task}flyte.run\nbegin = time.perf_counter()\n{call}{check}"
        "print(time.perf_counter() - begin)"
    )


def nested(size: int) -> float:
    flyte.run(parent, 1)
    return timed(lambda: flyte.run(parent, size).outputs()[0], sum(range(1, size + 1)))


def growth(size: int) -> float:
    flyte.run(parent, 10)
    before = peak()
    flyte.run(parent, size)
    return peak() - before


def sync_map(size: int) -> float:
    flyte.run(sync_parent, 1)
    return timed(lambda: flyte.run(sync_parent, size).outputs()[0], sum(range(1, size + 1)))


def small_hit(size: int) -> float:
    flyte.run(cached, 1)
    return timed(lambda: [flyte.run(cached, 1).outputs()[0] for _ in range(size)], [2] * size)


def small_cold(size: int) -> float:
    return timed(lambda: len([flyte.run(cached, next(fresh_numbers)) for _ in range(size)]), size)


def _frames():
    import pandas as pd

    @env.task(cache="auto")
    def doubled(df: pd.DataFrame, salt: int) -> pd.DataFrame:
        return df

    return doubled


def frame_hit(size: int) -> float:
    data, task = frame(size), _frames()
    flyte.run(task, data, salt=0)
    return timed(lambda: len(flyte.run(task, data, salt=0).outputs()[0]), len(data))


def frame_cold(size: int) -> float:
    data, task = frame(size), _frames()
    return timed(lambda: len(flyte.run(task, data, salt=next(fresh_numbers)).outputs()[0]), len(data))


def hand_over(size: int) -> float:
    import pandas as pd

    data, seconds = frame(size), []

    @env.task
    async def use(df: pd.DataFrame) -> int:
        return len(df)

    @env.task
    async def make() -> int:
        begin = time.perf_counter()
        count = await use(data)
        seconds.append(time.perf_counter() - begin)
        return count

    assert flyte.run(make).outputs()[0] == len(data)
    return seconds[0]


@env.task(reusable=flyte.ReusePolicy(1))
def echo(x: int) -> int:
    return x


@env.task
def echoes(n: int) -> list[float]:
    seconds = []
    for x in range(n):
        begin = time.perf_counter()
        assert echo(x) == x
        seconds.append(time.perf_counter() - begin)
    return seconds


@env.task(reusable=flyte.ReusePolicy(1))
async def async_echo(x: int) -> int:
    return x


@env.task
async def async_echoes(n: int) -> list[float]:
    seconds = []
    for x in range(n):
        begin = time.perf_counter()
        assert await async_echo(x) == x
        seconds.append(time.perf_counter() - begin)
    return seconds


def _trips(task, size: int) -> list[float]:
    flyte.run(task, 10)
    return sorted(flyte.run(task, size).outputs()[0])


def round_trip(size: int) -> float:
    return statistics.median(_trips(echoes, size))


def round_trip_p99(size: int) -> float:
    return _trips(echoes, size)[size * 99 // 100]


def async_round_trip(size: int) -> float:
    return statistics.median(_trips(async_echoes, size))


def _children(size: int) -> float:
    run = flyte.with_runcontext(mode="hybrid").run
    run(parent, 1)
    return timed(lambda: run(parent, size).outputs()[0], sum(range(1, size + 1)))


def endpoint_children(size: int) -> float:
    flyte.init(endpoint=endpoint("ours"))
    return _children(size)


def ray_children(size: int) -> float:
    flyte.init(backend="ray")
    return _children(size)


def hand_to_worker(size: int) -> float:
    import pandas as pd

    global used  # noqa: PLW0603 - a worker finds tasks as a notebook has them: by global names

    @env.task(reusable=flyte.ReusePolicy(1))
    async def used(df: pd.DataFrame) -> float:
        return float(df["x0"].sum())

    run = flyte.with_runcontext(isolation="process").run
    run(used, frame(1))
    data = frame(size)
    return timed(lambda: run(used, data).outputs()[0], float(data["x0"].sum()))


def _there_and_back(value, kind, times: int = 1) -> float:
    TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)

    def work():
        for _ in range(times):
            back = TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)
        return back

    return timed(work, value)


def types_int(size: int) -> float:
    return _there_and_back(5, int, size)


def types_record(size: int) -> float:
    return _there_and_back(record(), Record, size)


def types_records(size: int) -> float:
    return _there_and_back(smalls(size), list[Small])


def types_ints(size: int) -> float:
    return _there_and_back(list(range(size)), list[int])


def types_floats(size: int) -> float:
    return _there_and_back({str(n): n / 3 for n in range(size)}, dict[str, float])


def log_lines(size: int) -> float:
    text = f"""
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="bench")
@env.task
def talk(n: int) -> int:
    for i in range(n):
        print("line", i, "of", n)
    return n
run = flyte.run(talk, {size})
run.store.flush()
"""
    return script(text)


def fold_card(size: int) -> float:
    from flyte_jupyter.notebook.render.card import card
    from flyte_jupyter.runs.state import fold

    run = flyte.run(parent, size)
    run.store.flush()
    events = [event for _, event in run.store.events(run.name)]
    return timed(lambda: len(card(fold(events))) <= 200_000, expected=True)


def list_runs(size: int) -> float:
    from flyte_jupyter.runs.events import ROOT, ActionQueued, ActionSucceeded, RunStarted
    from flyte_jupyter.runs.store import RunStore

    with tempfile.TemporaryDirectory() as folder:
        store, each = RunStore.open(folder), 100
        for number in range(size // each):
            at = {"run": f"r{number}", "time": float(number)}
            store.append(RunStarted(**at, action=ROOT, task="m.f"))
            for name in (ROOT, *(f"a{n}" for n in range(1, each // 2 - 1))):
                store.append(ActionQueued(**at, action=name, task="m.f", name="f"))
                store.append(ActionSucceeded(**at, action=name, outputs=b""))
        store.flush()
        newest = f"r{size // each - 1}"
        took = timed(lambda: store.runs(limit=100, task="m.f")[0].name, newest)
        store.close()
    return took


def cell_run(size: int) -> float:
    return beyond_empty(CELLS, "flyte.run(trivial, 1)", size)


def cell_lines(size: int) -> float:
    return whole(CELLS, f"flyte.run(talk, {size});")
