"""What goes by reference, what is written into the record, and what another process reads of it."""

import dataclasses
import threading
import time

import engine_scripts as scripts
import numpy as np
import pandas as pd
import pytest

import flyte_jupyter as flyte


@pytest.fixture
def large():
    """A frame of 200 MB, which must never be copied, hashed or written on its way to a task."""
    return pd.DataFrame({f"c{n}": np.zeros(2_500_000) for n in range(10)})


def test_a_large_frame_goes_to_a_child_by_reference(env, large):
    seen = []

    @env.task
    def child(frame: pd.DataFrame) -> int:
        seen.append(frame)
        return len(frame)

    @env.task
    async def parent(frame: pd.DataFrame) -> float:
        await child.aio(frame)
        began = time.perf_counter()
        for _ in range(20):
            await child.aio(frame)
        return (time.perf_counter() - began) / 20

    seconds = flyte.run(parent, large).outputs()[0]

    assert seconds < 0.02
    assert seen[0] is large


def test_a_change_in_place_is_seen_by_the_next_call(env):
    @env.task
    def total(frame: pd.DataFrame) -> int:
        return int(frame["a"].sum())

    @env.task(cache=flyte.Cache(version_override="v1"))
    def cached_total(frame: pd.DataFrame) -> int:
        return int(frame["a"].sum())

    @env.task
    def parent() -> list[int]:
        frame = pd.DataFrame({"a": range(100_000)})
        first = [total(frame), cached_total(frame)]
        frame.loc[0, "a"] = 7
        return [*first, total(frame), cached_total(frame)]

    assert flyte.run(parent).outputs()[0] == [4_999_950_000, 4_999_950_000, 4_999_950_007, 4_999_950_007]


def test_a_large_uncached_value_is_not_written_and_says_so(env, large, store_folder):
    @env.task
    def child(frame: pd.DataFrame) -> int:
        return len(frame)

    run = flyte.run(child, large)

    with pytest.raises(
        flyte.errors.ResultNotKeptError,
        match=r"'frame' of the inputs .*pandas.*\(2500000, 10\).*Cache the task",
    ):
        run.inputs()
    assert sum(p.stat().st_size for p in store_folder.rglob("*") if p.is_file()) < 10_000_000


class Opaque:
    """An object of the user's that does not say how large it is."""

    def __init__(self, size):
        self.data = bytearray(size)


def test_a_large_object_of_any_class_is_not_written_either(env, store_folder):
    @env.task
    def child(thing: object) -> int:
        return 1

    began = time.perf_counter()
    run = flyte.run(child, Opaque(100_000_000))

    assert time.perf_counter() - began < 1
    with pytest.raises(flyte.errors.ResultNotKeptError, match="Opaque"):
        run.inputs()
    assert sum(p.stat().st_size for p in store_folder.rglob("*") if p.is_file()) < 10_000_000


def test_a_large_plain_list_is_not_written_either(env):
    @env.task
    def child(things: object) -> int:
        return len(things)

    run = flyte.run(child, ["x" * 100] * 100_000)

    assert run.outputs() == (100_000,)
    with pytest.raises(flyte.errors.ResultNotKeptError, match="bytes of plain data"):
        run.inputs()


def test_small_values_of_any_kind_are_kept(env):
    @env.task
    def child(frame: pd.DataFrame, array: np.ndarray, thing: object) -> int:
        return 1

    run = flyte.run(child, pd.DataFrame({"a": [1]}), np.arange(3), Opaque(10))

    inputs = run.inputs()
    assert inputs["frame"]["a"].tolist() == [1]
    assert inputs["array"].tolist() == [0, 1, 2]
    assert len(inputs["thing"].data) == 10


def test_what_cannot_be_written_goes_to_the_task_all_the_same(env):
    @env.task
    def child(lock: object) -> bool:
        with lock:
            return True

    run = flyte.run(child, threading.Lock())

    assert run.outputs() == (True,)
    with pytest.raises(flyte.errors.ResultNotKeptError, match="lock"):
        run.inputs()


def test_an_object_whose_attributes_raise_does_no_harm(env):
    class Hostile:
        @property
        def nbytes(self):
            raise RuntimeError("no")

        def __reduce__(self):
            raise RuntimeError("never")

        shape = property(lambda self: 1 / 0)

    @env.task
    def child(thing: object) -> int:
        return 1

    assert flyte.run(child, Hostile()).outputs() == (1,)


