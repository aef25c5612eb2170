"""``%flyte frame`` in a real kernel."""

import pytest

SETUP = """
import pandas as pd
env = flyte.TaskEnvironment("t")

@env.task
def two(n: int) -> tuple[pd.DataFrame, int]:
    return pd.DataFrame({"a": range(n)}), n

@env.task
def outer(n: int) -> int:
    return two(n)[1]

@env.task
def both(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.DataFrame({"a": range(n)}), pd.DataFrame({"b": range(n)})

run = flyte.run(outer, 1000)
mine = pd.DataFrame({"x": [1, 2]})
"""


@pytest.fixture(autouse=True)
def names(kernel):
    assert kernel.run(SETUP).status == "ok"


@pytest.mark.parametrize("line", ["run two", "mine", "last two"])
def test_a_frame_is_a_widget_with_a_static_face(kernel, line):
    done = kernel.run(f"%flyte frame {line}")
    (face,) = done.displays

    assert "application/vnd.jupyter.widget-view+json" in done.result, done.stderr
    assert "<table" in face["text/html"]
    assert "rows" in face["text/plain"]


def test_one_of_several_is_chosen_by_name(kernel):
    kernel.run("several = flyte.run(both, 3)")

    assert "choose one with --output NAME" in kernel.run("%flyte frame several").stderr
    done = kernel.run("%flyte frame several --output o1")
    assert "b" in done.displays[0]["text/plain"].splitlines()[0]


def test_what_gave_no_frame_is_said(kernel):
    assert "t.outer of run" in kernel.run("%flyte frame run").stderr
    assert "gave no frames" in kernel.run("%flyte frame run").stderr
