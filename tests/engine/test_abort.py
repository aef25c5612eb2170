"""Runs are stopped from other threads, by their handles and by the keyboard; nothing hangs, all is on record."""

import asyncio
import threading
import time

import engine_scripts as scripts
import pytest

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process

GRACE = 2.5


class Caller:
    """Runs a task on a thread, as a cell does, and keeps what came of it."""

    def __init__(self, task, *args):
        self.began = threading.Event()
        self.error = None
        self.handle = None
        undo = process.observe(self._see)
        self._thread = threading.Thread(target=self._run, args=(task, args))
        self._thread.start()
        assert self.began.wait(10)
        undo()

    def _see(self, run):
        self.handle = run
        self.began.set()

    def _run(self, task, args):
        try:
            flyte.run(task, *args)
        except BaseException as error:
            self.error = error

    def joined(self, timeout=GRACE):
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the run did not stop"
        return self.error


@pytest.fixture
def at():
    """Set by a body when it is where it shall be stopped."""
    return threading.Event()


@pytest.fixture
def bodies(env, at):
    @env.task
    def s_busy() -> None:
        at.set()
        while True:
            time.sleep(0.01)

    @env.task
    async def a_waits() -> None:
        at.set()
        await asyncio.sleep(3600)

    @env.task
    async def a_busy() -> None:
        at.set()
        while True:  # no await: the loop is blocked
            time.sleep(0.01)

    @env.task
    def s_maps_sync() -> None:
        list(flyte.map(s_slot, range(8), concurrency=4))

    @env.task
    def s_slot(x: int) -> None:
        at.set()
        while True:
            time.sleep(0.01)

    @env.task
    async def a_slot(x: int) -> None:
        at.set()
        await asyncio.sleep(3600)

    @env.task
    def s_maps_async() -> None:
        list(flyte.map(a_slot, range(8)))

    @env.task
    async def a_maps_sync() -> None:
        async for _ in flyte.map.aio(s_slot, range(8)):
            pass

    @env.task
    async def a_gathers() -> None:
        await asyncio.gather(*(a_slot(i) for i in range(8)))

    @env.task
    async def a_calls_sync() -> None:
        s_busy()

    @env.task
    async def a_awaits_sync() -> None:
        await s_busy.aio()

    @env.task
    def s_in_a_loop_of_its_own() -> None:
        asyncio.run(a_waits())

    @env.task(retries=flyte.RetryStrategy(5, flyte.Backoff(3600)))
    def s_pauses() -> None:
        at.set()
        raise ValueError("again")

    @env.task(retries=flyte.RetryStrategy(5, flyte.Backoff(3600)))
    async def a_pauses() -> None:
        at.set()
        raise ValueError("again")

    @env.task
    def s_calls_pausing() -> None:
        s_pauses()

    @env.task
    def s_runs_a_run() -> None:
        flyte.run(s_busy)

    @env.task
    def s_runs_an_async_run() -> None:
        flyte.run(a_waits)

    @env.task
    def s_deep(n: int = 30) -> None:
        s_deep(n - 1) if n else s_busy()

    return {name: task for name, task in locals().items() if isinstance(task, flyte.TaskTemplate)}


ROOTS = [
    "s_busy", "a_waits", "a_busy", "s_maps_sync", "s_maps_async", "a_maps_sync", "a_gathers", "a_calls_sync",
    "a_awaits_sync", "s_in_a_loop_of_its_own", "s_pauses", "a_pauses", "s_calls_pausing", "s_runs_a_run",
    "s_runs_an_async_run", "s_deep",
]  # fmt: skip


@pytest.mark.parametrize("root", ROOTS)
def test_abort_from_another_thread_ends_everything(bodies, at, root):
    caller = Caller(bodies[root])
    assert at.wait(10)

    caller.handle.abort("enough")

    error = caller.joined()
    assert isinstance(error, flyte.errors.ActionAbortedError)
    state = caller.handle.state
    assert state.phase.value == "ABORTED"
    assert state.root.failure.message == "enough"
    assert all(action.phase.terminal for action in state.actions.values())
    assert caller.handle.done()


def test_after_a_blocked_loop_was_given_up_the_next_run_works(bodies, at, env):
    @env.task
    async def fine() -> int:
        return 1

    caller = Caller(bodies["a_busy"])
    assert at.wait(10)
    caller.handle.abort()
    caller.joined()

    assert flyte.run(fine).outputs() == (1,)


def test_a_body_that_cannot_be_stopped_is_left_behind(env, at):
    let_go = threading.Event()

    @env.task
    async def blocked() -> int:
        at.set()
        let_go.wait(30)  # in one call of C code
        return 1

    @env.task
    async def fine() -> int:
        return 1

    caller = Caller(blocked)
    assert at.wait(10)
    caller.handle.abort()
    try:
        assert isinstance(caller.joined(4), flyte.errors.ActionAbortedError)
        assert caller.handle.phase.value == "ABORTED"
        assert flyte.run(fine).outputs() == (1,)
    finally:
        let_go.set()


