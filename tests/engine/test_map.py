"""``flyte.map``: results in order, really parallel, as many at once as allowed, inputs taken as needed."""

import asyncio
import gc
import itertools
import threading
import time
from functools import partial

import pytest

import flyte_jupyter as flyte


class Peak:
    """Counts how many bodies are inside at once."""

    def __init__(self):
        self._lock = threading.Lock()
        self.now = self.most = self.total = 0

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1


@pytest.fixture
def peak():
    return Peak()


@pytest.fixture
def slow(env, peak):
    @env.task
    def slow(x: int) -> int:
        with peak:
            time.sleep(0.02)
        return 10 * x

    return slow


@pytest.fixture
def a_slow(env, peak):
    @env.task
    async def a_slow(x: int) -> int:
        with peak:
            await asyncio.sleep(0.02)
        return 10 * x

    return a_slow


def in_task(env, body):
    """Run a plain function as the root task of a run."""

    @env.task
    def root() -> object:
        return body()

    return flyte.run(root).outputs()[0]


def a_in_task(env, body):
    @env.task
    async def root() -> object:
        return await body()

    return flyte.run(root).outputs()[0]


def test_results_are_in_the_order_of_the_inputs(env):
    @env.task
    def later_is_faster(x: int) -> int:
        time.sleep(0.05 - x / 1000)
        return x

    assert in_task(env, lambda: list(flyte.map(later_is_faster, range(20)))) == list(range(20))


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_as_many_synchronous_bodies_at_once_as_allowed(env, slow, peak, concurrency):
    results = in_task(env, lambda: list(flyte.map(slow, range(20), concurrency=concurrency)))

    assert results == [10 * x for x in range(20)]
    assert peak.most == concurrency


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_as_many_asynchronous_bodies_at_once_as_allowed(env, a_slow, peak, concurrency):
    results = in_task(env, lambda: list(flyte.map(a_slow, range(20), concurrency=concurrency)))

    assert results == [10 * x for x in range(20)]
    assert peak.most == concurrency


@pytest.mark.parametrize("which", ["slow", "a_slow"])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_aio_allows_as_many_at_once(env, peak, which, concurrency, request):
    task = request.getfixturevalue(which)

    async def body():
        return [x async for x in flyte.map.aio(task, range(10), concurrency=concurrency)]

    assert a_in_task(env, body) == [10 * x for x in range(10)]
    assert peak.most == concurrency


def test_slow_bodies_run_side_by_side_without_being_asked(env, slow, peak):
    in_task(env, lambda: list(flyte.map(slow, range(16))))

    assert peak.most >= 4


def test_inputs_are_taken_as_they_are_needed(env, slow):
    taken = itertools.count()

    def body():
        results = flyte.map(slow, (next(taken) for _ in itertools.repeat(None)), concurrency=2)
        return [next(results) for _ in range(3)]

    assert in_task(env, body) == [0, 10, 20]
    assert next(taken) <= 3 + 2 * 2


def test_nothing_is_taken_before_the_first_result_is_asked_for(env, slow):
    taken = []

    def body():
        flyte.map(slow, (taken.append(x) or x for x in range(3)))
        return len(taken)

    assert in_task(env, body) == 0


@pytest.mark.parametrize("which", ["slow", "a_slow"])
def test_with_one_at_a_time_the_next_input_is_taken_after_the_last_result(env, which, request):
    task = request.getfixturevalue(which)
    order = []

    def inputs():
        for x in range(3):
            order.append(f"take {x}")
            yield x

    def body():
        for result in flyte.map(task, inputs(), concurrency=1):
            order.append(f"give {result // 10}")

    in_task(env, body)

    assert order.index("give 0") < order.index("take 2")


def test_infinite_inputs_end_when_the_reader_has_enough(env, slow):
    def body():
        return list(itertools.islice(flyte.map(slow, itertools.count(), concurrency=3), 5))

    assert in_task(env, body) == [0, 10, 20, 30, 40]


async def _some(results, count):
    out = []
    async for x in results:
        out.append(x)
        if len(out) == count:
            break
    await results.aclose()
    return out


def test_infinite_inputs_end_when_the_asynchronous_reader_has_enough(env, a_slow):
    assert a_in_task(env, lambda: _some(flyte.map.aio(a_slow, itertools.count(), concurrency=3), 5)) == [
        0, 10, 20, 30, 40,
    ]  # fmt: skip


@pytest.fixture
def picky(env):
    @env.task
    def picky(x: int) -> int:
        if x == 2:
            raise ValueError("not two")
        return x

    return picky


@pytest.fixture
def a_picky(env):
    @env.task
    async def a_picky(x: int) -> int:
        if x == 2:
            raise ValueError("not two")
        return x

    return a_picky


@pytest.mark.parametrize("which", ["picky", "a_picky"])
def test_a_failure_is_raised_in_its_place(env, which, request):
    task, got = request.getfixturevalue(which), []

    def body():
        got.extend(flyte.map(task, range(5)))

    with pytest.raises(ValueError, match="not two"):
        in_task(env, lambda: [got.append(x) for x in flyte.map(task, range(5))])

    assert got == [0, 1]


