"""Tasks wait for the cores, the memory and the GPUs of this machine; what it will never have is refused."""

import asyncio
import os
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flyte_jupyter as flyte
from flyte_jupyter.engine.admission import here
from flyte_jupyter.engine.machine import Gpu, Machine, listed
from flyte_jupyter.engine.room import Need, Room
from flyte_jupyter.errors import ActionAbortedError, InsufficientResourcesError

GPUS = (Gpu("0", "Tesla T4"), Gpu("1", "Tesla T4"), Gpu("2", "NVIDIA A100-SXM4-40GB"))


@pytest.fixture(autouse=True)
def room():
    room = Room(Machine(cpu=2000, memory=2**30, gpus=GPUS))
    here.use(room)
    yield room
    assert (room.cpu, room.memory, room._taken) == (2000, 2**30, set()), "something was not given back"
    here.use(None)


class Together:
    """Counts how many bodies run at once."""

    def __init__(self):
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1


@pytest.fixture
def together():
    return Together()


def test_synchronous_bodies_wait_for_cores(env, together):
    @env.task(resources=flyte.Resources(cpu=1))
    def busy(x: int) -> int:
        with together:
            time.sleep(0.02)
        return x

    @env.task
    def main() -> list[int]:
        return list(flyte.map(busy, range(12), concurrency=8))

    run = flyte.run(main)

    assert run.outputs()[0] == list(range(12))
    assert together.most == 2
    waits = [a.state.attempts[0].started - a.state.queued for a in run.actions if a.name != "a0"]
    assert max(waits) > 0.02, "the time in the queue is on record"


@pytest.mark.parametrize("asked", [{"memory": "512Mi"}, {"gpu": "T4:1"}, {"cpu": "1500m", "memory": "1Mi"}])
def test_asynchronous_bodies_wait_for_each_kind(env, together, asked):
    @env.task(resources=flyte.Resources(**asked))
    async def busy(x: int) -> int:
        with together:
            await asyncio.sleep(0.01)
        return x

    @env.task
    async def main() -> list[int]:
        return list(await asyncio.gather(*(busy(x) for x in range(8))))

    assert flyte.run(main).outputs()[0] == list(range(8))
    assert together.most == (1 if "cpu" in asked else 2)


def test_a_parent_that_waits_for_children_holds_nothing(env):
    whole = flyte.Resources(cpu=2, memory="1Gi", gpu=3)

    @env.task(resources=whole)
    def leaf(x: int) -> int:
        return x

    @env.task(resources=whole)
    def sync_parent(x: int) -> int:
        return sum(flyte.map(leaf, range(x))) + leaf(1)

    @env.task(resources=whole)
    async def async_parent(x: int) -> int:
        parts = await asyncio.gather(*(sync_parent.aio(n) for n in range(x)))
        return sum(parts) + await sync_parent.aio(2)

    assert flyte.run(async_parent, 3).outputs()[0] == (0 + 0 + 1 + 3) + 2


def test_a_parent_holds_its_own_gpus_again_when_it_goes_on(env):
    @env.task(resources=flyte.Resources(gpu="T4:1"))
    def leaf() -> str:
        return os.environ["CUDA_VISIBLE_DEVICES"]

    @env.task(resources=flyte.Resources(gpu="A100:1"))
    def parent() -> list[str]:
        before = os.environ["CUDA_VISIBLE_DEVICES"]
        return [before, leaf(), os.environ["CUDA_VISIBLE_DEVICES"]]

    assert flyte.run(parent).outputs()[0] == ["2", "0", "2"]


def test_gpus_are_given_to_one_at_a_time(env):
    @env.task(resources=flyte.Resources(gpu="T4:1"))
    async def busy(x: int) -> str:
        await asyncio.sleep(0.02)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    @env.task
    async def main() -> list[str]:
        return list(await asyncio.gather(*(busy(x) for x in range(4))))

    seen = flyte.run(main).outputs()[0]
    assert set(seen) == {"0", "1"}
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"cpu": 3}, "cpu=3, and this machine has 2; oversubscription"),
        ({"memory": ("2Gi", "4Gi")}, "memory='2Gi', and this machine has 1Gi"),
        ({"gpu": "A100:2"}, "gpu='A100:2', and this machine has Tesla T4, Tesla T4, NVIDIA A100"),
        ({"gpu": "H100:1"}, "gpu='H100:1'"),
        ({"gpu": flyte.GPU("A100", 1, "1g.5gb")}, "partition='1g.5gb'"),
    ],
)
def test_what_will_never_be_is_refused_at_once(env, asked, told):
    @env.task(resources=flyte.Resources(**asked), retries=3)
    async def greedy() -> int:
        return 1

    with pytest.raises(InsufficientResourcesError) as failure:
        flyte.run(greedy)
    assert told in str(failure.value)


