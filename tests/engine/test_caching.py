"""Kept results: found when nothing that counts has changed, never found when something has."""

import asyncio
import linecache
import textwrap
import threading
import time
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import flyte_jupyter as flyte
from flyte_jupyter.io import File

AT_ONCE = flyte.Backoff(0)


class Cells:
    """A notebook's namespace: code runs in it cell by cell, and a later cell replaces what an earlier defined."""

    def __init__(self):
        self.names = {"__name__": f"cells_{id(self)}", "flyte": flyte}
        self._count = 0
        self("env = flyte.TaskEnvironment(name='cells')")

    def __call__(self, code):
        self._count += 1
        file = f"/tmp/kernel_{id(self)}/{self._count}.py"  # as ipykernel names them
        text = textwrap.dedent(code)
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)
        exec(compile(text, file, "exec"), self.names)

    def run(self, name, *args):
        """Run a task; gives its result and what the cache said."""
        run = flyte.run(self.names[name], *args)
        return run.outputs()[0], run.root.state.cache


@pytest.fixture
def cell():
    return Cells()


def cached(run):
    return run.root.state.cache


def test_the_second_call_finds_the_result_of_the_first(env):
    calls = []

    @env.task(cache=flyte.Cache("auto", "v1"))
    def task(x: int) -> int:
        calls.append(x)
        return 10 * x

    first, second, other = flyte.run(task, 1), flyte.run(task, 1), flyte.run(task, 2)

    assert [cached(r) for r in (first, second, other)] == ["miss", "hit", "miss"]
    assert [r.outputs()[0] for r in (first, second, other)] == [10, 10, 20]
    assert calls == [1, 2]


CHANGES = {
    "the body": ("def f(x: int) -> int:\n    return x + 1", "def f(x: int) -> int:\n    return x + 2"),
    "a helper": ("def helper(x):\n    return x + 1", "def helper(x):\n    return x + 2"),
    "a helper's helper": ("def deeper(x):\n    return x", "def deeper(x):\n    return 2 * x"),
    "a global": ("K = 1", "K = 2"),
    "a captured list": ("L = [1]", "L.append(2)"),
    "a captured dict": ("D = {'a': 1}", "D['a'] = 2"),
    "a captured array": ("A = np.arange(3)", "A[0] = 7"),
    "a captured frame": ("F = pd.DataFrame({'a': [1, 2]})", "F.loc[0, 'a'] = 9"),
    "a closure": ("g = make(1)", "g = make(2)"),
    "a default": ("def h(x=1):\n    return x", "def h(x=2):\n    return x"),
    "a method": (
        "class C:\n    def m(self):\n        return 1",
        "class C:\n    def m(self):\n        return 2",
    ),
    "a class attribute": ("class C2:\n    k = 1", "C2.k = 2"),
    "an instance's attribute": ("o = O(); o.k = 1", "o.k = 2"),
}