@pytest.mark.parametrize("which", ["picky", "a_picky"])
def test_failures_are_given_in_their_places_if_asked_for(env, which, request):
    task = request.getfixturevalue(which)

    results = in_task(env, lambda: list(map(repr, flyte.map(task, range(4), return_exceptions=True))))

    assert results == ["0", "1", "ValueError('not two')", "3"]


@pytest.mark.parametrize("which", ["picky", "a_picky"])
def test_aio_gives_failures_as_asked(env, which, request):
    task = request.getfixturevalue(which)

    async def body():
        return [repr(x) async for x in flyte.map.aio(task, range(4), return_exceptions=True)]

    assert a_in_task(env, body) == ["0", "1", "ValueError('not two')", "3"]


@pytest.mark.parametrize("which", ["picky", "a_picky"])
async def test_failures_that_nobody_waits_for_make_no_noise(env, which, request, caplog):
    task = request.getfixturevalue(which)

    @env.task
    async def root() -> None:
        async for _ in flyte.map.aio(task, [2] * 20):
            pass

    with pytest.raises(ValueError, match="not two"):
        await flyte.run.aio(root)

    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("which", ["slow", "a_slow"])
def test_inputs_that_fail_give_the_results_before_them_first(env, which, request):
    task, got = request.getfixturevalue(which), []

    def inputs():
        yield 1
        yield 2
        raise LookupError("no third")

    with pytest.raises(LookupError, match="no third"):
        in_task(env, lambda: [got.append(x) for x in flyte.map(task, inputs())])

    assert got == [10, 20]


def test_several_iterables_go_together(env):
    @env.task
    def add(x: int, y: int) -> int:
        return x + y

    assert in_task(env, lambda: list(flyte.map(add, [1, 2, 3], [10, 20]))) == [11, 22]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_partial_gives_some_inputs_once(env, kind):
    @env.task
    def add(x: int, y: int, z: int = 0) -> int:
        return x + 10 * y + 100 * z

    @env.task
    async def a_add(x: int, y: int, z: int = 0) -> int:
        return x + 10 * y + 100 * z

    task = partial(add if kind == "sync" else a_add, 1, z=2)

    assert in_task(env, lambda: list(flyte.map(task, [3, 4]))) == [231, 241]


def test_maps_inside_of_maps(env):
    @env.task
    async def leaf(x: int) -> int:
        return x

    @env.task
    def inner(x: int) -> list[int]:
        return list(flyte.map(leaf, range(x)))

    @env.task
    async def middle(x: int) -> list[list[int]]:
        return [y async for y in flyte.map.aio(inner, range(x))]

    results = in_task(env, lambda: list(flyte.map(middle, range(4))))

    assert results == [[list(range(i)) for i in range(n)] for n in range(4)]


@pytest.mark.parametrize("which", ["slow", "a_slow"])
def test_a_map_that_is_left_half_way_ends_with_its_run(env, which, request):
    task = request.getfixturevalue(which)

    @env.task
    def root() -> int:
        return next(flyte.map(task, range(50)))

    run = flyte.run(root)

    assert run.outputs() == (0,)
    assert all(action.phase.terminal for action in run.state.actions.values())


def test_actions_of_a_map_are_in_a_group_named_after_the_task(env, slow):
    @env.task
    def root() -> int:
        return sum(flyte.map(slow, range(3))) + sum(flyte.map(slow, range(2), group_name="again"))

    run = flyte.run(root)

    assert [a.group for a in run.actions] == [None, *["slow"] * 3, *["again"] * 2]


def test_outside_of_a_run_it_maps_the_plain_function(slow, a_slow):
    assert list(flyte.map(slow, range(3))) == list(flyte.map(a_slow, range(3))) == [0, 10, 20]


async def test_in_a_notebook_it_maps_the_plain_function(slow, a_slow):
    assert [x async for x in flyte.map.aio(slow, range(3))] == [0, 10, 20]
    assert list(flyte.map(a_slow, range(3))) == [0, 10, 20]


def test_empty_inputs_give_nothing(slow, a_slow):
    assert list(flyte.map(slow, [])) == list(flyte.map(a_slow, [])) == []


def test_what_cannot_be_mapped_is_said_at_once(slow):
    with pytest.raises(TypeError, match="decorate it with @env.task"):
        flyte.map(len, [1])
    with pytest.raises(TypeError, match="nothing to map over"):
        flyte.map(slow)
    with pytest.raises(flyte.errors.DefinitionError, match="concurrency=-1"):
        flyte.map(slow, [1], concurrency=-1)


def test_a_wrong_input_names_the_task_and_the_input(env, slow):
    with pytest.raises(flyte.errors.RuntimeDataValidationError, match=r"test.slow: input 'x'.*expected int"):
        in_task(env, lambda: list(flyte.map(slow, ["no number"])))


class Halt(BaseException):
    """Something that no ``except Exception`` catches."""


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_base_exception_in_a_body_comes_out_of_the_map(env, concurrency, capsys):
    @env.task
    def halts(x: int) -> int:
        time.sleep(0.01)
        if x == 5:
            raise Halt("stop")
        return x

    with pytest.raises(Halt, match="stop"):
        in_task(env, lambda: list(flyte.map(halts, range(8), concurrency=concurrency)))

    assert "Traceback" not in capsys.readouterr().err
