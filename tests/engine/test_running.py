"""How a run is asked for: inputs, options, names, modes, plans, and what is said when something is wrong."""

import contextvars
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import Setup, process
from flyte_jupyter.testing import FakeBackend


def runs():
    return list(flyte.Run.listall())


@pytest.fixture
def double(env):
    @env.task
    def double(x: float, note: str = "") -> float:
        return 2 * x

    return double


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "message"),
    [
        (
            (),
            {},
            TypeError,
            r"test.double\(x: float, note: str = ''\) -> float: missing a required argument: 'x'",
        ),
        ((1, "a", 2), {}, TypeError, "too many positional arguments"),
        ((1,), {"z": 1}, TypeError, "unexpected keyword argument 'z'"),
        ((1,), {"x": 1}, TypeError, "multiple values for argument 'x'"),
        (
            ("no",),
            {},
            flyte.errors.RuntimeDataValidationError,
            "test.double: input 'x': expected float, got 'no' .str.",
        ),
        (
            (1, 2),
            {},
            flyte.errors.RuntimeDataValidationError,
            "test.double: input 'note': expected str, got 2 .int.",
        ),
    ],
)
def test_a_wrong_call_raises_before_there_is_a_run(double, args, kwargs, error, message):
    with pytest.raises(error, match=message):
        flyte.run(double, *args, **kwargs)

    assert runs() == []


def test_an_int_serves_for_a_float(env, double):
    seen = []

    @env.task
    def kind(x: float) -> str:
        seen.append(x)
        return type(x).__name__

    assert flyte.run(kind, 1).outputs() == ("float",)
    assert flyte.run(double, 2).outputs() == (4.0,)


def test_keyword_only_and_positional_only_parameters_are_as_in_python(env):
    @env.task
    def picky(a: int, /, b: int, *, c: int = 3) -> list[int]:
        return [a, b, c]

    @env.task
    def keyword(*, x: int) -> int:
        return x

    assert flyte.run(picky, 1, 2, c=4).outputs()[0] == [1, 2, 4]
    assert flyte.run(keyword, x=1).outputs() == (1,)
    with pytest.raises(TypeError, match="too many positional"):
        flyte.run(keyword, 1)
    with pytest.raises(TypeError, match="too many positional"):
        flyte.run(picky, 1, 2, 3)
    with pytest.raises(TypeError, match="'a'"):
        flyte.run(picky, a=1, b=2)


@pytest.mark.parametrize("thing", [len, lambda: None, 3, None, "name"])
def test_only_tasks_are_run(thing):
    with pytest.raises(TypeError, match="task"):
        flyte.run(thing)


def test_a_dry_run_checks_everything_runs_nothing_and_records_nothing(env, store_folder):
    ran = []

    @env.task(cache="auto", resources=flyte.Resources(cpu=2))
    def task(x: int, frame: object = None) -> int:
        ran.append(x)
        return x

    plan = flyte.with_runcontext(dry_run=True).run(task, 1, frame=list(range(10_000)))

    assert (plan.task, plan.mode, plan.place, plan.inputs["x"]) == ("test.task", "local", "thread", 1)
    assert plan.resources.cpu == 2
    assert ran == []
    assert runs() == []
    assert not [p for p in (store_folder / "blobs").rglob("*") if p.is_file() and p.name != "key"]
    with pytest.raises(flyte.errors.RuntimeDataValidationError, match="input 'x'"):
        flyte.with_runcontext(dry_run=True).run(task, "no number")


async def test_a_dry_run_can_be_awaited(double):
    plan = await flyte.with_runcontext(dry_run=True).run.aio(double, 1)

    assert plan.inputs == {"x": 1.0, "note": ""}


def test_a_dry_run_takes_no_name(double):
    flyte.with_runcontext(dry_run=True, name="mine").run(double, 1)

    assert flyte.with_runcontext(name="mine").run(double, 1).name == "mine"