USES = {
    "the body": "return f.forward(x)",
    "a helper": "return helper(x)",
    "a helper's helper": "return upper(x)",
    "a global": "return x + K",
    "a captured list": "return x + sum(L)",
    "a captured dict": "return x + D['a']",
    "a captured array": "return x + int(A.sum())",
    "a captured frame": "return x + int(F['a'].sum())",
    "a closure": "return g(x)",
    "a default": "return x + h()",
    "a method": "return x + C().m()",
    "a class attribute": "return x + C2.k",
    "an instance's attribute": "return x + o.k",
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_never_overlooked(cell, what):
    before, after = CHANGES[what]
    cell("import numpy as np\nimport pandas as pd")
    cell("def make(k):\n    def g(x):\n        return x + k\n    return g")
    cell("class O:\n    pass")
    if what == "the body":
        before = before.replace("def f", "@env.task(cache='auto')\ndef f")
        after = after.replace("def f", "@env.task(cache='auto')\ndef f")
        cell(before)
        name = "f"
    else:
        cell(before)
        if what == "a helper's helper":
            cell("def upper(x):\n    return deeper(x) + 1")
        cell(f"@env.task(cache='auto')\ndef task(x: int) -> int:\n    {USES[what]}")
        name = "task"

    first, again = cell.run(name, 1), cell.run(name, 1)
    cell(after)
    changed, changed_again = cell.run(name, 1), cell.run(name, 1)

    assert first[1] == "miss"
    assert again == (first[0], "hit")
    assert changed[1] == "miss"
    assert changed[0] != first[0]
    assert changed_again == (changed[0], "hit")


def test_a_result_of_a_body_that_changes_what_it_depends_on_is_not_kept(cell):
    cell("L = []")
    cell("@env.task(cache='auto')\ndef task() -> int:\n    L.append(1)\n    return len(L)")

    assert cell.run("task") == (1, "miss")
    assert cell.run("task") == (2, "miss")


def test_a_childs_code_counts_for_its_parent(cell):
    cell("@env.task\ndef child(x: int) -> int:\n    return x + 1")
    cell("@env.task(cache='auto')\ndef parent(x: int) -> int:\n    return child(x)")
    first = cell.run("parent", 1)
    cell("@env.task\ndef child(x: int) -> int:\n    return x + 2")

    assert first == (2, "miss")
    assert cell.run("parent", 1) == (3, "miss")


def test_explain_says_what_has_changed(cell):
    cell("def helper(x):\n    return x + 1")
    cell("@env.task(cache='auto')\ndef task(x: int, y: int = 0) -> int:\n    return helper(x)")

    def reason(*args):
        return flyte.run(cell.names["task"], *args).root.state.cache_reason

    never = reason(1)
    kept = reason(1)
    other_input = reason(2)
    cell("def helper(x):\n    return x + 2")
    other_helper = reason(1)

    assert never == "never run before"
    assert kept.startswith("kept by run ")
    assert other_input == "not run with this x yet"
    assert "helper" in other_helper


SUBTLE = [
    ("x: object", [1, True, 1.0, "1", b"1", None, [1], (1,), {1}, {"1": 1}]),
    ("x: object", [0.0, -0.0, float("nan"), float("inf"), 0, False, "", b"", [], (), {}, None]),
    ("x: float", [0.0, -0.0, 1.0, float("nan"), float("inf"), -float("inf"), 5e-324]),
    ("x: int | str | None", [1, "1", None, "", 0]),
    ("x: list[list[int]]", [[[1], [2]], [[1, 2]], [[1, 2], []], [[], [1, 2]], [[2], [1]], []]),
    ("x: dict[str, dict[str, int]]", [{"a": {"b": 1}}, {"ab": {"": 1}}, {"a": {}, "b": {}}, {"ab": {}}, {}]),
    ("x: str", ["a", "A", "a ", "\u00e9", "e\u0301", "", "\0"]),
    ("x: tuple[int, int]", [(1, 2), (2, 1)]),
    ("x: bytes", [b"", b"a", b"\0", b"a" * 20_000, b"a" * 20_001]),
    (
        "x: datetime",
        [
            datetime(2024, 1, 1, tzinfo=timezone.utc),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=timezone.utc),
        ],
    ),
    (
        "x: pd.DataFrame",
        [
            pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
            pd.DataFrame({"b": [3, 4], "a": [1, 2]}),
            pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}),
            pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=[1, 2]),
            pd.DataFrame({"a": [1, 2], "b": [3, 5]}),
            pd.DataFrame({"a": [2, 1], "b": [4, 3]}),
            pd.DataFrame({"a": ["1", "2"], "b": [3, 4]}),
            pd.DataFrame({"a": pd.Series([1, 2], dtype="int32"), "b": [3, 4]}),
            pd.DataFrame({"a": pd.Categorical([1, 2]), "b": [3, 4]}),
            pd.DataFrame({"a": [1, None], "b": [3, 4]}),
        ],
    ),
    (
        "x: np.ndarray",
        [
            np.array([1, 2]),
            np.array([1.0, 2.0]),
            np.array([[1, 2]]),
            np.array([1, 2], dtype="int32"),
            np.array([[1], [2]]),
            np.array([2, 1]),
        ],
    ),
]


@pytest.mark.parametrize(("annotation", "values"), SUBTLE, ids=[s[0] + str(n) for n, s in enumerate(SUBTLE)])
def test_inputs_that_differ_only_a_little_are_different(cell, annotation, values):
    cell("import numpy as np\nimport pandas as pd\nfrom datetime import datetime\ncalls = []")
    cell(f"@env.task(cache=flyte.Cache('auto', 'v1'))\ndef task({annotation}) -> str:\n    return repr(x)")

    statuses = [cell.run("task", value)[1] for value in values]
    again = [cell.run("task", value)[1] for value in values]

    assert statuses == ["miss"] * len(values)
    assert again == ["hit"] * len(values)


