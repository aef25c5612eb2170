"""Classes that a cell defines again: tasks take and give the notebook's own, whenever they were defined."""

import pytest

CLASSES = """
import dataclasses, enum, pydantic, typing
@dataclasses.dataclass
class Item:
    n: int = 1
    def show(self): return f"VERSION {self.n}"
@dataclasses.dataclass
class Box:
    items: list[Item]
class Mode(enum.Enum):
    A = 1
class Model(pydantic.BaseModel):
    n: int = 1
    def show(self): return f"VERSION {self.n}"
class Pair(typing.NamedTuple):
    left: Item
    right: int
"""
TASKS = """
env = flyte.TaskEnvironment("again")
@env.task
def make(n: int) -> Item: return Item(n)
@env.task
def box(items: list[Item]) -> Box: return Box([*items, Item(7)])
@env.task
def mode(m: Mode | None = None) -> Mode: return m or Mode.A
@env.task
def model(n: int) -> dict[str, Model]: return {"a": Model(n=n)}
@env.task
def pair(n: int) -> Pair: return Pair(Item(n), n)
@env.task
def takes(i: Item) -> str: return i.show()
@env.task
def calls(n: int) -> str: return takes(make(n))
"""
CHECK = """
run = flyte.with_runcontext(isolation={!r}).run
one = run(make, 1).outputs()[0]
assert type(one) is Item and one.show() == "v2 1", one.show()
boxed = run(box, [Item(2)]).outputs()[0]
assert type(boxed) is Box and [type(i) for i in boxed.items] == [Item, Item], boxed
assert run(mode).outputs()[0] is Mode.A and run(mode, Mode.B).outputs()[0] is Mode.B
assert type(run(model, 3).outputs()[0]["a"]) is Model
assert run(model, 3).outputs()[0]["a"].show() == "v2 3"
both = run(pair, 4).outputs()
assert [type(i) for i in both] == [Item, int], both
assert run(takes, Item(5)).outputs() == ("v2 5",)
assert run(calls, 6).outputs() == ("v2 6",)
assert run(make, 1).outputs()[0].extra == "x"
"""


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_tasks_defined_before_give_the_new_class(kernel, isolation):
    kernel.run(CLASSES.replace("VERSION", "v1"))
    kernel.run(TASKS)
    kernel.run("first = [flyte.run(make, 1), flyte.run(mode), flyte.run(model, 1), flyte.run(box, [Item()])]")
    again = CLASSES.replace("VERSION", "v2")
    again = again.replace("    n: int = 1\n", '    n: int = 1\n    extra: str = "x"\n').replace(
        "    A = 1", "    A = 1\n    B = 2"
    )
    kernel.run(again)
    done = kernel.run(CHECK.format(isolation))

    assert done.status == "ok", done.traceback