def test_a_name_that_is_taken_gets_a_number(double):
    names = [flyte.with_runcontext(name="mine").run(double, x).name for x in range(3)]

    assert names == ["mine", "mine-2", "mine-3"]
    assert [flyte.Run.get(n).outputs()[0] for n in names] == [0.0, 2.0, 4.0]


def test_many_at_once_with_one_name_never_share_it(double):
    barrier = threading.Barrier(8)

    def one(x):
        barrier.wait(10)
        return flyte.with_runcontext(name="same").run(double, x)

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(one, range(8)))

    assert len({run.name for run in got}) == 8
    assert all(flyte.Run.get(run.name).root.outputs()[0] == 2.0 * x for x, run in enumerate(got))


def test_a_wrong_call_gives_its_name_back(double):
    with pytest.raises(TypeError):
        flyte.with_runcontext(name="mine").run(double)

    assert flyte.with_runcontext(name="mine").run(double, 1).name == "mine"


def test_labels_are_recorded_and_found(double):
    run = flyte.with_runcontext(labels={"team": "blue"}, annotations={"why": "test"}).run(double, 1)
    flyte.run(double, 2)

    assert run.details()["labels"] == {"team": "blue", "why": "test"}
    assert [r.name for r in flyte.Run.listall(text="blue")] == [run.name]


def test_the_source_says_which_process_it_was(double):
    import os

    assert flyte.run(double, 1).state.source["pid"] == str(os.getpid())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"mode": "cloud"},
            flyte.errors.DefinitionError,
            "mode='cloud' is none of 'local', 'hybrid', 'remote'",
        ),
        ({"nmae": "x"}, TypeError, "has no option 'nmae'; it has .*name"),
        ({"name": "No Spaces"}, flyte.errors.DefinitionError, "cannot name a run"),
        ({"labels": {"a": 1}}, TypeError, "dict of text to text"),
        ({"env_vars": {"a": 1}}, TypeError, "names and values are text"),
        ({"custom_context": ["a"]}, TypeError, "dict of text to text"),
        ({"dry_run": 1}, TypeError, "dry_run=1"),
        ({"isolation": "jail"}, flyte.errors.DefinitionError, "isolation='jail'"),
    ],
)
def test_wrong_options_are_said_at_once(options, error, message):
    with pytest.raises(error, match=message):
        flyte.with_runcontext(**options)


def test_what_the_context_says_in_a_task(env, tmp_path):
    begun = datetime(2024, 1, 1, tzinfo=timezone.utc)
    seen = []

    @env.task
    def looks() -> None:
        c = flyte.ctx()
        seen.append((
            bool(c), c.action.name, c.action.run_name, c.mode, c.attempt_number, c.run_base_dir,
            c.run_start_time, c.interactive_mode, c.disable_run_cache, c.is_in_cluster(), c.version,
            dict(c.custom_context), c.raw_data_path.path, c.action.project,
        ))  # fmt: skip

    flyte.with_runcontext(
        name="looked", run_base_dir=tmp_path / "base", raw_data_path=tmp_path / "raw", run_start_time=begun,
        interactive_mode=True, disable_run_cache=True, custom_context={"a": "b"}, project="p",
    ).run(looks)  # fmt: skip

    assert seen == [(
        True, "a0", "looked", "local", 1, tmp_path / "base", begun, True, True, False, "", {"a": "b"},
        str(tmp_path / "raw" / "a0"), "p",
    )]  # fmt: skip


def test_outside_of_a_task_the_context_is_falsy_and_empty():
    context = flyte.ctx()

    assert not context
    assert context.action is None
    assert context.anything is None
    assert flyte.get_custom_context() == {}
    assert repr(context) == "<no task is running>"


