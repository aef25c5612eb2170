"""What ``%flyte why`` says of tasks in this process."""

import time
from pathlib import Path

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook import why


@pytest.fixture
def env():
    """An environment of this test's own."""
    return flyte.TaskEnvironment(name="whys")


def said(task, *args):
    """Give the lines for a call with these inputs, or for any."""
    store, now = process.setup.store(), time.time()
    return why.verdict_for(task, (args, {}), store, now) if args else why.verdict(task, store, now)


def test_a_file_that_has_changed_is_named(env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("1")

    @env.task(cache="auto")
    def task(x: int) -> str:
        return Path("data.csv").read_text() * x

    flyte.run(task, 1)
    before = said(task), said(task, 1)
    Path("data.csv").write_text("2")
    words = f"the file {Path('data.csv').absolute()} has changed"

    assert "would take 1 result from the cache" in before[0][0]
    assert "would take its result from the cache" in before[1][0]
    assert said(task)[1] == words
    assert said(task, 1) == ["whys.task would run", words]


def test_state_that_a_decorator_keeps_is_named_once_with_what_to_do(env):
    def counted(func):
        calls = []

        def wrapper(*args):
            calls.append(1)
            return func(*args)

        return wrapper

    helper = counted(abs)

    @env.task(cache="auto")
    def task(x: int) -> int:
        return helper(x)

    with pytest.warns(UserWarning, match=r"--cache-version") as told:
        [flyte.run(task, 1) for _ in range(2)]
    owner = "`calls` of `test_state_that_a_decorator_keeps_is_named_once_with_what_to_do.counted.wrapper`"

    assert len([one for one in told if "not kept" in str(one.message)]) == 1
    assert owner in str(told[0].message)
    assert said(task)[0] == "whys.task would run: no result of it is kept"
    assert said(task)[1].endswith(f"{owner} [1] -> [1, 1]")
    assert said(task, 1)[-1] == said(task)[1]
