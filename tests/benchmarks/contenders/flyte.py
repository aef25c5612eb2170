"""The official Flyte 2 SDK, in local mode."""

import asyncio
import itertools
import time
from pathlib import Path

import flyte
from contenders import served
from contenders.cells import beyond_empty, whole
from contenders.common import Record, Small, frame, peak, record, script, smalls, timed
from flyte.types import TypeEngine

env = flyte.TaskEnvironment(name="bench")
fresh_numbers = itertools.count(time.time_ns())

TASK = """
import flyte
env = flyte.TaskEnvironment(name="bench")
@env.task
def trivial(x: int) -> int:
    return x + 1
assert flyte.run(trivial, 1).outputs()[0] == 2
"""

CELLS = """
import flyte
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
    return script("import flyte")


def first_result(_size: int) -> float:
    return script(TASK)


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


def frame_cold(size: int) -> float:
    import pandas as pd

    data = frame(size)

    @env.task(cache="auto")
    def doubled(df: pd.DataFrame, salt: int) -> pd.DataFrame:
        return df

    return timed(lambda: len(flyte.run(doubled, data, salt=next(fresh_numbers)).outputs()[0]), len(data))


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


def _there_and_back(value, kind, times: int = 1) -> float:
    async def work():
        expected = TypeEngine.to_literal_type(kind)
        for _ in range(times):
            literal = await TypeEngine.to_literal(value, kind, expected)
            back = await TypeEngine.to_python_value(literal, kind)
        return back

    async def measured() -> float:
        await work()
        begin = time.perf_counter()
        assert await work() == value
        return time.perf_counter() - begin

    return asyncio.run(measured())


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
    return script(f"""
import flyte
env = flyte.TaskEnvironment(name="bench")
@env.task
def talk(n: int) -> int:
    for i in range(n):
        print("line", i, "of", n)
    return n
flyte.run(talk, {size})
""")


def endpoint_children(size: int) -> float:
    flyte.init(
        endpoint=served.endpoint("flyte"), insecure=True, org="local", project="flytesnacks",
        domain="development", root_dir=Path(__file__).parents[1],
    )  # fmt: skip
    _at_endpoint(1)
    return timed(lambda: _at_endpoint(size), sum(range(1, size + 1)))


def _at_endpoint(size: int) -> int:
    run = flyte.with_runcontext(mode="remote").run(parent, size)
    run.wait(quiet=True)
    return run.outputs()[0]


def cell_run(size: int) -> float:
    return beyond_empty(CELLS, "flyte.run(trivial, 1)", size)


def cell_lines(size: int) -> float:
    return whole(CELLS, f"flyte.run(talk, {size});")