def test_custom_context_goes_down_and_stays_inside(env):
    @env.task
    def leaf() -> dict[str, str]:
        return dict(flyte.get_custom_context())

    @env.task
    def middle() -> list[dict[str, str]]:
        with flyte.custom_context(b="middle"):
            inner = leaf()
        return [inner, leaf()]

    run = flyte.with_runcontext(custom_context={"a": "root"}).run(middle)

    assert run.outputs()[0] == [{"a": "root", "b": "middle"}, {"a": "root"}]
    with pytest.raises(TypeError, match=r"convert it with str\(\)"), flyte.custom_context(n=1):
        pass


def test_groups_replace_each_other_and_end(env):
    @env.task
    def leaf() -> str:
        group = flyte.ctx().group_data
        return group.name if group else ""

    @env.task
    def parent() -> list[str]:
        with flyte.group("outer"):
            first = leaf()
            with flyte.group("inner"):
                second = leaf()
            third = leaf()
        return [first, second, third, leaf()]

    run = flyte.run(parent)

    assert run.outputs()[0] == ["outer", "inner", "outer", ""]
    assert [a.group for a in run.root.children] == ["outer", "inner", "outer", None]


def test_a_group_decorates_functions_that_run_at_the_same_time(env):
    @env.task
    def work(x: int) -> str:
        return flyte.ctx().group_data.name

    @flyte.group("decorated")
    def half(x: int) -> str:
        return work(x) if x == 0 else work(x) + half(x - 1)

    @env.task
    def parent() -> list[str]:
        context = contextvars.copy_context()
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda x: context.copy().run(half, x), range(3)))
        return [*found, str(flyte.ctx().group_data)]

    assert flyte.run(parent).outputs()[0] == ["decorated", 2 * "decorated", 3 * "decorated", "None"]


class TestModes:
    """Local, hybrid and remote are routes."""

    @pytest.fixture
    def there(self):
        place = FakeBackend(name="there")
        flyte.init(backend=place)
        return place

    @pytest.fixture
    def tree(self, env):
        @env.task
        def leaf(x: int) -> str:
            return flyte.ctx().mode

        @env.task
        async def branch(x: int) -> list[str]:
            return [flyte.ctx().mode, await leaf.aio(x)]

        @env.task
        def root() -> list[str]:
            return [flyte.ctx().mode, *[m for modes in flyte.map(branch, [1, 2]) for m in modes], leaf(3)]

        return root

    def places(self, run):
        return {a.task_name.partition(".")[2]: a.attempts[0].place for a in run.actions}

    def test_hybrid_runs_the_root_here_and_all_others_there(self, there, tree):
        run = flyte.with_runcontext("hybrid").run(tree)

        assert run.outputs()[0] == ["hybrid"] * 6
        assert self.places(run) == {"root": "thread", "branch": "there", "leaf": "there"}
        assert [spec.task.name for spec in there.specs if spec.parent is None] == []

    def test_remote_runs_all_there_and_gives_the_handle_at_once(self, there, tree):
        run = flyte.with_runcontext("remote").run(tree)

        assert run.wait().outputs()[0] == ["remote"] * 6
        assert self.places(run) == {"root": "there", "branch": "there", "leaf": "there"}

    async def test_remote_can_be_awaited(self, there, tree):
        run = await flyte.with_runcontext("remote").run.aio(tree)
        await run.wait.aio()

        assert (await run.outputs.aio())[0] == ["remote"] * 6

    def test_the_mode_of_a_process_can_be_set_once(self, there, tree):
        flyte.init(mode="remote")

        assert flyte.run(tree).outputs()[0] == ["remote"] * 6
        assert flyte.with_runcontext("local").run(tree).outputs()[0] == ["local"] * 6

    def test_the_isolation_of_a_process_can_be_set_once(self, env):
        @env.task
        def where() -> int:
            return os.getpid()

        flyte.init(isolation="process")

        assert flyte.run(where).outputs()[0] != os.getpid()
        assert flyte.with_runcontext(isolation="thread").run(where).outputs()[0] == os.getpid()
        with pytest.raises(flyte.errors.DefinitionError, match="isolation='jail'"):
            flyte.init(isolation="jail")

    def test_a_handler_makes_results_and_failures(self, env):
        @env.task
        def add(x: int, y: int) -> int:
            raise AssertionError("is not run")

        def handler(spec, inputs):
            if inputs["x"] < 0:
                raise LookupError("negative")
            return inputs["x"] + inputs["y"]

        flyte.init(backend=FakeBackend(handler))

        assert flyte.with_runcontext("remote").run(add, 1, 2).outputs() == (3,)
        with pytest.raises(LookupError, match="negative"):
            flyte.with_runcontext("remote").run(add, -1, 2).outputs()

    def test_what_is_no_place_is_refused(self):
        with pytest.raises(TypeError, match="is no place to run"):
            flyte.init(backend=object())

    def test_a_place_that_retries_limits_and_caches_itself_is_not_wrapped_twice(self, env):
        class Able(FakeBackend):
            does = frozenset({"retry", "timeout", "cache"})

        place = Able(lambda spec, inputs: (_ for _ in ()).throw(ValueError("once")))
        flyte.init(backend=place)

        @env.task(retries=3, timeout=1, cache="auto")
        def task() -> None:
            pass

        with pytest.raises(ValueError, match="once"):
            flyte.with_runcontext("remote").run(task).outputs()

        assert len(place.specs) == 1


