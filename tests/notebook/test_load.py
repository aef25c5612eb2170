"""A failed action, brought into a notebook by one line."""

import asyncio
import linecache
import textwrap

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import ActionNotFoundError
from flyte_jupyter.notebook.reproducing import load
from flyte_jupyter.tasks.environment import _registry

CODE = """
import flyte_jupyter as flyte
import pandas as pd

env = flyte.TaskEnvironment(name="loaded")
LIMIT = 2


def check(x: int) -> None:
    if x > LIMIT:
        raise ValueError(f"{x} is too much")


@env.task
def picky(x: int, names: list[str]) -> int:
    check(x)
    return x


@env.task
def parent(n: int) -> int:
    return sum(picky(x, ["a", "b"]) for x in range(n))


@env.task
async def waiting(x: int, /, y: int = 1) -> int:
    check(x + y)
    return x


@env.task
def framed(frame: pd.DataFrame) -> int:
    check(len(frame))
    return 1
"""


@pytest.fixture
def names():
    space = {"__name__": "__main__"}
    run_cell(space, CODE)
    return space


def run_cell(space, text):
    text = textwrap.dedent(text)
    file = f"<loaded {len(linecache.cache)}>.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)


def failed(task, *args):
    with pytest.raises(ValueError, match="too much"):
        flyte.run(task, *args)
    return next(flyte.Run.listall(store=process.setup.store()))


def play(variables, source):
    """Run the cell as a notebook would."""
    space = {"__name__": "__main__", **variables}
    code = compile(source, "<new cell>", "exec", flags=0x2000)  # top-level await
    result = eval(code, space)
    if result is not None:
        asyncio.run(result)


def test_the_failure_happens_again_in_the_new_cell(names):
    run = failed(names["parent"], 5)

    variables, source = load(run, "picky")

    assert variables == {"x": 3, "names": ["a", "b"]}
    assert "ValueError: 3 is too much" in source
    with pytest.raises(ValueError, match="3 is too much"):
        play(variables, source)


def test_it_runs_with_other_values(names):
    variables, source = load(failed(names["parent"], 5), "picky")

    play({**variables, "x": 1}, source)


def test_an_asynchronous_task_is_awaited_and_its_positional_input_given(names):
    variables, source = load(failed(names["waiting"], 7), "a0")

    assert source.endswith("await waiting(x, y=y)\n")
    with pytest.raises(ValueError, match="8 is too much"):
        play(variables, source)


def test_a_large_frame_is_there_as_it_was(names):
    import pandas as pd

    frame = pd.DataFrame({"x": range(50_000)})

    variables, source = load(failed(names["framed"], frame), "framed")

    assert variables["frame"].equals(frame)
    with pytest.raises(ValueError, match="too much"):
        play(variables, source)


def test_code_that_changed_since_is_told(names):
    run = failed(names["parent"], 5)

    run_cell(names, "LIMIT = 10")

    assert "# Changed since: `LIMIT` 2 -> 10" in load(run, "picky")[1]


def test_a_task_that_is_not_defined_here_gives_its_inputs_and_says_so(names):
    run = failed(names["parent"], 5)
    _registry.pop("loaded")

    variables, source = load(run, "picky")

    assert variables == {"x": 3, "names": ["a", "b"]}
    assert "loaded.picky is not defined here" in source
    assert source.endswith("# picky(x=x, names=names)\n")


def test_an_input_that_was_not_kept_is_told(names):
    import pandas as pd

    @names["env"].task
    def fine(frame: pd.DataFrame) -> int:
        return len(frame)

    run = flyte.run(fine, pd.DataFrame({"x": range(50_000)}))

    variables, source = load(run, "fine")

    assert variables == {}
    assert "# Not there: frame" in source
    assert source.endswith("# fine(frame=frame)\n")


def test_an_action_by_the_beginning_of_its_name(names):
    run = failed(names["parent"], 5)
    name = next(a.name for a in run.state.actions.values() if a.short == "picky")

    assert load(run, name[:12])[0]["x"] == 0


@pytest.mark.parametrize(("name", "message"), [("pick", "Did you mean picky"), ("picky", "has 3 actions")])
def test_what_cannot_be_meant_is_told(names, name, message):
    run = flyte.run(names["parent"], 3)

    with pytest.raises(ActionNotFoundError, match=message):
        load(run, name)
