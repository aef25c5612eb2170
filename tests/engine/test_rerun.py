"""A run that continues another one: what is done stays done, what changed runs."""

import asyncio
import linecache
import os
import subprocess
import sys
import textwrap

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import ResultNotKeptError, RunNotFoundError, RuntimeUserError
from flyte_jupyter.io import File
from flyte_jupyter.notebook.render.phases import look

CODE = """
import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="again")
FACTOR = 2
LIMIT = 2


def scaled(x: int) -> int:
    return x * FACTOR


@env.task
def child(x: int) -> int:
    print("child", x)
    return scaled(x)


@env.task
def picky(x: int) -> int:
    print("picky", x)
    if x > LIMIT:
        raise ValueError(f"{x} is too much")
    return x


@env.task
def parent(n: int) -> int:
    print("parent", n)
    return sum(picky(child(x)) for x in range(n))
"""


class Book:
    """Cells that are run and changed, in one namespace whose code has its text."""

    def __init__(self, text=CODE):
        self.names = {"__name__": "__main__"}
        self.cell(text)

    def cell(self, text):
        text = textwrap.dedent(text)
        file = f"<cell {len(linecache.cache)}>.py"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), self.names)

    def __getattr__(self, name):
        return self.names[name]


@pytest.fixture
def book():
    return Book()


def newest():
    return next(flyte.Run.listall(store=process.setup.store()))


def failed(run, *args):
    """Run something that fails, and give the handle."""
    with pytest.raises(ValueError, match="too much"):
        run(*args)
    return newest()


def ran(run):
    """What the bodies of a run printed."""
    run.store.flush()
    return "".join(row.text for row in run.logs()).split("\n")[:-1]


def states(run):
    return [(a.short, a.cache) for a in run.state.actions.values()]


class TestContinuing:
    def test_only_what_failed_runs_again(self, book):
        run = failed(flyte.run, book.parent, 3)

        book.cell("LIMIT = 9")
        again = flyte.rerun(run)

        # picky depends on LIMIT, so its successes were made by other code
        assert ran(again) == ["parent 3", "picky 0", "picky 2", "picky 4"]
        assert again.outputs()[0] == 6
        assert again.state.rerun_of == run.name
        assert again.state.children()[0].cache_reason == f"from run {run.name}"

    def test_unchanged_code_that_succeeded_is_not_run_again(self, book):
        run = failed(flyte.run, book.parent, 3)

        again = failed(flyte.rerun, run)

        assert ran(again) == ["parent 3", "picky 4"]

    def test_a_replayed_action_looks_recovered(self, book):
        run = failed(flyte.run, book.parent, 3)

        child = failed(flyte.rerun, run).state.children()[0]

        assert look(child).word == "recovered"

    def test_a_changed_helper_runs_what_uses_it_and_says_so(self, book):
        run = flyte.run(book.parent, 2)

        book.cell("FACTOR = 3\nLIMIT = 5")
        again = flyte.rerun(run)

        assert "child 1" in ran(again)
        assert again.outputs()[0] == 3
        assert "`FACTOR` 2 -> 3" in again.state.children()[0].cache_reason

    def test_a_run_that_succeeded_gives_its_outputs_at_once(self, book):
        run = flyte.run(book.parent, 2)

        again = flyte.rerun(run)

        assert ran(again) == []
        assert again.outputs()[0] == 2
        assert [(a.short, a.cache) for a in again.state.actions.values()] == [("parent", "replayed")]

    def test_everything_runs_again_if_nothing_is_to_be_taken(self, book):
        run = flyte.run(book.parent, 2)

        again = flyte.rerun(run, from_failed=False)

        assert len(ran(again)) == 5
        assert again.state.rerun_of == run.name

    def test_a_rerun_can_be_continued(self, book):
        second = failed(flyte.rerun, failed(flyte.run, book.parent, 3))

        third = failed(flyte.rerun, second)

        assert ran(third) == ["parent 3", "picky 4"]
        assert third.state.rerun_of == second.name

    async def test_it_can_be_awaited(self, book):
        run = await flyte.run.aio(book.parent, 2)

        again = await flyte.rerun.aio(run)

        assert (again.outputs()[0], ran(again)) == (2, [])

    def test_the_name_of_a_run_is_enough(self, book):
        run = flyte.run(book.parent, 2)

        assert flyte.rerun(run.name).outputs()[0] == 2

    def test_mode_and_labels_are_those_of_the_run(self, book):
        run = flyte.with_runcontext(labels={"team": "weather"}).run(book.parent, 1)

        again = flyte.rerun(run)

        assert dict(again.state.labels) == {"team": "weather"}