def test_more_than_max_inline_io_bytes_is_refused_by_name(env):
    @env.task(max_inline_io_bytes=1_000)
    def takes(text: str) -> int:
        return len(text)

    @env.task(max_inline_io_bytes=1_000)
    def gives(n: int) -> str:
        return "x" * n

    @env.task(max_inline_io_bytes=1_000)
    def frames(frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    assert flyte.run(takes, "x" * 900).outputs() == (900,)
    with pytest.raises(
        flyte.errors.InlineIOMaxBytesBreached, match=r"test.takes: its inputs are 2,\d+ bytes.*1,000"
    ):
        flyte.run(takes, "x" * 2_000)
    with pytest.raises(flyte.errors.InlineIOMaxBytesBreached, match="test.gives: its outputs"):
        flyte.run(gives, 2_000)
    assert len(flyte.run(frames, pd.DataFrame({"a": range(10_000)})).outputs()[0]) == 10_000


WRITER = """
    import dataclasses, datetime
    import numpy as np, pandas as pd
    @dataclasses.dataclass
    class Point:
        x: int
    @env.task
    def child(x: int) -> pd.DataFrame:
        return pd.DataFrame({"a": range(x)})
    @env.task(cache=flyte.Cache(version_override="v1"))
    def cached(x: int) -> list[int]:
        return [x, x + 1]
    @env.task
    def root(n: int, name: str = "x") -> tuple[int, list[str], Point, pd.DataFrame, np.ndarray, dict, object]:
        cached(n)
        return n, ["a"], Point(3), child(50_000), np.arange(4), {"k": [1, None]}, {1, 2}
    say(flyte.with_runcontext(name="kept").run(root, 5).name)
    """

READER = """
    run = flyte.Run.get("kept")
    n, texts, point, frame, array, plain, thing = run.outputs()
    say(n, texts, point, frame["a"].sum(), array.tolist(), plain, thing)
    say(dict(run.inputs()), run.action("cached").outputs()[0], len(run.action("child").outputs()[0]))
    """


def test_another_process_reads_it_without_the_tasks(tmp_path, store_folder):
    scripts.run(WRITER, tmp_path, FLYTE_JUPYTER_HOME=str(store_folder))

    out = scripts.run(READER, tmp_path, FLYTE_JUPYTER_HOME=str(store_folder))

    assert out.splitlines() == [
        "5 ['a'] {'x': 3} 1249975000 [0, 1, 2, 3] {'k': [1, None]} {1, 2}",
        "{'n': 5, 'name': 'x'} [5, 6] 50000",
    ]


CACHED = """
    import dataclasses
    import pandas as pd
    @dataclasses.dataclass
    class Point:
        x: int
        tags: frozenset
    def helper(x):
        return {"b": x, "a": {"y", "x", "z"}}
    @env.task(cache="auto")
    def task(x: int, p: Point, d: dict, s: set[str], frame: pd.DataFrame) -> str:
        return str(x)
    run = flyte.run(task, 1, Point(1, frozenset("abc")), {"b": {"q", "r"}, "a": 1}, {"u", "v", "w"},
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    say(run.root.state.cache, run.root.state.cache_key)
    """


def test_results_are_found_by_other_processes_whatever_their_hash_seed(tmp_path, store_folder):
    file = tmp_path / "one"
    file.mkdir()

    said = []
    for seed in ("0", "1", "12345", "random"):
        process = scripts.start(CACHED, file, FLYTE_JUPYTER_HOME=str(store_folder), PYTHONHASHSEED=seed)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        said.append(out.split())

    assert [status for status, _ in said] == ["miss", "hit", "hit", "hit"]
    assert len({key for _, key in said}) == 1


SERIALIZED = """
    @env.task(cache=flyte.Cache(version_override="v1", serialize=True))
    def slow(x: int) -> int:
        with open(os.environ["RAN"], "a") as file:
            file.write("ran\\n")
        time.sleep(0.5)
        return x
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.01)
    say(flyte.run(slow, 1).outputs()[0])
    """


def test_serialized_calls_of_many_processes_run_once(tmp_path, store_folder):
    variables = {
        "FLYTE_JUPYTER_HOME": str(store_folder), "RAN": str(tmp_path / "ran"), "GO": str(tmp_path / "go"),
    }  # fmt: skip
    processes = [scripts.start(SERIALIZED, tmp_path, **variables) for _ in range(4)]
    time.sleep(1)  # all of them are at the gate, or come to it open
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert said == ["1"] * 4
    assert (tmp_path / "ran").read_text() == "ran\n"


@dataclasses.dataclass
class Holder:
    frame: pd.DataFrame
    n: int


def test_structures_with_frames_inside_are_kept(env):
    @env.task
    def make() -> Holder:
        return Holder(pd.DataFrame({"a": [1, 2]}), 3)

    run = flyte.run(make)

    again = flyte.Run(run.store, run.name).root.outputs()[0]
    assert again.n == 3
    assert again.frame["a"].tolist() == [1, 2]
