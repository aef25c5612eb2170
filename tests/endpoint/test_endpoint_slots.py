"""Slots are handed out in order, never more than there are, and none is lost when somebody gives up."""

import asyncio

from flyte_jupyter.endpoint.bounds import Bounds
from flyte_jupyter.endpoint.slots import Slots


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_slots_are_handed_out_in_order():
    slots, got = Slots(2), []

    async def want(name):
        await slots.take(name)
        got.append(name)

    wants = [asyncio.create_task(want(name)) for name in "abcd"]
    await settled()
    assert got == ["a", "b"]
    slots.leave("a")
    await settled()
    assert got == ["a", "b", "c"]
    slots.leave("b")
    await asyncio.gather(*wants)
    assert got == ["a", "b", "c", "d"]


async def test_who_comes_between_waking_and_holding_gets_none():
    slots = Slots(1)
    await slots.take("a")
    waiting = asyncio.create_task(slots.take("b"))
    await settled()
    slots.leave("a")  # b is woken and has not run yet
    late = asyncio.create_task(slots.take("c"))
    await settled()
    assert waiting.done()
    assert not late.done()
    slots.leave("b")
    await late


async def test_who_gives_up_passes_the_slot_on():
    slots = Slots(1)
    await slots.take("a")
    gives_up, next_one = asyncio.create_task(slots.take("b")), asyncio.create_task(slots.take("c"))
    await settled()
    slots.leave("a")
    gives_up.cancel()  # although it was just woken
    await next_one
    assert gives_up.cancelled()


async def test_lent_slots_are_used_by_others():
    slots = Slots(1)
    await slots.take("parent")
    child = asyncio.create_task(slots.take("child"))
    await settled()
    assert not child.done()
    slots.lend("parent")
    await child
    slots.leave("child")
    slots.back("parent")
    late = asyncio.create_task(slots.take("other"))
    await settled()
    assert not late.done()
    slots.leave("parent")
    await late


def test_pauses_grow_up_to_the_longest():
    usual = Bounds(attempts=9)
    assert [usual.pause_before(n) for n in (2, 3, 4)] == [0.5, 1.0, 2.0]
    assert usual.pause_before(100) == 60.0
    own = Bounds(attempts=9, pause=1.0, factor=3.0, longest=5.0)
    assert [own.pause_before(n) for n in (2, 3, 4)] == [1.0, 3.0, 5.0]