def test_oversubscription_hands_out_more(env):
    @env.task(resources=flyte.Resources(cpu=3))
    def greedy() -> int:
        return 1

    here.use(crowded := Room(Machine(cpu=2000, memory=2**30, gpus=()), 1.5))
    assert flyte.run(greedy).outputs() == (1,)
    assert crowded.cpu == 3000


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_run_that_waits_can_be_stopped(env, room, colour):
    claim = room.ask(Need(cpu=2000), lambda: None)
    began = threading.Event()

    @env.task(resources=flyte.Resources(cpu=1))
    def waits() -> int:
        return 1

    @env.task(resources=flyte.Resources(cpu=1))
    async def a_waits() -> int:
        return 1

    @env.task
    async def main() -> int:
        began.set()
        return await (waits.aio() if colour == "sync" else a_waits())

    def call():
        with pytest.raises(ActionAbortedError):
            flyte.with_runcontext(name=f"waits-{colour}").run(main)
        stopped.set()

    stopped = threading.Event()
    thread = threading.Thread(target=call)
    thread.start()
    began.wait(5)
    flyte.remote.Run.get(f"waits-{colour}").abort()
    thread.join(5)
    assert stopped.is_set()
    room.leave(claim)


def test_waiting_counts_as_time_in_the_queue(env, room):
    claim = room.ask(Need(cpu=2000), lambda: None)

    @env.task(resources=flyte.Resources(cpu=1), timeout=flyte.Timeout(max_runtime=9, max_queued_time=0.1))
    async def waits() -> int:
        return 1

    with pytest.raises(flyte.errors.MaxQueuedTimeExceededError):
        flyte.run(waits)
    room.leave(claim)


def test_a_failing_child_leaves_its_parent_with_what_it_held(env, room):
    @env.task(resources=flyte.Resources(cpu=2))
    def fails() -> int:
        raise KeyError("no")

    @env.task(resources=flyte.Resources(cpu=2))
    def parent() -> int:
        with pytest.raises(KeyError):
            fails()
        return room.cpu

    assert flyte.run(parent).outputs()[0] == 0


def test_a_worker_process_waits_and_lends_too(env):
    @env.task(resources=flyte.Resources(cpu=2))
    def leaf(x: int) -> int:
        return x + 1

    @env.task(resources=flyte.Resources(cpu=2))
    def parent() -> int:
        return leaf(1) + leaf(2)

    assert flyte.with_runcontext(isolation="process").run(parent).outputs()[0] == 5


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2**30), st.integers(0, 3)), max_size=12),
    st.randoms(),
)
def test_nothing_is_handed_out_twice_and_everybody_is_served_in_order(needs, random):
    room = Room(Machine(cpu=2000, memory=2**30, gpus=GPUS))
    claims = [room.ask(Need(*need), lambda: None) for need in needs]
    served = []
    while len(served) < len(claims):
        inside = [claim for claim in claims if claim.granted]
        assert sum(c.need.cpu for c in inside) + room.cpu == 2000
        assert sum(c.need.memory for c in inside) + room.memory == 2**30
        given_out = [gpu for c in inside for gpu in c.gpus]
        assert len(given_out) == len(set(given_out)) == sum(c.need.gpus for c in inside)
        assert inside, "somebody always goes on"
        room.leave(gone := random.choice(inside))
        served.append(gone)
        waiting = [c for c in claims if not c.granted and c not in served]
        assert all(claims.index(c) < claims.index(w) for c in served for w in waiting)
    assert (room.cpu, room.memory, room._taken) == (2000, 2**30, set())


LISTING = """\
GPU 0: Tesla T4 (UUID: GPU-11111111-0d3b-0b3a-7a2f-1a2b3c4d5e6f)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-22222222-0d3b-0b3a-7a2f-1a2b3c4d5e6f)
  MIG 3g.20gb     Device  0: (UUID: MIG-33333333-0d3b-0b3a-7a2f-1a2b3c4d5e6f)
  MIG 1g.5gb      Device  1: (UUID: MIG-44444444-0d3b-0b3a-7a2f-1a2b3c4d5e6f)
"""
PARTS = ["MIG-33333333-0d3b-0b3a-7a2f-1a2b3c4d5e6f", "MIG-44444444-0d3b-0b3a-7a2f-1a2b3c4d5e6f"]


@pytest.mark.parametrize(
    ("visible", "indexes"),
    [
        (None, ["0", *PARTS]),
        ("0", ["0"]),
        ("1", PARTS),
        ("GPU-1111", ["0"]),
        ("MIG-4444", PARTS[1:]),
        ("", []),
        ("-1", []),
    ],
)
def test_the_listing_of_the_driver_is_read(visible, indexes):
    found = listed(LISTING, visible)

    assert [gpu.index for gpu in found] == indexes
    assert all(gpu.partition in ("3g.20gb", "1g.5gb") for gpu in found if gpu.index.startswith("MIG"))


def test_this_machine_has_something():
    machine = Machine()
    assert 0 < machine.cpu <= 1000 * os.cpu_count()
    assert machine.memory > 2**28
    assert isinstance(machine.gpus, tuple)
