"""Tasks that call tasks, and code in a real shell."""

import atexit
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest
from cells import Notebook

from flyte_jupyter.tasks.source import slice_of, version_of


@dataclass(frozen=True)
class Task:
    name: str
    func: Any
    retries: int = 0


class Env:
    """An environment as a task's function sees it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def task(self, func: Any = None, **options: Any) -> Any:
        return (
            Task(f"{self.name}.{func.__name__}", func)
            if func
            else lambda f: Task(f"{self.name}.{f.__name__}", f, **options)
        )


Task.__module__ = Env.__module__ = "flyte_jupyter.tasks.environment"

TEXT = """
    env = Env("e")
    def helper(x): return x + 1
    @env.task
    def child(x): return helper(x)
    @env.task(retries=3)
    def parent(x): return child(x)
"""


def parent(text: str) -> Any:
    book = Notebook()
    book.names["Env"] = Env
    return book.run(text)["parent"]


def test_a_task_is_taken_for_its_function():
    task = parent(TEXT)

    assert version_of(task) == version_of(task.func)


def test_a_child_s_body_and_helpers_count_for_the_parent():
    before = version_of(parent(TEXT))

    assert version_of(parent(TEXT)) == before
    assert version_of(parent(TEXT.replace("x + 1", "x + 2"))) != before
    assert version_of(parent(TEXT.replace("return helper(x)", "return -helper(x)"))) != before


def test_options_of_tasks_do_not_count():
    assert version_of(parent(TEXT)) == version_of(parent(TEXT.replace("retries=3", "retries=4")))


def test_tasks_that_call_each_other_end():
    task = parent(TEXT.replace("return helper(x)", "return parent(x)"))

    assert [p.name for p in slice_of(task).parts] == ["parent", "child", "Python"]


def test_another_decorator_named_task_counts():
    text = TEXT.replace("@env.task(retries=3)", "@env.task\n    @other.task(1)") + "\n"
    text = text.replace(
        "env = Env",
        "class other:\n        @staticmethod\n        def task(n): return lambda f: f\n    env = Env",
    )

    assert version_of(parent(text)) != version_of(parent(text.replace("other.task(1)", "other.task(2)")))


@pytest.fixture
def shell(monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    yield shell
    shell.reset(new_session=False)
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()


def run(shell, text):
    result = shell.run_cell(textwrap.dedent(text), store_history=True)
    result.raise_error()


def test_cells_of_a_real_shell_are_followed(shell):
    run(shell, "import math\nLIMIT = 1")
    run(shell, "def helper(x):\n    return math.sqrt(x) + LIMIT")
    run(shell, "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 1")
    run(shell, "def work(x):\n    '''Works.'''\n    return helper(x) + C().a")
    before = slice_of(shell.user_ns["work"])

    assert [p.name for p in before.parts] == ["work", "helper", "LIMIT", "C", "C.a", "Python"]
    assert before.parts[1].text.startswith("def helper(x):")
    assert before.parts[3].text.startswith("class C:")

    run(shell, "def work(x):   # again\n    return helper(x)+C().a")
    assert version_of(shell.user_ns["work"]) == before.version

    run(shell, "LIMIT = 2")
    run(shell, "@dataclass\nclass C:\n    a: int = 5")
    changes = slice_of(shell.user_ns["work"]).diff(before.mapping())
    assert {str(c) for c in changes} >= {"`LIMIT` 1 -> 2", "`C.a` 1 -> 5"}


def test_a_cell_that_failed_does_not_count(shell):
    run(shell, "class C:\n    a = 1\ndef work(): return C")
    before = version_of(shell.user_ns["work"])
    shell.run_cell("1 / 0\nclass C:\n    a = 2\ndef work(): return C", silent=True)

    assert version_of(shell.user_ns["work"]) == before


def test_magics_and_shell_lines_in_a_function_do_not_matter_for_stability(shell):
    text = "def work():\n    !true\n    return 1"
    run(shell, text)
    before = slice_of(shell.user_ns["work"])
    run(shell, text)

    assert version_of(shell.user_ns["work"]) == before.version
    assert not before.warnings


KERNEL = """
    import sys
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    for text in ["pad = 0"] * int(sys.argv[1]):
        shell.run_cell(text, store_history=True)
    shell.run_cell("K = {'a', 'b', 'c'}\\nclass M:\\n    def go(self): return K", store_history=True)
    shell.run_cell("def work(x): return M().go() | {x, 'd', 'e'}", store_history=True)
    from flyte_jupyter.tasks.source import slice_of
    found = slice_of(shell.user_ns["work"])
    print(found.version, found.parts[0].where)
"""


def test_versions_are_the_same_after_a_restart_of_the_kernel():
    def version(seed: str, pads: int) -> list[str]:
        command = [sys.executable, "-c", textwrap.dedent(KERNEL), str(pads)]
        out = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed, "HOME": "/tmp"}
        )
        return out.stdout.split(" ", 1)

    one, other = version("1", 0), version("2", 3)

    assert one[0] == other[0]
    assert one[1] == "Cell In[2], line 1\n"
