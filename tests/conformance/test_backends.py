"""What every place to run does, whichever it is: the same values, errors, calls, logs, limits and ends."""

import asyncio
import linecache
import os
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple

import dockers
import endpoints
import numpy as np
import pandas as pd
import pytest
import rays

import flyte_jupyter as flyte
from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.local import LocalBackend
from flyte_jupyter.engine.setup import process
from flyte_jupyter.testing import FakeBackend

AT_ONCE = flyte.Backoff(0)
SECRET = "not to be seen by anybody"
env = flyte.TaskEnvironment(name="conformance", image=dockers.named("frames"))

PLACES = {
    "thread": {"isolation": "thread"},
    "process": {"isolation": "process"},
    "container": {"isolation": "container"},
    "fake": {"mode": "remote"},
    "ray": {"mode": "remote"},
    "endpoint": {"mode": "remote"},
    "hybrid": {"mode": "hybrid"},
}


NEAR = [name for name in PLACES if name not in ("endpoint", "hybrid")]
"""Where all is tested. A run at an endpoint takes half a second: there is tested what once was otherwise."""

at_endpoint = pytest.mark.parametrize("place", [*NEAR, "endpoint"], indirect=True)
everywhere = pytest.mark.parametrize("place", PLACES, indirect=True)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """An endpoint for all tests here; it has variables of its own."""
    if endpoints.LACKING:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(endpoints.REASON)
    os.environ.setdefault("DO_NOT_TRACK", "1")  # of the official SDK, in the tests' own process
    store = tmp_path_factory.mktemp("endpoint") / "store"
    made = endpoints.Endpoint(store, {"CONFORMANCE_SECRET": SECRET}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A store for all tests on Ray: the cluster takes a second and more for each new one."""
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(params=NEAR)
def place(request, monkeypatch):
    """The options of a run whose root runs in the place."""
    if request.param == "fake":
        flyte.init(backend=FakeBackend())
    if request.param == "ray":
        monkeypatch.setenv("FLYTE_JUPYTER_HOME", str(request.getfixturevalue("home")))
        flyte.init(backend=rays.place())
    if request.param in ("endpoint", "hybrid"):
        flyte.init(endpoint=request.getfixturevalue("endpoint").url)
    if request.param == "container":
        dockers.imported("frames")
    return PLACES[request.param]


@pytest.fixture
def run(place):
    """Run a task in the place to its end; gives the handle, or raises what the task raised."""

    def run(task, *args, **options):
        handle = flyte.with_runcontext(**place, **options).run(task, *args)
        handle.wait()
        return handle

    return run


def last():
    return next(flyte.Run.listall())


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.5


class Pair(NamedTuple):
    left: int
    right: str


VALUES = [
    ("int", 2**62), ("int", -1), ("float", 0.1), ("float", float("inf")), ("bool", True),
    ("str", "é\n\0 🎉"), ("str", ""), ("bytes", b"\0\xff"), ("None", None), ("int | None", None),
    ("int | str", "1"), ("datetime", datetime(2024, 2, 29, 12, tzinfo=timezone.utc)),
    ("timedelta", timedelta(days=-1, microseconds=1)), ("list[int]", [1, 2, 3]), ("list[list[str]]", [["a"], []]),
    ("dict[str, float]", {"a": 0.5, "": 1.5}), ("Point", Point(1)), ("list[Point]", [Point(1), Point(2, 3.5)]),
    ("Color", Color.BLUE), ("tuple[int, str]", (1, "a")), ("set[int]", {1, 2}), ("object", {"any": [1, (2, 3)]}),
]  # fmt: skip


def typed(colour, annotation):
    """Make a task that gives back what it is given, as a module would define it."""
    text = f"@env.task\n{colour}def same(x: {annotation}) -> {annotation}:\n    return x\n"
    file = f"/tmp/kernel_conformance/{abs(hash(text))}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {}
    exec(compile(text, file, "exec"), globals(), names)
    return names["same"]


@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=repr)
@pytest.mark.parametrize("colour", ["", "async "], ids=["sync", "async"])
def test_values_of_every_type_come_back_equal(run, annotation, value, colour):
    outputs = run(typed(colour, annotation), value).outputs()

    expected = {"None": (), "tuple[int, str]": value}.get(annotation, (value,))
    assert outputs == expected
    assert list(map(type, outputs)) == list(map(type, expected))


@env.task
def make_frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2], "b": ["x", None]})


@env.task
async def make_array() -> np.ndarray:
    return np.arange(12, dtype="float32").reshape(3, 4)


@env.task
def frame_total(frame: pd.DataFrame) -> int:
    return int(frame["a"].sum())


def test_frames_and_arrays_come_back_equal(run):
    pd.testing.assert_frame_equal(run(make_frame).outputs()[0], pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    array = run(make_array).outputs()[0]
    assert array.dtype == np.float32
    assert array.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert run(frame_total, pd.DataFrame({"a": range(100_000)})).outputs() == (4_999_950_000,)


@env.task
def two() -> tuple[int, str]:
    return 1, "a"


@env.task
async def pair() -> Pair:
    return Pair(1, "a")


@env.task
def nothing() -> None:
    pass


def test_several_outputs_and_none_keep_their_names(run):
    assert run(two).outputs() == (1, "a")
    assert run(pair).outputs().right == "a"
    assert run(nothing).outputs() in ((), (None,))


class HomeMade(Exception):
    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code_of_mine = code


def fails_deep_inside():
    raise ValueError("deep inside")


@env.task
def s_fails() -> None:
    fails_deep_inside()


@env.task
async def a_fails() -> None:
    fails_deep_inside()


@env.task
def fails_with_its_own() -> None:
    raise HomeMade(7, "why")


@pytest.mark.parametrize("task", [s_fails, a_fails], ids=["sync", "async"])
def test_an_error_is_of_its_own_class_and_shows_the_users_frames(run, task):
    with pytest.raises(ValueError, match="deep inside"):
        run(task).outputs()

    failure = last().root.error_info
    assert (failure.code, failure.message) == ("ValueError", "deep inside")
    assert "fails_deep_inside" in failure.traceback
    assert "flyte_jupyter/" not in failure.traceback


def test_an_error_of_the_users_own_class_keeps_its_attributes(run):
    with pytest.raises(HomeMade) as caught:
        run(fails_with_its_own).outputs()

    assert caught.value.code_of_mine == 7


@env.task
def wrong_result() -> int:
    return "text"


@env.task
def wrong_count() -> tuple[int, str]:
    return 1, "a", 2


@env.task
def calls_wrongly(how: str) -> int:
    return s_leaf("text") if how == "value" else s_leaf(y=1)


@env.task
def whole(x: float) -> float:
    return 3 if x else 0


@env.task
def half(x: int) -> float:
    return whole(x) / 2


@env.task
def anything():
    return 1, "a"


@env.task
def exits() -> None:
    sys.exit(3)


@at_endpoint
def test_a_wrong_result_names_the_task_and_what_it_gave(run):
    wrong = flyte.errors.RuntimeDataValidationError
    with pytest.raises(wrong, match=r"wrong_result: output 'o0': expected int, got 'text' \(str\)"):
        run(wrong_result).outputs()
    with pytest.raises(wrong, match=r"wrong_count must return a tuple of 2, not a tuple of 3; its signature"):
        run(wrong_count).outputs()


@at_endpoint
def test_a_call_with_a_wrong_argument_names_the_task_and_what_it_was_given(run):
    wrong = flyte.errors.RuntimeDataValidationError
    with pytest.raises(wrong, match=r"s_leaf: input 'x': expected int, got 'text' \(str\)"):
        run(calls_wrongly, "value").outputs()
    with pytest.raises(TypeError, match=r"s_leaf\(x: int\) -> int: missing a required argument: 'x'"):
        run(calls_wrongly, "name").outputs()


@at_endpoint
def test_whole_numbers_are_floats_and_what_is_not_annotated_is_one_value(run):
    assert run(half, 3).outputs() == (1.5,)
    assert run(anything).outputs() == ((1, "a"),)


def test_sys_exit_fails_the_task(run):
    with pytest.raises(flyte.errors.RuntimeUserError, match=r"sys.exit\(3\)"):
        run(exits).outputs()

    assert last().phase.value == "FAILED"


@env.task
async def a_leaf(x: int) -> int:
    return x + 1


@env.task
def s_leaf(x: int) -> int:
    return x + 1


@env.task
def s_calls_all(x: int) -> list[int]:
    mapped = list(flyte.map(s_leaf, [x, x + 1])) + list(flyte.map(a_leaf, [x, x + 1]))
    return [s_leaf(x), asyncio.run(a_leaf(x)), *mapped]


@env.task
async def a_calls_all(x: int) -> list[int]:
    mapped = [y async for y in flyte.map.aio(s_leaf, [x, x + 1])]
    return [await a_leaf(x), await s_leaf.aio(x), *mapped, *await asyncio.gather(a_leaf(x), a_leaf(x))]


@env.task
def s_down(n: int) -> int:
    return s_down(n - 1) + 1 if n else 0


@pytest.mark.parametrize(
    ("task", "expected"),
    [(s_calls_all, [2, 2, 2, 3, 2, 3]), (a_calls_all, [2, 2, 2, 3, 2, 2])],
    ids=["sync", "async"],
)
def test_bodies_call_other_tasks_in_both_colours(run, task, expected):
    handle = run(task, 1)

    assert handle.outputs()[0] == expected
    assert len(handle.actions) == 7
    assert all(a.parent_name == "a0" for a in handle.actions[1:])
    assert all(a.phase.value == "SUCCEEDED" for a in handle.actions)


@env.task
def by_name(x: int, /, y: int = 2, *, z: int = 3) -> int:
    return x * 100 + y * 10 + z


@env.task
def calls_by_name() -> list[int]:
    return [by_name(1, z=5), by_name(1, 4), by_name(2, y=1, z=0)]


@at_endpoint
def test_arguments_go_by_position_and_by_name(run):
    assert run(calls_by_name).outputs() == ([125, 143, 210],)


def test_calls_go_deep(run):
    assert run(s_down, 6).outputs() == (6,)


@env.task
def catches() -> str:
    try:
        s_fails()
    except ValueError as error:
        return f"caught {error}"
    return "nothing"


def test_a_childs_error_can_be_caught_by_its_class(run):
    handle = run(catches)

    assert handle.outputs() == ("caught deep inside",)
    assert handle.action("s_fails").phase.value == "FAILED"


@env.task
def prints() -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)


@env.task
def prints_and_calls() -> None:
    print("parent")
    prints()


@everywhere
def test_what_is_printed_is_in_the_log_of_its_action_and_shown(run, capsys):
    handle = run(prints_and_calls)

    logs = {(row.action, row.stream, row.text) for row in handle.logs()}
    child = handle.action("prints").name
    assert logs == {
        ("a0", "stdout", "parent\n"), (child, "stdout", "to stdout\n"), (child, "stderr", "to stderr\n"),
    }  # fmt: skip
    shown = capsys.readouterr()
    assert set(shown.out.splitlines()) == {"parent", "to stdout"}
    assert "to stderr" in shown.err


@env.task
def ends() -> None:
    print("from the child")


@env.task
def begins(lines: int) -> None:
    print("line\n" * lines + "last")
    sys.stdout.write("a ")
    sys.stdout.write("piece ")
    ends()
    print("and on")


@at_endpoint
@pytest.mark.parametrize("lines", [0, 10_000])
def test_what_is_printed_before_a_call_is_shown_before_what_is_printed_there(request, run, capsys, lines):
    run(begins, lines)

    shown, place = capsys.readouterr().out, request.node.callspec.params["place"]
    if place == "ray":  # shown by the record, which is in order for each action
        assert len(shown) == len("line\n" * lines + "last\na piece from the child\nand on\n")
    elif place == "endpoint":  # the protocol has whole lines
        assert shown == "line\n" * lines + "last\nfrom the child\na piece and on\n"
    else:
        assert shown == "line\n" * lines + "last\na piece from the child\nand on\n"


@env.task(report=True)
def reports() -> None:
    flyte.report.log("<h1>first</h1>")
    flyte.report.flush()
    flyte.report.get_tab("more").log("<p>second</p>")


@env.task(report=True)
def reports_and_fails() -> None:
    flyte.report.log("<h1>until then</h1>")
    raise ValueError("then")


@at_endpoint
def test_reports_are_kept_also_of_a_task_that_fails(run):
    page = run(reports).report()

    assert "<h1>first</h1>" in page
    assert "<p>second</p>" in page
    with pytest.raises(ValueError, match="then"):
        run(reports_and_fails).outputs()
    assert "<h1>until then</h1>" in last().report()


@env.task(retries=flyte.RetryStrategy(2, AT_ONCE))
def tried_again() -> int:
    checkpoint = flyte.ctx().checkpoint
    before = checkpoint.load_sync()
    seen = before.read_text() if before else ""
    number = flyte.ctx().attempt_number
    checkpoint.save_sync(f"{seen}{number}".encode())
    if number < 3:
        raise ValueError(f"attempt {number}")
    return int(seen)


@at_endpoint
def test_attempts_are_numbered_and_find_the_checkpoint_of_the_one_before(run):
    handle = run(tried_again)

    assert handle.outputs() == (12,)
    attempts = [(a.number, a.failure and a.failure.message) for a in handle.root.attempts]
    assert attempts == [(1, "attempt 1"), (2, "attempt 2"), (3, None)]


@env.task(timeout=0.3)
async def a_slow() -> None:
    await asyncio.sleep(3600)


@env.task(timeout=0.3)
def s_slow() -> None:
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize("task", [a_slow, s_slow], ids=["async", "sync"])
def test_bodies_out_of_time_are_stopped(run, task):
    with pytest.raises(flyte.errors.MaxRuntimeExceededError):
        run(task).outputs()

    assert last().phase.value == "TIMED_OUT"


@env.task
async def a_forever() -> None:
    print("begun")
    await asyncio.sleep(3600)


@env.task
def s_forever() -> None:
    print("begun")
    while True:
        time.sleep(0.01)


@env.task
def s_child_forever() -> None:
    s_forever()


@pytest.mark.parametrize("task", [a_forever, s_forever, s_child_forever], ids=lambda t: t.short_name)
def test_an_abort_ends_it_soon(place, task):
    handles, errors, began = [], [], threading.Event()
    undo = process.observe(lambda handle: handles.append(handle) or began.set())

    def call():
        try:
            flyte.with_runcontext(**place).run(task).outputs()
        except flyte.errors.ActionAbortedError as error:
            errors.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert began.wait(10)
    undo()
    deadline = time.monotonic() + 20
    while not handles[0].logs() and time.monotonic() < deadline:
        time.sleep(0.02)

    handles[0].abort("enough")

    caller.join(4)
    assert not caller.is_alive()
    assert len(errors) == 1
    state = handles[0].state
    assert state.phase.value == "ABORTED"
    assert all(action.phase.terminal for action in state.actions.values())


@env.task(env_vars={"CONFORMANCE": "variable"}, secrets=[flyte.Secret("conformance-secret")])
def looks_around() -> list[str]:
    context = flyte.ctx()
    print("secret:", os.environ["CONFORMANCE_SECRET"])
    return [
        os.environ["CONFORMANCE"],
        str(len(os.environ["CONFORMANCE_SECRET"])),
        context.action.name,
        context.action.run_name,
        str(context.attempt_number),
        flyte.get_custom_context()["who"],
        context.custom_context["who"],
    ]


@at_endpoint
def test_bodies_have_their_variables_secrets_and_context(run, monkeypatch):
    monkeypatch.setenv("CONFORMANCE_SECRET", SECRET)

    handle = run(looks_around, custom_context={"who": "me"}, name="looking")

    assert handle.outputs()[0] == ["variable", "25", "a0", "looking", "1", "me", "me"]
    assert [row.text for row in handle.logs()] == ["secret: ***\n"]
    assert "CONFORMANCE" not in os.environ


def group_here():
    group = flyte.ctx().group_data
    return group.name if group else "none"


@env.task
def asks_again() -> str:
    return group_here()


@env.task
def in_a_group() -> list[str]:
    with flyte.group("deeper"):
        found = group_here()
    action = flyte.ctx().action
    return [found, asks_again(), action.name, action.run_name]


@env.task
def makes_a_group() -> list[str]:
    with flyte.group("together"), flyte.custom_context(more="yes"):
        return in_a_group()


@everywhere
def test_groups_go_with_the_calls(run):
    handle = run(makes_a_group)

    child = handle.action("in_a_group")
    assert handle.outputs() == (["together", "none", child.name, handle.name],)
    assert child.group == "together"
    assert handle.action("asks_again").group is None


@flyte.trace
def traced(x: int) -> int:
    return x


@env.task(cache=flyte.Cache("override", version_override="1"))
def kept(x: int) -> int:
    return x


@env.task
async def branch(n: int) -> list[int]:
    with flyte.group("pair"):
        found = await asyncio.gather(a_leaf(n), a_leaf(n + 1))
    return [*found, *[y async for y in flyte.map.aio(s_leaf, [n, n + 1])]]


@env.task
def tree() -> list[int]:
    found = asyncio.run(branch(1))
    found += list(flyte.map(s_leaf, [5, 6], group_name="five and six"))
    found += [kept(1), kept(1), traced(7)]
    try:
        list(flyte.map(fails_on, [0, 1]))
    except KeyError:
        found.append(s_leaf.override(short_name="last")(8))
    return found


@env.task
def fails_on(x: int) -> int:
    return {0: 0}[x]


@everywhere
def test_a_tree_of_calls_is_on_record_as_it_was_called(run):
    handle = run(tree)

    assert handle.outputs() == ([2, 3, 2, 3, 6, 7, 1, 1, 7, 9],)
    names = {action.name: action.state.short for action in handle.actions}
    found = [(a.state.short, names.get(a.parent_name), a.group) for a in handle.actions]
    assert found == [
        ("tree", None, None), ("branch", "tree", None),
        ("a_leaf", "branch", "pair"), ("a_leaf", "branch", "pair"),
        ("s_leaf", "branch", "s_leaf"), ("s_leaf", "branch", "s_leaf"),
        ("s_leaf", "tree", "five and six"), ("s_leaf", "tree", "five and six"),
        ("kept", "tree", None), ("kept", "tree", None), ("traced", "tree", None),
        ("fails_on", "tree", "fails_on"), ("fails_on", "tree", "fails_on"), ("last", "tree", None),
    ]  # fmt: skip
    again = [a.state for a in handle.actions if a.state.short == "kept"][1]
    assert (again.cache, again.attempts) == ("hit", ())


@pytest.mark.parametrize("kind", [LocalBackend, FakeBackend])
def test_it_has_the_shape_of_a_place(kind):
    place = kind()

    assert isinstance(place, Backend)
    assert place.name
    asyncio.run(place.close())
    asyncio.run(place.close())
