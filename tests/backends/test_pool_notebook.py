"""What is defined in ``__main__``, as in a notebook, goes to workers and comes back as its own class."""

import subprocess
import sys
import textwrap

import pytest

HEAD = """
import asyncio, dataclasses, enum, linecache, os, pickle, sys, warnings
from typing import Any
import flyte_jupyter as flyte
warnings.simplefilter("error")
env = flyte.TaskEnvironment(name="nb")
run = flyte.with_runcontext(isolation="process").run

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=list)

    def moved(self) -> "Point":
        return dataclasses.replace(self, x=self.x + STEP)

class Colour(enum.Enum):
    RED = "r"

class Wrong(ValueError):
    def __init__(self, point, why):
        super().__init__(f"{why}: {point}")
        self.point = point

STEP = 2
"""

CASES = {
    "functions with a cache": """
import functools
@functools.lru_cache(maxsize=8)
def doubled(n: int) -> int:
    return n * STEP
class Holder:
    env = env
@env.task
@functools.cache
def kept(n: int) -> int:
    return doubled(n) + 1
@env.task
def by_value(n: int) -> int:
    return doubled(n) if Holder.env else 0
assert run(kept, 2).outputs() == (5,)
assert run(env.task(doubled), 3).outputs() == (6,)
with warnings.catch_warnings(action="ignore"):
    assert run(by_value, 4).outputs() == (8,)
""",
    "classes of a module": """
from pathlib import Path
lines = ["class Item:", "    def __init__(self, n): self.n = n", "    def show(self): return f'item {self.n}'"]
Path(__file__).with_name("mod_of_mine.py").write_text("\\n".join([*lines, "class Oops(Exception): pass"]))
import mod_of_mine
from mod_of_mine import Item
show = Item.show
@env.task
def make(n: int) -> Item:
    if n < 0:
        raise mod_of_mine.Oops(n)
    return Item(n)
@env.task
def many(n: int) -> list[Any]:
    return [make(n), {"a": Item(n + 1)}]
assert type(run(make, 1).outputs()[0]) is Item
one, more = run(many, 2).outputs()[0]
assert type(one) is type(more["a"]) is Item and one.show() == "item 2"
assert Item.show is show, "the class is as it was"
try:
    run(make, -1)
except mod_of_mine.Oops as error:
    assert error.args == (-1,)
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    assert "raise mod_of_mine" in linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno)
else:
    raise AssertionError
""",
    "the order of prints and records": """
import io, logging
sys.stdout = shown = io.StringIO()
logging.basicConfig(level=20, stream=shown, format="%(message)s")
@env.task
def work(x: int) -> int:
    print("a", x, end=" ")
    logging.info("log %d", x)
    print("b", x)
    return x
run(work, 1)
sys.stdout = sys.__stdout__
assert shown.getvalue() == "a 1 log 1\\nb 1\\n", shown.getvalue()
""",
    "dataclass": """
@env.task
def work(p: Point, c: Colour) -> tuple[Point, Colour]:
    return p.moved(), c
point, colour = run(work, Point(1), Colour.RED).outputs()
assert type(point) is Point and point == Point(3), point
assert colour is Colour.RED
""",
    "exception": """
@env.task
def work(p: Point) -> Point:
    raise Wrong(p, "no")
try:
    run(work, Point(1))
except Wrong as error:
    assert type(error.point) is Point
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    assert last.tb_frame.f_code.co_filename == __file__, last.tb_frame.f_code.co_filename
    assert "raise Wrong" in linecache.getline(__file__, last.tb_lineno)
else:
    raise AssertionError
""",
    "pickle in the body": """
@env.task
def work() -> Any:
    return pickle.loads(pickle.dumps([Point(1), Colour.RED])) == [Point(1), Colour.RED]
assert run(work).outputs()[0] is True
""",
    "values of any type": """
@env.task
def child(x: Any) -> Any:
    return [x, Colour.RED, Point]
@env.task
def work(x: Any) -> Any:
    inner = child(x)
    return [x, *inner, inner[2] is Point, type(x) is Point]
assert run(work, Point(1)).outputs()[0] == [Point(1), Point(1), Colour.RED, Point, True, True]
""",
    "annotations in quotes": """
@dataclasses.dataclass
class Tree:
    name: str
    below: "list[Tree]" = dataclasses.field(default_factory=list)
@env.task
def work(t: "Tree") -> "Tree":
    return Tree("root", [t])
assert run(work, Tree("leaf")).outputs()[0] == Tree("root", [Tree("leaf")])
""",
    "deep": """
@env.task
def down(n: int) -> int:
    return 0 if n == 0 else 1 + down(n - 1)
assert run(down, 20).outputs()[0] == 20
""",
    "wide": """
@env.task
async def child(p: Point) -> Point:
    return p.moved()
@env.task
async def work(n: int) -> list[Point]:
    return await asyncio.gather(*(child(Point(i)) for i in range(n)))
assert [p.x for p in run(work, 200).outputs()[0]] == [i + 2 for i in range(200)]
""",
    "by pickle": """
warnings.simplefilter("ignore")
model = type("Model", (), {"seen": {"a": 1}})()
@env.task
def child(p: Point) -> Point:
    return p.moved()
@env.task
def work(p: Point) -> Point:
    assert model.seen == {"a": 1} and dataclasses.fields(p)[0].default is dataclasses.MISSING
    return child(p)
found = run(work, Point(1)).outputs()[0]
assert type(found) is Point and found == Point(3)
assert Point(1) == Point(1, 0.5, [])
""",
    "redefined": """
def helper(): return 1
@env.task
def work() -> int: return helper()
assert run(work).outputs()[0] == 1
def helper(): return 2
assert run(work).outputs()[0] == 2
""",
    "pydantic": """
import pydantic
class Model(pydantic.BaseModel):
    x: int
    inner: "list[Model]" = []
@env.task
def work(m: Model) -> Model:
    return Model(x=m.x + 1, inner=[m])
found = run(work, Model(x=1)).outputs()[0]
assert type(found) is Model and found.inner == [Model(x=1)]
""",
}


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_runs_in_workers(name, tmp_path):
    path = tmp_path / "cells.py"
    path.write_text(textwrap.dedent(HEAD + CASES[name]))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
