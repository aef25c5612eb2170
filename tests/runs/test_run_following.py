"""A run can be followed while it goes on, in this process and from another."""

import asyncio
import subprocess
import threading

import pytest
import workers
from eventlogs import Clock, simple, wide

from flyte_jupyter.errors import RunNotFoundError
from flyte_jupyter.runs.events import ActionSucceeded
from flyte_jupyter.runs.store import RunStore


async def test_following_gives_all_events_up_to_the_runs_end(store):
    events = list(wide(50))
    store.append(events[0])

    async def write():
        for event in events[1:]:
            store.append(event)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    found = [pair async for pair in store.follow("r1")]
    await writing

    assert [event for _, event in found] == events
    assert [event async for _, event in store.follow("r1", after=found[-2][0])] == events[-1:]
    assert [pair async for pair in store.follow("r1", after=found[-1][0])] == []


async def test_following_an_unknown_run_is_an_error(store):
    with pytest.raises(RunNotFoundError):
        await anext(store.follow("nothing"))


async def test_another_processs_run_is_followed_to_its_interruption(folder):
    child = workers.start("begin", folder, "r1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    store = RunStore(folder)
    assert store.wait("r1", 1, timeout=60)
    kinds = []

    async for _, event in store.follow("r1"):
        kinds.append(event.kind)
        if event.kind == "queued":
            child.kill()
            child.wait()

    assert kinds == ["run", "queued", "interrupted"]
    child.stdin.close()
    child.stdout.close()
    store.end()


def test_waiting_ends_with_the_next_event_or_the_time(store):
    e = Clock("r1")
    for event in e.begin():
        store.append(event)
    last = store.last("r1")

    assert store.wait("r1", 0)
    assert not store.wait("r1", last, timeout=0.01)
    thread = threading.Thread(target=lambda: store.append(e(ActionSucceeded)))
    thread.start()
    assert store.wait("r1", last, timeout=30)
    thread.join()


async def test_settled_waits_until_what_came_in_is_in_the_database(store):
    for event in simple():
        store.append(event)

    await store.settled()

    assert len(store.ask("SELECT * FROM events")) == 1
    await store.settled()
