"""What leaves the kernel with a task is told before, and what cannot leave is refused by its name."""

import pytest

SETUP = """
import threading
import numpy as np
import pandas as pd
lock = threading.Lock()
table = np.zeros(1000)
RATE = 2
image = flyte.Image.from_debian_base(python_version=(3, 13)).with_pip_packages("pandas>=2")
env = flyte.TaskEnvironment("sent", image=image)

@env.task
def fine(x: int) -> int:
    return x * RATE

@env.task(secrets="PIN")
def mixed(x: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.sin(table) * x})

@env.task
def locked(x: int) -> int:
    with lock:
        return x
"""


@pytest.fixture(autouse=True)
def tasks(kernel):
    done = kernel.run(SETUP)
    assert done.status == "ok", done.traceback


def told(kernel, task):
    done = kernel.run(f"%flyte preflight {task}")
    assert done.status == "ok", done.reply
    return done.displays[0]["text/plain"]


def test_what_is_sent_is_told(kernel):
    text = " ".join(told(kernel, "mixed").split())

    assert "a pickle, as code cannot hold table" in text
    assert "table ndarray 1000, 8.0 kB" in text
    assert "pandas 3" in text or "pandas 2" in text
    assert "Not in the image numpy" in text
    assert "3.13 in the image" in text
    assert "Secrets PIN" in text
    assert "Cannot be sent" not in text


def test_a_task_of_plain_values_is_sent_as_code(kernel):
    assert "Sent as code" in " ".join(told(kernel, "fine").split())


def test_a_lock_is_named(kernel):
    assert "lock  a lock" in told(kernel, "locked")


@pytest.mark.parametrize(
    "line", ["%flyte run locked x=1 --isolation process", "%flyte run locked x=1 --mode hybrid"]
)
def test_it_is_refused_by_its_name_before_anything_is_sent(kernel, line):
    before = len(kernel.runs())
    done = kernel.run(line)

    assert done.reply["ename"] == "UsageError"
    assert "`lock` is a lock" in done.reply["evalue"]
    assert len(kernel.runs()) == before


def test_here_it_runs(kernel):
    assert kernel.run("%flyte run locked x=3 --mode local").value == "3"


def test_what_the_default_image_lacks_is_told(kernel):
    kernel.run(
        "plain = flyte.TaskEnvironment('plain')\n"
        "import sklearn.utils\n"
        "@plain.task\ndef framed(x: int) -> int:\n"
        "    return len(sklearn.utils.shuffle(pd.DataFrame({'a': [x]})))"
    )

    assert "Not in the image scikit-learn, pandas" in " ".join(told(kernel, "framed").split())
