"""Tasks of the official SDK, as its users write them; they run in the endpoint's workers."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import flyte
import flyte.remote
import flyte.report
from flyte.io import DataFrame, File

env = flyte.TaskEnvironment(name="wf", env_vars={"FROM_TASK": "task"})


@env.task
def add(x: int, y: int = 1) -> int:
    print("adding", x, y)
    print("to stderr", file=sys.stderr)
    return x + y


@env.task
async def total(n: int) -> int:
    return sum(await asyncio.gather(*[add.aio(i, 1) for i in range(n)]))


@env.task
async def tower(depth: int) -> int:
    return 1 if depth <= 1 else 1 + await tower(depth - 1)


@env.task
def mapped(n: int) -> list[int]:
    return list(flyte.map(add, range(n), [10] * n, group_name="many"))


@env.task
async def grouped() -> int:
    with flyte.group("pair"):
        return sum(await asyncio.gather(add.aio(1), add.aio(2)))


@flyte.trace
async def helper(x: int) -> int:
    return x * 3


@env.task
async def traced(x: int) -> int:
    return await helper(x) + await helper(x + 1)


@env.task
async def asks(name: str) -> str:
    condition = await flyte.new_condition.aio(name, prompt="go on?", data_type=bool)
    return "yes" if await condition.wait.aio() else "no"


@env.task
def fails(text: str) -> int:
    raise ValueError(text)


@env.task
async def catches(text: str) -> str:
    try:
        return str(await fails.aio(text))
    except flyte.errors.RuntimeUserError as error:
        return f"{error.code}: {error}"


@env.task(retries=flyte.RetryStrategy(count=3, backoff=flyte.Backoff(base=timedelta(seconds=0.05))))
def flaky(folder: str, good: int) -> int:
    tries = Path(folder, "tries")
    done = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(done))
    if done < good:
        raise RuntimeError(f"try {done}")
    return done


@env.task(retries=3)
def hopeless(folder: str) -> int:
    with Path(folder, "hopeless").open("a") as file:
        file.write("x")
    raise flyte.errors.NonRecoverableError("no use")


@env.task(retries=1)
async def again_with_child(folder: str) -> int:
    return await flaky_child.aio(folder)


@env.task
def flaky_child(folder: str) -> int:
    mark = Path(folder, "child")
    if not mark.exists():
        mark.touch()
        raise RuntimeError("the first time")
    return 7


@env.task(cache=flyte.Cache("auto", version_override="v1"))
def remembered(folder: str, x: int) -> int:
    with Path(folder, "calls").open("a") as file:
        file.write("x")
    return x * 2


@env.task(cache=flyte.Cache("auto", version_override="v1", serialize=True))
def single(folder: str, x: int) -> int:
    with Path(folder, "singles").open("a") as file:
        file.write("x")
    time.sleep(0.2)
    return x


@env.task
async def singles(folder: str) -> int:
    return sum(await asyncio.gather(*[single.aio(folder, 5), single.aio(folder, 5)]))


@env.task
async def writes(text: str) -> File:
    file = File.new_remote()
    async with file.open("wb") as handle:
        await handle.write(text.encode())
    return file


@env.task
async def reads(file: File) -> str:
    async with file.open("rb") as handle:
        return bytes(await handle.read()).decode()


@env.task
async def there_and_back(text: str) -> str:
    return await reads(await writes(text))


@env.task
async def doubled(frame: DataFrame) -> DataFrame:
    import pandas as pd

    found = await frame.open(pd.DataFrame).all()
    return DataFrame.wrap_df(found * 2)


@env.task(report=True)
async def reports(words: str) -> str:
    await flyte.report.replace.aio(f"<b>{words}</b>", do_flush=True)
    return words


@env.task
def chatty(lines: int) -> None:
    for number in range(lines):
        print("line", number)


@env.task
def sleeps(folder: str, seconds: float) -> int:
    inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    outer = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    Path(folder, "pids").write_text(f"{os.getpid()} {inner.pid} {outer.pid}")
    time.sleep(seconds)
    return 1


@env.task
async def waits_for_sleeper(folder: str) -> int:
    return await sleeps.aio(folder, 600.0)


@env.task(timeout=timedelta(seconds=0.6))
def slow() -> int:
    time.sleep(60)
    return 1


@env.task
def variables() -> dict[str, str]:
    return {name: os.environ.get(name, "") for name in ("FROM_TASK", "FROM_RUN", "FLYTE_JUPYTER_HOME")}


@env.task
def dies(code: int) -> int:
    print("last words", file=sys.stderr, flush=True)
    os._exit(code)


secretive = flyte.TaskEnvironment(
    name="secretive", secrets=[flyte.Secret(key="endpoint-token", as_env_var="ENDPOINT_TOKEN")]
)


@secretive.task
def tells() -> int:
    print("the token is", os.environ["ENDPOINT_TOKEN"])
    return len(os.environ["ENDPOINT_TOKEN"])


@env.task
async def marks(folder: str, number: int, seconds: float) -> int:
    with Path(folder, "ran").open("a") as file:
        file.write(f"{number}\n")
    await asyncio.sleep(seconds)
    with Path(folder, "finished").open("a") as file:
        file.write(f"{number}\n")
    return number


@env.task
async def marching(folder: str, count: int, seconds: float) -> int:
    return sum(await asyncio.gather(*[marks.aio(folder, i, seconds) for i in range(count)]))


@env.task(timeout=flyte.Timeout(deadline=timedelta(seconds=1.0)), retries=50)
def never_done(folder: str) -> int:
    with Path(folder, "tries").open("a") as file:
        file.write("x")
    raise RuntimeError("once more")


@env.task(timeout=flyte.Timeout(max_queued_time=timedelta(seconds=0.5)))
def impatient() -> int:
    return 1


@env.task
async def asks_briefly() -> str:
    condition = await flyte.new_condition.aio(
        "quick", prompt="?", data_type=int, timeout=timedelta(seconds=0.5)
    )
    try:
        return str(await condition.wait.aio())
    except Exception as error:
        return type(error).__name__


@env.task
async def at_once(folder: str, number: int) -> int:
    Path(folder, f"begun{number}").touch()
    await asyncio.sleep(0.2)
    most = len(list(Path(folder).glob("begun*")))
    Path(folder, f"begun{number}").unlink()
    return most


@env.task
async def crowd(folder: str, count: int) -> int:
    return max(await asyncio.gather(*[at_once.aio(folder, i) for i in range(count)]))


@env.task(retries=1)
async def traced_twice(folder: str) -> int:
    found = await counted(folder)
    if not Path(folder, "second").exists():
        Path(folder, "second").touch()
        raise RuntimeError("the first time")
    return found


@flyte.trace
async def counted(folder: str) -> int:
    with Path(folder, "traced").open("a") as file:
        file.write("x")
    return len(Path(folder, "traced").read_text())


warm = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=1, idle_ttl=30))


@warm.task
async def reused(x: int) -> int:
    return x + 1


@env.task
async def nested(folder: str) -> str:
    return await catches.aio("deep inside")


@env.task
async def halfway(folder: str) -> int:
    done = await asyncio.gather(*[marks.aio(folder, i, 0.0) for i in range(3)])
    if not Path(folder, "mended").exists():
        raise RuntimeError("not yet mended")
    return sum(done)


@env.task
async def spawns(x: int) -> int:
    inner = await flyte.run.aio(add, x=x)
    await inner.wait.aio(quiet=True)
    return (await inner.outputs.aio())[0]


@env.task
async def by_name(x: int) -> int:
    found = flyte.remote.Task.get("wf.add", auto_version="latest")
    return await found(x=x, y=1)