def test_another_store_can_be_named(double, tmp_path):
    flyte.init(store=tmp_path / "elsewhere")

    flyte.run(double, 1)

    assert (tmp_path / "elsewhere" / "runs.db").exists()
    process.setup.close()
    process.setup = Setup()


class TestHandles:
    """What a run's handle gives."""

    def test_everything_is_there_after_the_end(self, double):
        run = flyte.run(double, 3, note="n")

        assert run.outputs() == (6.0,)
        assert run.outputs().o0 == 6.0
        assert run.inputs() == {"x": 3.0, "note": "n"}
        assert run.done()
        assert run.phase.value == "SUCCEEDED"
        assert run.root.runtime > 0
        assert run.action("double").name == "a0"
        assert run.name in run.url
        assert "test.double SUCCEEDED" in repr(run)

    async def test_everything_can_be_awaited(self, double):
        run = await flyte.run(double, 3)

        assert await run.outputs.aio() == (6.0,)
        assert await (await run.wait.aio()).outputs.aio() == (6.0,)
        assert (await run.inputs())["x"] == 3.0

    def test_it_is_found_by_name_and_by_its_beginning(self, double):
        run = flyte.run(double, 3)

        assert flyte.Run.get(run.name).outputs() == (6.0,)
        assert flyte.Run.get(run.name[:10]).name == run.name
        with pytest.raises(flyte.errors.RunNotFoundError, match="no run named 'nothing'"):
            flyte.Run.get("nothing")
        with pytest.raises(flyte.errors.ActionNotFoundError):
            run.action("nothing")

    def test_outputs_of_an_earlier_definition_are_still_readable(self, env):
        @env.task
        def task(x: int) -> int:
            return x

        name = flyte.run(task, 5).name

        @env.task
        def task(x: str) -> list[str]:  # the cell was edited since
            return [x]

        assert flyte.Run.get(name).outputs() == (5,)
        assert flyte.Run.get(name).inputs() == {"x": 5}

    def test_logs_are_by_action_and_tail(self, env, capsys):
        @env.task
        def child() -> None:
            print("child 1\nchild 2")

        @env.task
        def parent() -> None:
            print("parent")
            child()

        run = flyte.run(parent)
        capsys.readouterr()
        run.show_logs(max_lines=2)
        run.action("child").show_logs(show_ts=True)

        lines = capsys.readouterr().out.splitlines()
        assert lines[:2] == ["child 1", "child 2"]
        assert lines[2].endswith("child 1")
        assert [r.text for r in run.logs(action="a0")] == ["parent\n"]
