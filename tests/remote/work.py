"""Tasks and classes of a user's module, as remote tests run them."""

import asyncio
import dataclasses
import enum
import time
from typing import NamedTuple

import pydantic

import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="work", env_vars={"WORK": "here"})


@dataclasses.dataclass
class Point:
    x: int
    y: int = 3
    tags: list[str] = dataclasses.field(default_factory=list)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Model(pydantic.BaseModel):
    name: str
    size: int = 1


class Pair(NamedTuple):
    left: int
    right: str


class WrongError(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code

    def __str__(self):
        return f"wrong {self.code}"


@flyte.trace
def noted(value: int) -> int:
    return value + 1


@env.task
def square(x: int) -> int:
    print("square of", x)
    return x * x


@env.task
def fails(x: int) -> int:
    raise WrongError(x, "as asked")


@env.task
async def many(n: int) -> list[int]:
    with flyte.group("squares"):
        found = await asyncio.gather(*[square.aio(i) for i in range(n)])
    return await added.aio(found)


@env.task
def added(found: list[int]) -> list[int]:
    return [noted(one) for one in found]


@env.task
def caught(x: int) -> str:
    try:
        return str(fails(x))
    except WrongError as error:
        return f"caught {error.code}"


@env.task
def shapes(point: Point, colour: Colour, model: Model) -> tuple[Point, Colour, Model]:
    return Point(point.x + 1, point.y, ["a"]), Colour.BLUE, Model(name=model.name * 2)


@env.task
def pair(x: int) -> Pair:
    return Pair(x, str(x))


@env.task
def reported(title: str) -> int:
    flyte.report.log(f"<h1>{title}</h1>", do_flush=True)
    return len(title)


@env.task
def sleeps(seconds: float) -> str:
    print("asleep", flush=True)
    time.sleep(seconds)
    return "awake"
