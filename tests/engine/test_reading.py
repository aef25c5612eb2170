"""Files that a cached task reads besides its inputs: its kept result is found only while they are the same."""

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

import flyte_jupyter as flyte
from flyte_jupyter.io import File

DATA = "data.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with a file of data, in which the tasks run."""
    monkeypatch.chdir(tmp_path)
    Path(DATA).write_text("1")
    return tmp_path


def ran(task, *args, **options):
    """Run a task; gives its result and what the cache said, with the reason of a miss."""
    run = flyte.with_runcontext(**options).run(task, *args)
    state = run.root.state
    return run.outputs()[0], state.cache if state.cache == "hit" else state.cache_reason


def read():
    return Path(DATA).read_text()


async def gathered():
    return await asyncio.to_thread(read)


def pooled():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(read).result()


def low():
    descriptor = os.open(DATA, os.O_RDONLY)
    try:
        return os.read(descriptor, 10).decode()
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("way", [read, pooled, low])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_changed_file_makes_a_miss_that_names_it(env, way, isolation):
    @env.task(cache="auto")
    def task() -> str:
        return way()

    first, again = (ran(task, isolation=isolation) for _ in range(2))
    Path(DATA).write_text("2")
    changed, at_last = (ran(task, isolation=isolation) for _ in range(2))

    assert (first[0], again) == ("1", ("1", "hit"))
    assert changed == ("2", f"the file {Path(DATA).absolute()} has changed")
    assert at_last == ("2", "hit")


def test_a_version_of_the_users_own_says_alone_what_counts(env):
    @env.task(cache=flyte.Cache("override", "v1"))
    def task() -> str:
        return read()

    ran(task)
    Path(DATA).write_text("2")

    assert ran(task) == ("1", "hit")


def test_asynchronous_bodies_are_heard_too(env):
    @env.task(cache="auto")
    async def task() -> str:
        return read() + await gathered()

    first, again = ran(task), ran(task)
    Path(DATA).write_text("2")

    assert (first[0], again) == ("11", ("11", "hit"))
    assert ran(task)[0] == "22"


@pytest.mark.parametrize("cache", ["auto", "disable"])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_what_a_task_calls_reads_for_it(env, cache, isolation):
    timeout = 60 if isolation == "process" else None  # then a loop hears the workers, from attempt to attempt

    @env.task(cache=cache, timeout=timeout)
    def child() -> str:
        return read()

    @env.task(cache="auto", timeout=timeout)
    def parent(x: int) -> str:
        return f"{x}{child()}"

    ran(child, isolation=isolation)  # from now on a cached one is not run for its parent
    first, again = (ran(parent, 1, isolation=isolation) for _ in range(2))
    later = []
    for content in "23":  # in workers that have called tasks before
        Path(DATA).write_text(content)
        later.append(ran(parent, 1, isolation=isolation)[0])

    assert (first[0], again) == ("11", ("11", "hit"))
    assert later == ["12", "13"]


def test_only_who_read_a_file_runs_again(env):
    for at in range(4):
        Path(f"{at}.txt").write_text(f"{at}")

    @env.task(cache="auto")
    def one(at: int) -> str:
        return Path(f"{at}.txt").read_text()

    @env.task
    def main() -> list[str]:
        return list(flyte.map(one, range(4)))

    flyte.run(main)
    Path("2.txt").write_text("two")
    run = flyte.run(main)

    assert run.outputs()[0] == ["0", "1", "two", "3"]
    assert sorted(a.state.cache for a in run.actions if a.state.parent) == ["hit", "hit", "hit", "miss"]


def written():
    Path("own.txt").write_text("own")
    return Path("own.txt").read_text()


def appended():
    with open("log.txt", "a") as log:  # noqa: PTH123 - as people do
        log.write("once more\n")
    return ""


def counted():
    with sqlite3.connect("own.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    return ""


def listed():
    Path("made").mkdir(exist_ok=True)
    Path("made/a").write_text("")
    return " ".join(os.listdir("made"))


@pytest.mark.parametrize("way", [written, appended, counted, listed])
def test_what_a_task_makes_and_changes_itself_does_not_count(env, way):
    @env.task(cache="auto")
    def task() -> str:
        return way()

    ran(task)

    assert ran(task)[1] == "hit"


def test_a_file_that_was_not_there_and_a_folder_with_more_in_it_are_noticed(env):
    Path("parts").mkdir()

    @env.task(cache="auto")
    def optional() -> str:
        try:
            return Path("more.csv").read_text()
        except FileNotFoundError:
            return ""

    @env.task(cache="auto")
    def count() -> int:
        return len(list(Path("parts").glob("*.csv")))

    before = ran(optional)[0], ran(count)[0], ran(optional)[1], ran(count)[1]
    Path("more.csv").write_text("x")
    Path("parts/a.csv").write_text("")

    assert before == ("", 0, "hit", "hit")
    assert ran(optional) == ("x", f"there is a file {Path('more.csv').absolute()} now")
    assert ran(count) == (1, f"there are other files in {Path('parts').absolute()} now")


def test_a_relative_path_in_another_folder_is_another_file(env, tmp_path, monkeypatch):
    @env.task(cache="auto")
    def task() -> str:
        return read()

    ran(task)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    Path(DATA).write_text("2")

    assert ran(task) == ("2", "the working folder is another one")


def test_a_file_that_is_an_input_counts_as_that_only(env, tmp_path):
    @env.task(cache="auto")
    def task(file: File) -> str:
        with file.open_sync() as opened:
            return opened.read().decode() + Path(file.path).read_text()

    first = ran(task, File(str(tmp_path / DATA)))
    copy = tmp_path / "other" / DATA
    copy.parent.mkdir()
    Path(DATA).rename(copy)

    assert first[0] == "11"
    assert ran(task, File(str(copy))) == ("11", "hit")


def test_an_input_that_names_a_file_for_a_compiled_reader_counts_by_the_file(env):
    @env.task(cache="auto")
    def task(path: str) -> int:
        return int(pl.read_csv(path, has_header=False).item())

    first, again = ran(task, DATA), ran(task, DATA)
    Path(DATA).write_text("2")

    assert (first[0], again) == (1, (1, "hit"))
    assert ran(task, DATA) == (2, f"the file {Path(DATA).absolute()} has changed")
