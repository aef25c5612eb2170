"""An interrupt of a cell ends everything that the cell started, within two seconds, and is on record."""

import pytest

SETUP = """
import asyncio, threading, time
env = flyte.TaskEnvironment("t")
ticks = []

@env.task
def loop() -> int:
    print("started")
    n = 0
    while True:
        n += 1
        if n % 1000 == 0:
            ticks.append(1)

@env.task
def sleeps(seconds: float = 60) -> float:
    print("started")
    time.sleep(seconds)
    return seconds

@env.task
async def waits() -> int:
    print("started")
    await asyncio.sleep(60)
    return 1

@env.task
async def child(i: int) -> int:
    await asyncio.sleep(60)
    ticks.append(i)
    return i

@env.task
async def many(n: int) -> int:
    children = [asyncio.ensure_future(child(i)) for i in range(n)]
    await asyncio.sleep(0.1)
    print("started")
    await asyncio.gather(*children)
    return n

@env.task
async def threads(n: int) -> float:
    return sum(await asyncio.gather(*[spins.aio() for _ in range(n)]))

@env.task
def spins() -> float:
    print("started")
    while True:
        time.sleep(0.01)
        ticks.append(1)

@env.task
async def calls(seconds: float) -> float:
    return sleeps(seconds)

@env.task
async def calls_loop() -> int:
    return loop()

@env.task
def between() -> float:
    return spins()

@env.task
async def calls_deep() -> float:
    return between()

@env.task
async def awaits_deep() -> float:
    return await calls_deep()

@env.task
async def blocks() -> float:
    print("started")
    while True:
        time.sleep(0.01)
        ticks.append(1)

@env.task
async def maps() -> int:
    return sum(flyte.map(sleeps, [60.0] * 4))

def newest():
    return next(iter(flyte.Run.listall(limit=1)))
"""


@pytest.fixture(autouse=True)
def tasks(kernel):
    done = kernel.run(SETUP)
    assert done.status == "ok", done.traceback


@pytest.mark.parametrize(
    "code",
    [
        "flyte.run(loop)",
        "flyte.run(sleeps)",
        "flyte.run(waits)",
        "flyte.run(many, 1000)",
        "flyte.run(threads, 4)",
        *(
            pattern.format(task)
            for task in ("calls, 60.0", "calls_loop", "calls_deep", "awaits_deep", "blocks", "maps")
            for pattern in ("flyte.run({})", "await flyte.run.aio({})")
        ),
        "await flyte.run.aio(loop)",
        "await flyte.run.aio(waits)",
        "await flyte.run.aio(many, 1000)",
        (
            "%%flyte_task --run\nasync def f() -> int:\n    print('started')\n"
            "    await asyncio.sleep(60)\n    return 1"
        ),
        "%%flyte_task --run\ndef f() -> int:\n    print('started')\n    time.sleep(60)\n    return 1",
    ],
)
def test_an_interrupt_stops_the_run_and_records_it(kernel, code):
    done = kernel.interrupted(code)
    phases = kernel.run("r = newest(); sorted({a.phase.value for a in r.state.actions.values()})").value
    still = kernel.run("before = len(ticks); time.sleep(0.3); len(ticks) - before").value

    assert done.seconds < 2
    assert done.error.split(":")[0] in ("KeyboardInterrupt", "CancelledError")
    assert "flyte_jupyter" not in done.traceback
    assert phases == "['ABORTED']"
    assert still == "0"


def test_a_plain_await_sees_the_interrupt_at_once(kernel):
    done = kernel.interrupted("print('started')\nawait asyncio.sleep(60)")

    assert done.seconds < 2
    assert done.error.startswith("CancelledError")


def test_a_run_in_the_background_ends_with_the_cell_that_started_it(kernel):
    done = kernel.interrupted(
        "%%flyte_task --run --background --as bg\nasync def f() -> int:\n"
        "    await asyncio.sleep(60)\n    return 1\n"
        "print('started')\nflyte.run(sleeps)"
    )
    kernel.run(
        "%%flyte_task --run --background --as other\nasync def g() -> int:\n"
        "    await asyncio.sleep(60)\n    return 1"
    )
    kernel.interrupted("print('started'); time.sleep(60)")

    assert done.seconds < 2
    assert kernel.run("other.phase.value").value != "'ABORTED'"
    kernel.run("other.abort()")
    assert kernel.run("other.wait(5); other.phase.value").value == "'ABORTED'"


def test_a_run_in_the_background_of_the_interrupted_cell_is_stopped(kernel):
    done = kernel.interrupted(
        "import contextvars\nbg = threading.Thread(target=contextvars.copy_context().run, "
        "args=(lambda: flyte.run(waits),), daemon=True)\nbg.start()\ntime.sleep(60)"
    )
    phase = kernel.run("bg.join(5); newest().phase.value").value

    assert done.seconds < 2
    assert phase == "'ABORTED'"


def test_the_next_cell_runs_as_usual(kernel):
    kernel.interrupted("flyte.run(many, 200)")
    done = kernel.run("flyte.run(sleeps, 0.01).outputs()[0]")

    assert done.value == "0.01"
