"""Tasks of the official SDK that have an image of their own."""

import os
import time
from pathlib import Path

import flyte

IMAGE = os.environ.get("BOXED_IMAGE", "flyte-jupyter-test:none")
env = flyte.TaskEnvironment(
    name="boxed",
    image=flyte.Image.from_base(IMAGE),
    resources=flyte.Resources(cpu=1, memory="400Mi"),
    env_vars={"BOXED_IMAGE": IMAGE},  # in its container, this module finds the image's name as well
)
missing = flyte.TaskEnvironment(name="missing", image=flyte.Image.from_base("flyte-jupyter-test:none"))


@env.task
async def where() -> str:
    return "container" if Path("/.dockerenv").exists() else "here"


@env.task
async def parent() -> str:
    return await where() + ", " + await where()


@env.task
def greedy() -> int:
    return len(bytearray(900 << 20))


@env.task
def waits() -> int:
    time.sleep(600)
    return 1


@missing.task
def nowhere() -> int:
    return 1
