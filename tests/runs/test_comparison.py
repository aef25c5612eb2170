"""Two runs side by side."""

import linecache
import textwrap

import msgpack
import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.render.comparison import comparison_html, comparison_text
from flyte_jupyter.runs.comparison import Difference, compare
from flyte_jupyter.runs.events import ROOT, ActionQueued, ActionSucceeded, RunStarted, TaskSeen
from flyte_jupyter.runs.run import Run

CODE = """
import flyte_jupyter as flyte
import pandas as pd

env = flyte.TaskEnvironment(name="cmp")
FACTOR = 2


@env.task(cache="auto")
def child(x: int) -> int:
    return x * FACTOR


@env.task
def parent(n: int, name: str = "a") -> int:
    if n > 5:
        raise ValueError("too much <b>")
    return sum(child(x) for x in range(n))


@env.task
def frame(n: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(n)})


@env.task
def rows(frame: pd.DataFrame) -> int:
    return len(frame)
"""


@pytest.fixture
def names():
    space = {"__name__": "__main__"}
    run_cell(space, CODE)
    return space


def run_cell(space, text):
    text = textwrap.dedent(text)
    file = f"<cmp {len(linecache.cache)}>.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)


def by_task(found):
    return {row.task: row for row in found.tasks}


def test_the_same_run_twice_differs_in_what_the_cache_gave(names):
    found = compare(flyte.run(names["parent"], 3), flyte.run(names["parent"], 3))

    assert (found.code, found.inputs, found.outputs, found.surroundings) == ((), (), (), ())
    assert found.same_outputs is True
    assert (by_task(found)["cmp.child"].before.cached, by_task(found)["cmp.child"].after.cached) == (0, 3)


def test_a_changed_constant_is_told_for_each_task_that_depends_on_it(names):
    first = flyte.run(names["parent"], 3)
    run_cell(names, "FACTOR = 5")

    found = compare(first, flyte.run(names["parent"], 3))

    assert {one.task: one.sentences for one in found.code} == {
        "cmp.child": ("`FACTOR` 2 -> 5",),
        "cmp.parent": ("`FACTOR` 2 -> 5",),
    }
    assert found.same_outputs is False
    assert found.outputs == (Difference(name="o0", before="6", after="15"),)


def test_changed_inputs_are_told_with_both_values(names):
    found = compare(flyte.run(names["parent"], 3), flyte.run(names["parent"], 4, name="b"))

    assert found.inputs == (
        Difference(name="n", before="3", after="4"),
        Difference(name="name", before="'a'", after="'b'"),
    )


def test_frames_are_compared_by_their_content(names):
    task = names["frame"]

    assert compare(flyte.run(task, 30_000), flyte.run(task, 30_000)).same_outputs is True
    assert compare(flyte.run(task, 30_000), flyte.run(task, 30_001)).same_outputs is False


def test_a_large_input_that_was_not_kept_is_compared_by_its_hash(names):
    import pandas as pd

    frames = [pd.DataFrame({"x": range(50_000)}) + n for n in (0, 0, 1)]
    runs = [flyte.run(names["rows"], one) for one in frames]

    assert compare(runs[0], runs[1]).inputs == ()
    assert [one.name for one in compare(runs[0], runs[2]).inputs] == ["frame"]


def test_a_failure_is_compared_with_a_success(names):
    with pytest.raises(ValueError, match="too much"):
        flyte.run(names["parent"], 6)
    failed = next(flyte.Run.listall(store=process.setup.store()))

    found = compare(failed, flyte.run(names["parent"], 2))

    assert found.same_outputs is None
    assert "output values" in found.doubtful
    assert by_task(found)["cmp.parent"].before.failed == 1
    assert by_task(found)["cmp.child"].before.actions == 0


def test_python_packages_and_labels_are_surroundings(store):
    parts = "kind:0:"
    for name, python, version in (("one", "3.11.1", "2.0"), ("two", "3.12.0", "2.1")):
        at = {"run": name, "action": ROOT, "time": 1.0}
        store.append(RunStarted(**at, task="t.f", environment={"python": python}, labels={"team": name}))
        store.append(ActionQueued(**at, task="t.f", name="f"))
        body = {"f": "task:abc:", "pandas": f"package:{version}:{version}", "x": parts}
        store.append(TaskSeen(**at, task="t.f", version=version, parts=msgpack.packb(body)))
        store.append(ActionSucceeded(**at))

    found = compare(Run(store, "one"), Run(store, "two"))

    assert found.surroundings == (
        Difference(name="python", before="3.11.1", after="3.12.0"),
        Difference(name="pandas", before="2.0", after="2.1"),
        Difference(name="label team", before="one", after="two"),
    )
    assert found.code == ()


def test_code_that_is_not_on_record_is_not_said_to_be_the_same(store):
    for name in ("one", "two"):
        at = {"run": name, "action": ROOT, "time": 1.0}
        store.append(RunStarted(**at, task="t.f"))
        store.append(TaskSeen(**at, task="t.f"))
        store.append(ActionSucceeded(**at))

    found = compare(Run(store, "one"), Run(store, "two"))

    assert [(one.task, one.known) for one in found.code] == [("t.f", False)]


def test_it_reads_in_a_terminal(names):
    first = flyte.run(names["parent"], 3)
    run_cell(names, "FACTOR = 5")
    second = flyte.run(names["parent"], 4)

    text = comparison_text(compare(first, second))

    assert f"{first.name} → {second.name}" in text
    assert "`FACTOR` 2 -> 5" in text
    assert "n  3 → 4" in text
    assert "cmp.child" in text
    assert "3 → 4" in text


def test_its_html_escapes_what_came_from_outside(names):
    first = flyte.run(names["parent"], 1, name="<script>")

    html = comparison_html(compare(first, flyte.run(names["parent"], 1)))

    assert "<script>" not in html
    assert "&lt;script&gt;" in html