class TestInputs:
    def test_a_changed_input_runs_what_depends_on_it(self, book):
        run = flyte.run(book.parent, 1)

        again = flyte.rerun(run, n=2)

        assert ran(again) == ["parent 2", "child 1", "picky 2"]

    def test_an_unknown_input_is_refused(self, book):
        run = flyte.run(book.parent, 1)

        with pytest.raises(TypeError, match=r"takes no 'm'"):
            flyte.rerun(run, m=3)

    def test_an_input_that_the_task_lost_is_refused(self, book):
        run = flyte.run(book.parent, 1)
        book.cell("@env.task\ndef parent() -> int: return 1")

        with pytest.raises(TypeError, match=r"takes no 'n', which run .* was given"):
            flyte.rerun(run)

    def test_positional_only_inputs_are_given(self):
        book = Book("import flyte_jupyter as flyte\nenv = flyte.TaskEnvironment('pos')\n"
                    "@env.task\ndef f(x: int, /, y: int = 2) -> int: return x - y")  # fmt: skip
        run = flyte.run(book.f, 5)

        assert flyte.rerun(run, y=1).outputs()[0] == 4

    def test_frames_of_equal_shape_and_different_content_are_different_inputs(self):
        book = Book(FRAMES)
        run = failed(flyte.run, book.whole, 1)

        book.cell("OFFSET = 0")
        again = failed(flyte.rerun, run)

        # half is the same code and gets a frame of the same shape: only its content differs
        assert ran(run) == ["make 1", "half 1", "fail 1"]
        assert ran(again) == ["make 0", "half 0", "fail 0"]

    def test_a_frame_of_the_same_content_is_the_same_input(self):
        book = Book(FRAMES)

        again = failed(flyte.rerun, failed(flyte.run, book.whole, 1))

        assert ran(again) == ["fail 1"]

    def test_the_inputs_of_what_failed_are_whole_in_the_record(self):
        book = Book(FRAMES)
        run = failed(flyte.run, book.whole, 1)

        inputs = run.action("fail").inputs()

        assert inputs["frame"].shape == (20_000, 1)

    def test_an_input_that_the_task_changed_in_place_is_not_kept_as_if_it_were_the_old_one(self):
        book = Book(FRAMES)
        run = failed(flyte.run, book.changing, 1)

        with pytest.raises(ResultNotKeptError, match="frame"):
            run.action("change").inputs()

    def test_an_input_that_was_not_kept_has_to_be_given(self):
        import pandas as pd

        book = Book(FRAMES)
        frame = pd.DataFrame({"x": range(20_000)})
        run = flyte.run(book.half, frame)

        with pytest.raises(ResultNotKeptError, match="'frame'"):
            flyte.rerun(run)
        assert flyte.rerun(run, frame=frame).outputs()[0] == 10_000

    def test_a_file_is_what_it_was_then(self, tmp_path):
        book = Book(FILES)
        path = tmp_path / "a.txt"
        path.write_text("one")
        run = flyte.run(book.text, File(path=str(path)))

        path.write_text("two")
        again = flyte.rerun(run, from_failed=False)
        changed = flyte.rerun(run, file=File(path=str(path)))

        assert again.outputs()[0] == "one"
        assert changed.outputs()[0] == "two"


FRAMES = """
import pandas as pd
import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="frames")
OFFSET = 1


@env.task
def make(offset: int) -> pd.DataFrame:
    print("make", offset)
    return pd.DataFrame({"x": range(20_000)}) + offset


@env.task
def half(frame: pd.DataFrame) -> int:
    print("half", int(frame["x"].iloc[0]))
    return len(frame) // 2


@env.task
def fail(frame: pd.DataFrame) -> int:
    print("fail", int(frame["x"].iloc[0]))
    raise ValueError("too much")


@env.task
def change(frame: pd.DataFrame) -> int:
    frame["x"] = 0
    raise ValueError("too much")


@env.task
def whole(n: int) -> int:
    frame = make(OFFSET)
    return half(frame) + fail(frame)


@env.task
def changing(n: int) -> int:
    return change(make(n))
"""

