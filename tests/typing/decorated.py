"""What a type checker sees of tasks: read by mypy, never run."""

from typing import Any, assert_type

import flyte_jupyter as flyte
from flyte_jupyter import AsyncFunctionTaskTemplate

env = flyte.TaskEnvironment(name="typing")


@env.task
def bare(x: int, y: str = "") -> float:
    return x + len(y)


@env.task(retries=3, cache="auto")
def with_parameters(x: int) -> list[str]:
    return [str(x)]


@env.task
async def asynchronous(x: int) -> bytes:
    return bytes(x)


assert_type(bare(1), float)
assert_type(bare(x=1, y="a"), float)
assert_type(with_parameters(1), list[str])
assert_type(bare.forward(1), float)
assert_type(bare.override(retries=1)(1), float)


async def awaits() -> None:
    assert_type(await asynchronous(1), bytes)
    asynchronous(1)  # type: ignore[unused-coroutine]


bare("no")  # type: ignore[arg-type]
bare(1, z=2)  # type: ignore[call-arg]
with_parameters()  # type: ignore[call-arg]


@flyte.trace
def helper(x: int) -> str:
    return str(x)


assert_type(helper(1), str)
helper("no")  # type: ignore[arg-type]

task: AsyncFunctionTaskTemplate[..., Any] = bare
