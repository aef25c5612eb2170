"""However a body ends, its run has ended, the caller gets the exception itself, and the record says why."""

import asyncio
import traceback

import pytest

import flyte_jupyter as flyte


class Silent(Exception):
    """Cannot say what it is."""

    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


class Halt(BaseException):
    """Nothing that ``except Exception`` catches."""


class Unpicklable(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.handle = (x for x in ())

    def __reduce__(self):
        raise TypeError("never")


@pytest.fixture(params=["sync", "async", "child of sync", "child of async", "awaited child", "in a map"])
def failing(request, env):
    """Make a run of a body that raises: the body in each colour, as the root and further down."""

    def run(make_error):
        def raising():
            raise make_error()

        @env.task
        def s_body() -> None:
            raising()

        @env.task
        async def a_body() -> None:
            raising()

        @env.task
        def s_item(x: int) -> None:
            raising()

        @env.task
        def s_parent() -> None:
            s_body()

        @env.task
        async def a_parent() -> None:
            await a_body()

        @env.task
        async def a_awaits() -> None:
            await s_body.aio()

        @env.task
        def s_maps() -> None:
            list(flyte.map(s_item, [1]))

        roots = [s_body, a_body, s_parent, a_parent, a_awaits, s_maps]
        names = ["sync", "async", "child of sync", "child of async", "awaited child", "in a map"]
        flyte.run(dict(zip(names, roots, strict=True))[request.param])

    return run


def ended():
    """The last run's phase and failure; all its actions must have ended."""
    state = next(flyte.Run.listall()).state
    assert all(action.phase.terminal for action in state.actions.values())
    return state.phase.value, state.root.failure


def test_an_exception_comes_out_as_it_is(failing):
    error = ValueError("as it is")

    with pytest.raises(ValueError, match="as it is") as caught:
        failing(lambda: error)

    assert caught.value is error
    phase, failure = ended()
    assert phase == "FAILED"
    assert (failure.code, failure.message, failure.kind) == ("ValueError", "as it is", "user")


def test_the_recorded_traceback_holds_the_users_frames_only(failing):
    with pytest.raises(ValueError, match="mine"):
        failing(lambda: ValueError("mine"))

    _, failure = ended()
    assert "in raising" in failure.traceback
    assert "flyte_jupyter/" not in failure.traceback
    assert "asyncio/" not in failure.traceback


def test_an_exception_that_cannot_say_what_it_is(failing):
    with pytest.raises(Silent):
        failing(Silent)

    phase, failure = ended()
    assert phase == "FAILED"
    assert "RuntimeError" in failure.message
    assert "in raising" in failure.traceback


def test_an_exception_that_cannot_be_pickled(failing):
    with pytest.raises(Unpicklable, match="kept"):
        failing(lambda: Unpicklable("kept"))

    assert ended()[0] == "FAILED"


def test_a_group_of_exceptions(failing):
    with pytest.raises(ExceptionGroup, match="several") as caught:
        failing(lambda: ExceptionGroup("several", [ValueError("one"), KeyError("two")]))

    assert len(caught.value.exceptions) == 2
    phase, failure = ended()
    assert phase == "FAILED"
    assert "ValueError: one" in failure.traceback


def test_sys_exit_is_a_failure_of_the_task(failing):
    with pytest.raises(flyte.errors.RuntimeUserError, match=r"called sys.exit\(3\)"):
        failing(lambda: SystemExit(3))

    assert ended()[0] == "FAILED"


def test_stop_iteration_is_a_failure_like_any_other(failing):
    with pytest.raises(RuntimeError, match="StopIteration"):
        failing(lambda: StopIteration("value"))

    assert ended()[0] == "FAILED"


def test_generator_exit_ends_the_run(failing):
    with pytest.raises((GeneratorExit, flyte.errors.ActionAbortedError)):
        failing(GeneratorExit)

    assert ended()[0] == "ABORTED"


def test_a_base_exception_of_the_users_ends_the_run(failing):
    with pytest.raises(Halt, match="enough"):
        failing(lambda: Halt("enough"))

    phase, failure = ended()
    assert phase == "ABORTED"
    assert failure.message == "Halt"


def test_a_cancelled_error_of_the_body_is_an_abort(failing):
    with pytest.raises(flyte.errors.ActionAbortedError):
        failing(asyncio.CancelledError)

    assert ended()[0] == "ABORTED"


def test_a_keyboard_interrupt_that_a_body_raises_ends_the_run(failing):
    with pytest.raises((KeyboardInterrupt, flyte.errors.TaskInterruptedError)):
        failing(KeyboardInterrupt)

    assert ended()[0] in ("ABORTED", "FAILED")


def test_a_very_long_message_is_shortened(failing):
    with pytest.raises(ValueError, match="xxx"):
        failing(lambda: ValueError("x" * 1_000_000))

    assert len(ended()[1].message) < 30_000


def test_lone_surrogates_are_recorded(failing):
    with pytest.raises(ValueError, match="broken"):
        failing(lambda: ValueError("broken \ud800"))

    assert ended()[1].message.startswith("broken")


async def test_awaited_in_a_notebook_the_same_comes_out(env):
    @env.task
    async def fails() -> None:
        raise Silent

    with pytest.raises(Silent):
        await flyte.run.aio(fails)

    assert ended()[0] == "FAILED"


async def test_awaiting_a_body_that_raises_cancelled_error_does_not_cancel_the_caller(env):
    @env.task
    async def cancels() -> None:
        raise asyncio.CancelledError

    with pytest.raises(flyte.errors.ActionAbortedError):
        await flyte.run.aio(cancels)


def test_the_raised_exception_shows_the_users_frames_then_the_cell(env):
    @env.task
    async def child() -> None:
        raise ValueError("deep")

    @env.task
    def parent() -> None:
        list(flyte.map(child_of, [1]))

    @env.task
    async def child_of(x: int) -> None:
        await child()

    with pytest.raises(ValueError, match="deep") as caught:
        flyte.run(parent)

    files = [f.filename for f in traceback.extract_tb(caught.value.__traceback__)]
    names = [f.name for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == __file__]
    assert files[0] == files[-1] == __file__
    assert names[-1] == "child"
    assert not any("asyncio" in file for file in files)


def test_an_observer_that_fails_does_not_harm_the_run(env, caplog):
    from flyte_jupyter.engine.setup import process

    class Closing:
        def close(self):
            raise RuntimeError("cannot close")

    def fails_at_once(run):
        raise RuntimeError("cannot begin")

    @env.task
    async def fine() -> int:
        return 1

    undo = process.observe(lambda run: Closing()), process.observe(fails_at_once)
    try:
        assert flyte.run(fine).outputs() == (1,)
    finally:
        for one in undo:
            one()

    assert ended()[0] == "SUCCEEDED"
    assert "cannot close" in caplog.text
    assert "cannot begin" in caplog.text


def test_every_way_to_ask_for_the_outputs_of_a_failed_run_raises(env):
    @env.task
    def fails() -> None:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        flyte.run(fails)
    run = next(flyte.Run.listall())

    with pytest.raises(flyte.errors.RuntimeUserError, match="ValueError: why"):
        run.outputs()
    with pytest.raises(flyte.errors.RuntimeUserError, match="ValueError: why"):
        run.raise_for_status()
    assert run.root.error_info.message == "why"