FILES = """
import flyte_jupyter as flyte
from flyte_jupyter.io import File

env = flyte.TaskEnvironment(name="files")


@env.task
def text(file: File) -> str:
    with file.open_sync() as opened:
        return opened.read().decode()
"""


class TestCode:
    def test_code_that_changed_while_the_run_went_on_is_never_taken_as_known(self):
        book = Book(
            """
            import flyte_jupyter as flyte
            env = flyte.TaskEnvironment(name="drift")
            STATE = {"n": 0}

            @env.task
            def child(x: int) -> int:
                print(x)
                return STATE["n"]

            @env.task
            def parent() -> int:
                found = child(1)
                STATE["n"] += 1
                return found + child(2)
            """
        )
        run = flyte.run(book.parent)
        book.STATE["n"] = 0

        again = flyte.rerun(run)

        assert ran(again) == ["1", "2"]
        assert again.outputs()[0] == 1

    def test_short_runs_in_a_row_do_not_hash_large_values_each_time(self, book):
        book.cell("LARGE = list(range(2_000_000))\n\n\n@env.task\ndef large() -> int: return len(LARGE)")

        runs = [flyte.run(book.large) for _ in range(3)]

        assert [bool(run.state.seen["again.large"].version) for run in runs] == [True, True, False]
        assert "is not known" in flyte.rerun(runs[2]).state.root.cache_reason

    def test_a_run_notes_each_task_once(self, book):
        run = flyte.run(book.parent, 2)

        seen = [e for _, e in run.store.events(run.name) if type(e).__name__ == "TaskSeen"]

        assert sorted(e.task for e in seen) == ["again.child", "again.parent", "again.picky"]
        assert all(e.version for e in seen)

    def test_many_parts_are_one_blob_that_equal_runs_share(self, book):
        from flyte_jupyter.runs.code import parts_of

        book.cell("\n".join(f"VALUE_{n} = 'a value of some length {n}'" for n in range(300)))
        book.cell(
            "@env.task\ndef wide() -> int: return len([" + ", ".join(f"VALUE_{n}" for n in range(300)) + "])"
        )
        first, second = flyte.run(book.wide), flyte.run(book.wide)

        found = [run.state.seen["again.wide"] for run in (first, second)]

        assert found[0].parts == found[1].parts
        assert found[0].parts.startswith(b"blob://")
        assert "VALUE_299" in parts_of(found[0], first.store.blobs)


class TestRefusals:
    def test_a_run_that_goes_on(self, book):
        @book.env.task
        async def slow() -> int:
            await asyncio.sleep(60)
            return 1

        async def whole():
            began, here = asyncio.Event(), asyncio.get_running_loop()
            process.observe(lambda _: here.call_soon_threadsafe(began.set))
            going = asyncio.create_task(flyte.run.aio(slow))
            store = process.setup.store()
            await began.wait()
            with pytest.raises(RuntimeUserError, match="has not ended"):
                await flyte.rerun.aio(store.runs()[0].name)
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going

        asyncio.run(whole())

    def test_a_run_that_is_not_there(self, book):
        flyte.run(book.parent, 1)

        with pytest.raises(RunNotFoundError):
            flyte.rerun("nothing")

    def test_something_that_is_no_task(self, book):
        with pytest.raises(TypeError, match="is no task"):
            flyte.rerun(flyte.run(book.parent, 1), task=len)


SCRIPT = """
import os, sys
import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="killed")

@env.task
def step(x: int) -> int:
    print("step", x, flush=True)
    if x == 2 and sys.argv[1] == "die":
        os._exit(9)
    return x * 2

@env.task
def main(n: int) -> int:
    return sum(step(x) for x in range(n))

if __name__ == "__main__":
    if sys.argv[1] == "die":
        flyte.run(main, 4)
    else:
        newest = next(flyte.Run.listall())
        print(newest.phase, flyte.rerun(newest).outputs()[0])
"""


def test_a_run_whose_process_died_is_continued_by_another_process(tmp_path, store_folder):
    script = tmp_path / "killed.py"
    script.write_text(SCRIPT)

    def play(how):
        return subprocess.run(
            [sys.executable, script, how], env={**os.environ}, capture_output=True, text=True, check=False
        )

    died = play("die")
    went_on = play("go on")

    assert died.returncode == 9
    assert went_on.stdout.split("\n") == ["step 2", "step 3", "INTERRUPTED 12", ""], went_on.stderr