def test_every_handle_of_a_run_can_stop_it(bodies, at):
    caller = Caller(bodies["s_busy"])
    assert at.wait(10)

    flyte.Run.get(caller.handle.name).abort("found by name")

    assert isinstance(caller.joined(), flyte.errors.ActionAbortedError)
    assert caller.handle.state.root.failure.message == "found by name"


def test_a_task_aborts_its_own_run(env):
    @env.task
    def child() -> None:
        pass

    @env.task
    def gives_up() -> None:
        flyte.Run.get(flyte.ctx().action.run_name).abort("no use")
        child()
        raise AssertionError("went on")

    with pytest.raises(flyte.errors.ActionAbortedError):
        flyte.run(gives_up)

    run = next(flyte.Run.listall())
    assert run.state.root.failure.message == "no use"


def test_aborting_what_has_ended_changes_nothing(env):
    @env.task
    def quick() -> int:
        return 1

    run = flyte.run(quick)
    run.abort()

    assert run.phase.value == "SUCCEEDED"
    assert run.outputs() == (1,)


def test_bodies_clean_up_when_they_are_cancelled(env, at):
    began, cleaned = [], []

    @env.task
    async def careful() -> None:
        began.append(True)
        if len(began) == 2:
            at.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.3)
            cleaned.append(True)

    @env.task
    async def parent() -> None:
        await asyncio.gather(careful(), careful())

    caller = Caller(parent)
    assert at.wait(10)
    caller.handle.abort()
    caller.joined()

    assert cleaned == [True, True]


def test_a_run_that_is_stopped_at_its_beginning_never_begins(env):
    ran = []

    @env.task
    async def body() -> None:
        ran.append(True)

    undo = process.observe(lambda run: run.abort("not now"))
    try:
        with pytest.raises(flyte.errors.ActionAbortedError):
            flyte.run(body)
    finally:
        undo()

    assert ran == []
    assert next(flyte.Run.listall()).phase.value == "ABORTED"


async def test_cancelling_the_caller_stops_the_run(env, at):
    ended = []

    @env.task
    async def body() -> None:
        at.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    task = asyncio.create_task(flyte.run.aio(body))
    while not at.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ended == [True]
    assert next(flyte.Run.listall()).phase.value == "ABORTED"


async def test_an_aborted_run_does_not_cancel_who_awaits_it(env, at):
    @env.task
    async def body() -> None:
        at.set()
        await asyncio.sleep(3600)

    task = asyncio.create_task(flyte.run.aio(body))
    while not at.is_set():
        await asyncio.sleep(0.01)
    next(flyte.Run.listall()).abort()

    with pytest.raises(flyte.errors.ActionAbortedError):
        await task


SCRIPTS = {
    "sync root": """
        @env.task
        def root() -> None:
            say("ready")
            time.sleep(3600)
        """,
    "async root": """
        @env.task
        async def root() -> None:
            say("ready")
            await asyncio.sleep(3600)
        """,
    "blocked async root": """
        @env.task
        async def root() -> None:
            say("ready")
            while True:
                time.sleep(0.01)
        """,
    "map of sync": """
        @env.task
        def slot(x: int) -> None:
            if x == 3:
                say("ready")
            while True:
                time.sleep(0.01)
        @env.task
        def root() -> None:
            list(flyte.map(slot, range(8), concurrency=4))
        """,
    "map of async": """
        @env.task
        async def slot(x: int) -> None:
            if x == 7:
                say("ready")
            await asyncio.sleep(3600)
        @env.task
        def root() -> None:
            list(flyte.map(slot, range(8)))
        """,
    "retry pause": """
        @env.task(retries=flyte.RetryStrategy(3, flyte.Backoff(3600)))
        def root() -> None:
            say("ready")
            raise ValueError
        """,
    "nested": """
        @env.task
        async def waits() -> None:
            say("ready")
            await asyncio.sleep(3600)
        @env.task
        def middle() -> None:
            asyncio.run(waits())
        @env.task
        def root() -> None:
            middle()
        """,
    "sync body with a limit": """
        @env.task(timeout=3600)
        def root() -> None:
            say("ready")
            while True:
                time.sleep(0.01)
        """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_keyboard_interrupts(name, tmp_path):
    code = (
        SCRIPTS[name]
        + """
        started = time.monotonic()
        try:
            flyte.run(root)
        except KeyboardInterrupt:
            say("interrupted")
        run = next(flyte.Run.listall())
        say(run.phase.value, run.state.root.failure.message)
        say(all(a.phase.terminal for a in run.state.actions.values()))

        @env.task
        async def after() -> int:
            return 1
        say(flyte.run(after).outputs()[0])
        """
    )

    out, err = scripts.interrupt(code, tmp_path)

    assert out.splitlines()[-4:] == [
        "interrupted", "ABORTED interrupted from the keyboard", "True", "1",
    ], err  # fmt: skip
