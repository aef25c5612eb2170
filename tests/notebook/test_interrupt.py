"""An interrupt of a cell ends everything that the cell started, within two seconds, and is on record."""

import sys

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


BUSY = """
import ctypes, hashlib
began = time.perf_counter()
hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)
rounds = int(200_000 * 2.8 / (time.perf_counter() - began))

@env.task
def hashes() -> int:
    print("started")
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)
    ticks.append(1)
    return 1

@env.task
def rests() -> int:
    print("started")
    ctypes.CDLL(None).usleep(1_500_000)
    ticks.append(1)
    return 1

@env.task
def above() -> int:
    return hashes() + len(ticks.append(2) or "")

@env.task
async def beside() -> int:
    return await rests.aio()
"""


def test_a_call_that_nothing_interrupts_is_told_and_its_run_aborted_in_time(kernel):
    kernel.run(BUSY)
    cell = kernel.start("try:\n    flyte.run(above)\nexcept Exception:\n    pass\nticks.append(3)")
    kernel.until(lambda: "started" in cell.stdout)
    kernel.interrupt()
    kernel.settle(2)
    name = kernel.runs()[0].name
    phases = {action.phase.value for action in kernel.state(name).actions.values()}
    told = [data["text/plain"] for data in cell.displays if "Python cannot interrupt" in data["text/plain"]]
    over = cell.idle
    kernel.finish(cell)

    assert (phases, over) == ({"ABORTED"}, False)
    assert len(told) == 1
    assert told[0].startswith(
        "hashes is in a call that Python cannot interrupt: the cell ends when it returns"
    )
    assert 'isolation="process"' in told[0]
    assert cell.error.startswith("KeyboardInterrupt")
    assert "flyte_jupyter" not in cell.traceback
    assert kernel.run("ticks").value == "[]"


def test_a_call_that_goes_on_beside_the_kernel_is_told_and_nothing_follows_it(kernel):
    kernel.run(BUSY)
    done = kernel.interrupted("flyte.run(beside)")
    kernel.until(lambda: done.displays)
    left = kernel.run("time.sleep(0.8); ticks").value if sys.version_info >= (3, 12) else "[]"

    assert done.seconds < 1
    assert done.displays[0]["text/plain"].startswith(
        "rests is in a call that Python cannot interrupt: it goes"
    )
    assert left == "[]"
