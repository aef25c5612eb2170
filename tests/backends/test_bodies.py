"""Bodies are stopped in the user's code only, each by itself, and threads are reused."""

import asyncio
import copy
import importlib
import sys
import threading
import time

import pytest

from flyte_jupyter.backends.bodies import Bodies, Body, Stopped, bodies
from flyte_jupyter.backends.threads import Threads, in_thread, threads


def spin(until=lambda: False):
    while not until():
        time.sleep(0.001)


def on_thread(work):
    """Run work on a thread; gives the thread and what it raised."""
    raised = []

    def run():
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def entered(run, inside, ready, body=None):
    body = body or Body(run)
    bodies.enter(body)
    try:
        bodies.uncover(body)
        ready.set()
        inside()
    finally:
        bodies.leave(body)


def test_stopping_a_run_stops_its_bodies_and_no_others():
    ready = [threading.Event(), threading.Event()]
    done = threading.Event()
    mine, raised = on_thread(lambda: entered("mine", spin, ready[0]))
    other, nothing = on_thread(lambda: entered("other", lambda: spin(done.is_set), ready[1]))
    for one in ready:
        one.wait(5)

    bodies.stop("mine")

    mine.join(5)
    assert isinstance(raised[0], Stopped)
    assert other.is_alive()
    done.set()
    other.join(5)
    assert nothing == []


def test_a_covered_body_is_stopped_when_it_goes_on():
    covered, go = threading.Event(), threading.Event()
    steps = []

    def inside():
        body = bodies.cover_current()
        covered.set()
        go.wait(5)  # the engine's own steps
        steps.append("not cut in two")
        bodies.uncover(body)
        steps.append("went on")

    thread, raised = on_thread(lambda: entered("run", inside, threading.Event()))
    covered.wait(5)
    bodies.stop("run")
    go.set()
    thread.join(5)

    assert steps == ["not cut in two"]
    assert isinstance(raised[0], Stopped)


def test_a_body_that_was_abandoned_before_it_began_does_not_begin():
    body = Body("run")
    bodies.abandon(body)

    thread, raised = on_thread(lambda: entered("run", spin, threading.Event(), body))

    thread.join(5)
    assert isinstance(raised[0], Stopped)


def test_abandoning_an_ended_body_does_not_hit_the_next_one_of_its_thread():
    first = Body("run")
    ready = threading.Event()
    done = threading.Event()

    def both():
        entered("run", lambda: None, threading.Event(), first)
        entered("run", lambda: spin(done.is_set), ready)

    thread, raised = on_thread(both)
    ready.wait(5)
    bodies.abandon(first)
    time.sleep(0.05)
    done.set()
    thread.join(5)

    assert raised == []


def test_stopping_an_outer_body_stops_what_it_runs_inside():
    ready = threading.Event()

    def inside():
        bodies.cover_current()
        entered("inner", spin, ready)

    thread, raised = on_thread(lambda: entered("outer", inside, threading.Event()))
    ready.wait(5)
    bodies.stop("outer")
    thread.join(5)

    assert isinstance(raised[0], Stopped)
    assert not bodies._top


def test_a_stopped_body_cannot_call_on():
    def inside():
        bodies.stop("run")  # from within: nothing is raised here
        bodies.check()

    thread, raised = on_thread(lambda: entered("run", inside, threading.Event()))
    thread.join(5)

    assert isinstance(raised[0], Stopped)


def test_without_a_body_there_is_nothing_to_cover():
    assert Bodies().cover_current() is None
    bodies.uncover(None)
    bodies.check()


def test_idle_threads_are_used_again():
    pool = Threads()
    names, done = [], threading.Semaphore(0)

    for _ in range(3):
        pool.start(lambda: (names.append(threading.get_ident()), done.release()))
        done.acquire(timeout=5)
        time.sleep(0.02)

    assert len(set(names)) == 1


async def test_a_function_on_a_thread_gives_its_result_or_its_error():
    async def call(func):
        body = Body("run")

        def run():
            bodies.enter(body)
            try:
                bodies.uncover(body)
                return func()
            finally:
                bodies.leave(body)

        return await in_thread(run, body)

    assert await call(lambda: threading.current_thread().name) != threading.current_thread().name
    with pytest.raises(ZeroDivisionError):
        await call(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await call(lambda: next(iter(())))

    task = asyncio.create_task(call(spin))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    end = time.monotonic() + 5
    while bodies._top and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert not bodies._top


async def test_a_function_that_never_got_a_thread_is_not_called(monkeypatch):
    later = []
    monkeypatch.setattr(threads, "start", later.append)
    body, ran = Body("run"), []

    def run():
        bodies.enter(body)
        try:
            bodies.uncover(body)
            ran.append(True)
        finally:
            bodies.leave(body)

    task = asyncio.create_task(in_thread(run, body))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    later[0]()

    assert ran == []


KEEPING = """
import threading

lock = threading.Lock()


def step():
    lock.acquire()
    for _ in range(2000):
        pass
    lock.release()
"""


@pytest.fixture
def keeping(tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "keeping.py").write_text(KEEPING)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    yield importlib.import_module("keeping")
    sys.modules.pop("keeping")


def test_no_lock_of_a_library_stays_locked(keeping):
    def work():
        while True:
            keeping.step()
            for _ in range(2000):
                pass

    def started(ready):
        return on_thread(lambda: entered("mine", work, ready))

    for _ in range(20):
        thread, raised = started(ready := threading.Event())
        ready.wait(5)
        bodies.stop("mine")
        thread.join(5)
        assert isinstance(raised[0], Stopped)
        assert keeping.lock.acquire(timeout=1)
        keeping.lock.release()


def test_a_body_that_waits_for_events_again_and_again_is_stopped():
    ready, never = threading.Event(), threading.Event()
    thread, raised = on_thread(lambda: entered("mine", lambda: spin(lambda: never.wait(0.01)), ready))
    ready.wait(5)

    bodies.stop("mine")

    thread.join(2)
    assert isinstance(raised[0], Stopped)
    never.set()
    assert never.wait(1)


def test_a_body_that_stays_in_a_library_is_stopped_too():
    deep = [[] for _ in range(10**6)]
    ready = threading.Event()

    def work():
        while True:
            copy.deepcopy(deep)

    thread, raised = on_thread(lambda: entered("mine", work, ready))
    ready.wait(5)
    bodies.stop("mine")
    thread.join(5)
    assert isinstance(raised[0], Stopped)