def test_a_file_with_other_content_at_the_same_path_is_another_input(env, tmp_path):
    path = tmp_path / "data.txt"

    @env.task(cache=flyte.Cache("auto", "v1"))
    def size(f: File) -> int:
        with f.open_sync() as opened:
            return len(opened.read())

    path.write_text("one")
    first = flyte.run(size, File.from_local_sync(path))
    path.write_text("three")
    second = flyte.run(size, File.from_local_sync(path))

    assert (first.outputs()[0], second.outputs()[0]) == (3, 5)


def test_an_input_that_the_body_changes_is_known_by_what_it_was(env):
    @env.task(cache=flyte.Cache("auto", "v1"))
    def adds(frame: pd.DataFrame) -> int:
        frame["new"] = 1
        return len(frame.columns)

    frame = pd.DataFrame({"a": [1]})
    first = flyte.run(adds, pd.DataFrame({"a": [1]}))
    second = flyte.run(adds, frame)

    assert (cached(first), cached(second)) == ("miss", "hit")
    assert second.outputs() == (2,)


def test_what_a_body_changes_in_place_is_its_own_whether_it_runs_or_not(env):
    @env.task(cache=flyte.Cache("auto", "v1"))
    def changes(frame: pd.DataFrame, array: np.ndarray, frames: list[pd.DataFrame]) -> float:
        frame["new"] = 1
        frame.loc[0, "a"] = 7
        array += 1
        frames[0].loc[0, "a"] = 7
        return float(frame["a"].sum() + array.sum())

    for status in ("miss", "hit"):
        frame, array = pd.DataFrame({"a": [1]}), np.zeros(3)
        run = flyte.run(changes, frame, array, [frame])
        assert (cached(run), run.outputs()) == (status, (10.0,))
        assert frame.equals(pd.DataFrame({"a": [1]}))
        assert array.tolist() == [0, 0, 0]


def test_a_result_that_the_caller_changes_stays_as_it_was_kept(env):
    @env.task(cache=flyte.Cache("auto", "v1"))
    def make() -> list:
        return [1, 2]

    @env.task(cache=flyte.Cache("auto", "v1"))
    def frame() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2]})

    for task, spoil, good in (
        (make, lambda x: x.append(3), lambda x: x == [1, 2]),
        (frame, lambda x: x.__setitem__("a", 7), lambda x: list(x["a"]) == [1, 2]),
    ):
        for _ in range(3):
            result = flyte.run(task).outputs()[0]
            assert good(result)
            spoil(result)


class Pair(NamedTuple):
    left: int
    right: str


def test_none_tuples_and_named_tuples_are_kept(env):
    calls = []

    @env.task(cache=flyte.Cache("auto", "v1"))
    def nothing() -> None:
        calls.append("nothing")

    @env.task(cache=flyte.Cache("auto", "v1"))
    def two() -> tuple[int, str]:
        calls.append("two")
        return 1, "a"

    @env.task(cache=flyte.Cache("auto", "v1"))
    def pair() -> Pair:
        calls.append("pair")
        return Pair(1, "b")

    @env.task
    def parent() -> str:
        return repr((nothing(), two(), pair()))

    assert flyte.run(parent).outputs() == flyte.run(parent).outputs() == (
        "(None, (1, 'a'), Pair(left=1, right='b'))",
    )  # fmt: skip
    assert calls == ["nothing", "two", "pair"]


def test_a_result_that_cannot_be_written_is_given_and_not_kept(env):
    @env.task(cache=flyte.Cache("auto", "v1"))
    def makes_a_lock() -> object:
        return threading.Lock()

    for _ in range(2):
        run = flyte.run(makes_a_lock)
        assert hasattr(run.outputs()[0], "acquire")
        assert cached(run) == "miss"


def test_a_failure_is_not_kept(env):
    @env.task(cache=flyte.Cache("auto", "v1"))
    def fails_once() -> int:
        if not calls:
            calls.append(1)
            raise ValueError("first")
        return 1

    calls = []
    with pytest.raises(ValueError, match="first"):
        flyte.run(fails_once)

    assert flyte.run(fails_once).outputs() == (1,)


