"""Tasks of the official SDK, as its users write them; they run in the endpoint's workers."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import flyte
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