def counted(env, **options):
    calls = []

    @env.task(cache=flyte.Cache(**options))
    def task(x: int = 1, note: str = "") -> int:
        calls.append(x)
        return len(calls)

    return task, calls


def test_ignored_inputs_do_not_count(env):
    task, calls = counted(env, version_override="v1", ignored_inputs="note")

    flyte.run(task, 1, "a")

    assert flyte.run(task, 1, "b").root.state.cache == "hit"
    assert len(calls) == 1


def test_an_ignored_input_that_does_not_exist_is_an_error(env):
    with pytest.raises(flyte.errors.DefinitionError, match="'nota', which is no input; inputs are x, note"):
        counted(env, version_override="v1", ignored_inputs="nota")


def test_override_without_a_version_refreshes(env):
    task, calls = counted(env, behavior="auto", version_override="v1")
    flyte.run(task)

    refreshed = flyte.run(task.override(cache=flyte.Cache("override", policies=[Fixed()])))
    again = flyte.run(task.override(cache=flyte.Cache("auto", policies=[Fixed()])))

    assert cached(refreshed) == "refresh"
    assert cached(again) == "hit"
    assert again.outputs() == refreshed.outputs() == (2,)
    assert len(calls) == 2


class Fixed:
    """A policy that knows one version."""

    def get_version(self, salt, params):
        return f"fixed {salt}"


class Failing:
    def get_version(self, salt, params):
        raise OSError("no network")


def test_a_policy_of_the_users_own_makes_the_version(env):
    task, _calls = counted(env, policies=Fixed())
    salted = task.override(cache=flyte.Cache(policies=Fixed(), salt="other"))

    statuses = [cached(flyte.run(t)) for t in (task, task, salted, salted)]

    assert statuses == ["miss", "hit", "miss", "hit"]


def test_a_policy_that_fails_says_so_before_a_run_is_recorded(env):
    task, _ = counted(env, policies=Failing())

    with pytest.raises(flyte.errors.DefinitionError, match="no network"):
        flyte.run(task)

    assert list(flyte.Run.listall()) == []


def test_versions_are_kept_apart(env):
    one, _calls = counted(env, version_override="v1")
    two = one.override(cache=flyte.Cache(version_override="v2"))

    assert [cached(flyte.run(t)) for t in (one, two, one, two)] == ["miss", "miss", "hit", "hit"]


def test_the_version_is_on_record_and_in_the_context(env):
    @env.task(cache=flyte.Cache(version_override="v7"))
    def task() -> str:
        return flyte.ctx().version

    run = flyte.run(task)

    assert run.outputs() == ("v7",)
    assert run.root.state.version == "v7"


def test_results_older_than_max_age_are_not_found(env):
    task, _calls = counted(env, version_override="v1", max_age=0.05)
    fresh, _ = counted(env, version_override="v1", max_age=3600)

    flyte.run(task)
    time.sleep(0.06)
    old = flyte.run(task)

    assert cached(old) == "miss"
    assert "older than max_age" in old.root.state.cache_reason
    assert cached(flyte.run(fresh)) == "hit"


def test_a_run_can_refresh_or_ignore_the_cache(env):
    task, _calls = counted(env, version_override="v1")
    flyte.run(task)

    overwritten = flyte.with_runcontext(overwrite_cache=True).run(task)
    ignored = flyte.with_runcontext(disable_run_cache=True).run(task)
    after = flyte.run(task)

    assert (cached(overwritten), cached(ignored), cached(after)) == ("refresh", "", "hit")
    assert [r.outputs()[0] for r in (overwritten, ignored, after)] == [2, 3, 2]


def test_equal_calls_at_once_run_once_if_they_are_serialized(env):
    began = []

    @env.task(cache=flyte.Cache(version_override="v1", serialize=True))
    async def slow(x: int) -> int:
        began.append(x)
        await asyncio.sleep(0.1)
        return 10 * x

    @env.task
    async def parent() -> list[int]:
        return list(await asyncio.gather(*(slow(1) for _ in range(8)), slow(2)))

    @env.task(cache=flyte.Cache(version_override="v1", serialize=True))
    def s_slow(x: int) -> int:
        began.append(x)
        time.sleep(0.1)
        return x

    @env.task
    def s_parent() -> list[int]:
        return list(flyte.map(s_slow, [7] * 6))

    assert flyte.run(parent).outputs()[0] == [10] * 8 + [20]
    assert flyte.run(s_parent).outputs()[0] == [7] * 6
    assert sorted(began) == [1, 2, 7]


def test_a_failing_one_of_serialized_calls_lets_the_next_one_try(env):
    began = []

    @env.task(cache=flyte.Cache(version_override="v1", serialize=True))
    async def fails_once() -> int:
        began.append(1)
        await asyncio.sleep(0.01)
        if len(began) == 1:
            raise ValueError("first")
        return len(began)

    @env.task
    async def parent() -> list[str]:
        return [
            repr(r) for r in await asyncio.gather(*(fails_once() for _ in range(3)), return_exceptions=True)
        ]

    assert sorted(flyte.run(parent).outputs()[0]) == ["2", "2", "ValueError('first')"]


def test_a_damaged_or_missing_blob_is_a_miss(env, store_folder):
    @env.task(cache=flyte.Cache(version_override="v1"))
    def frame() -> pd.DataFrame:
        return pd.DataFrame({"a": range(1000)})

    flyte.run(frame)
    blobs = [p for p in (store_folder / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 4000]
    assert blobs
    for blob in blobs:
        blob.chmod(0o600)
        blob.write_bytes(blob.read_bytes()[:-100] + b"x" * 100)
    damaged = flyte.run(frame)
    assert cached(flyte.run(frame)) == "hit"
    for blob in (store_folder / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size > 4000:
            blob.unlink()
    missing = flyte.run(frame)

    assert (cached(damaged), cached(missing)) == ("miss", "miss")
    assert len(missing.outputs()[0]) == 1000


def test_a_task_with_another_interface_has_results_of_its_own(cell):
    cell("@env.task(cache=flyte.Cache('auto', 'v1'))\ndef task(x: int) -> int:\n    return x")
    first = cell.run("task", 1)
    cell("@env.task(cache=flyte.Cache('auto', 'v1'))\ndef task(x: float) -> float:\n    return x / 2")

    assert first == (1, "miss")
    assert cell.run("task", 1) == (0.5, "miss")


def test_cached_children_are_found_within_one_run_and_attempts_are_not_counted(env):
    @env.task(cache=flyte.Cache(version_override="v1"), retries=flyte.RetryStrategy(2, AT_ONCE))
    def child(x: int) -> int:
        if flyte.ctx().attempt_number == 1:
            raise ValueError("again")
        return x

    @env.task
    def parent() -> int:
        return child(1) + child(1)

    run = flyte.run(parent)

    assert [a.state.cache for a in run.root.children] == ["miss", "hit"]
    assert [len(a.attempts) for a in run.root.children] == [2, 0]


def test_a_plugins_task_is_known_by_the_users_function(cell):
    class Settings:
        pass

    class Plugin(flyte.AsyncFunctionTaskTemplate):
        async def post(self, return_vals):
            return return_vals * 10

    flyte.extend.TaskPluginRegistry.register(Settings, Plugin)
    cell.names["settings"] = Settings()
    code = "@env.task(cache='auto', plugin_config=settings)\ndef task(x: int) -> int:\n    return x + {}"
    cell(code.format(1))
    first, again = cell.run("task", 1), cell.run("task", 1)
    cell(code.format(2))

    assert first == (20, "miss")
    assert again == (20, "hit")
    assert cell.run("task", 1) == (30, "miss")


def test_variables_that_a_task_or_its_run_sets_count_if_the_body_reads_them(cell):
    cell("import os")
    cell("def body() -> str:\n    return os.environ.get('FJ_MODE', '')")

    def result(variables, **others):
        task = cell.names["env"].task(cache="auto", env_vars=others)(cell.names["body"])
        run = flyte.with_runcontext(env_vars=variables).run(task)
        return run.outputs()[0], run.root.state.cache

    assert result({}) == ("", "miss")
    assert result({}, FJ_MODE="a") == ("a", "miss")
    assert result({}, FJ_MODE="b") == ("b", "miss")
    assert result({"FJ_MODE": "c"}) == ("c", "miss")
    assert result({}, FJ_OTHER="a") == ("", "hit")
    assert result({}, FJ_MODE="a") == ("a", "hit")
