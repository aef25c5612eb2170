"""Call a task's function: literals to arguments, the body in its context, the result to literals."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flyte_jupyter.backends.bodies import Body, Stopped, bodies
from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.environ import is_scoped, outside, variables
from flyte_jupyter.backends.secrets import injected
from flyte_jupyter.backends.threads import in_thread, running
from flyte_jupyter.backends.usage import Usage, on_thread
from flyte_jupyter.errors import RuntimeUserError, TaskInterruptedError
from flyte_jupyter.loading import asyncio
from flyte_jupyter.tasks.context import ContextData, TaskContext, current
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals

Measured = Callable[[Usage], None]


async def invoke(spec: ActionSpec, measured: Measured | None = None) -> Literals:
    """Run one attempt in this process.

    An asynchronous body runs here, on the running loop. A synchronous one runs on a thread of its own; or
    on this thread, if no loop is running: then the caller drives the coroutine and waits anyway.

    Args:
        spec: the attempt.
        measured: told on the body's thread what a synchronous body used, where that can be told.

    Raises:
        Exception: whatever the body raises, as it is.
        RuntimeUserError: the body called ``sys.exit``.
    """
    task = spec.task
    context = _task_context(spec)
    values = task.interface.from_literals(spec.inputs)
    try:
        if task.plain and not spec.run.env_vars and not is_scoped():
            result = await _body(spec, context, values, measured)
        else:
            with _surroundings(spec):
                result = await _body(spec, context, values, measured)
        return task.interface.outputs_to_literals(result)
    except asyncio.CancelledError:
        context.over = True  # nobody waits any more: what it still prints is nobody's
        raise
    finally:
        _finish(task, context)


async def _body(
    spec: ActionSpec, context: TaskContext, values: Mapping[str, Any], measured: Measured | None
) -> Any:
    outer = spec.context
    inside = ContextData(context, None, outer.custom, outer.submit, None)
    if not spec.task.is_async:
        body = Body(spec.run.name, spec.task.short_name)
        if running() is not None:
            return await in_thread(lambda: _measured(spec.task, inside, values, body, measured), body)
        return _measured(spec.task, inside, values, body, measured)
    token = current.set(inside)
    try:
        result = spec.task.interface.call(spec.task.func, values)
        return await result if inspect.isawaitable(result) else result
    except SystemExit as error:
        raise _exited(error) from error
    except KeyboardInterrupt as error:
        raise TaskInterruptedError("the task raised KeyboardInterrupt") from error
    finally:
        current.reset(token)


def _measured(
    task: TaskSpec, inside: ContextData, values: Mapping[str, Any], body: Body, measured: Measured | None
) -> Any:
    if measured is None or on_thread is None:
        return _call(task, inside, values, body)
    marks = on_thread.begin()
    try:
        return _call(task, inside, values, body)
    finally:
        used = on_thread.end(marks)
        if used is not None:
            measured(used)


def _call(task: TaskSpec, inside: ContextData, values: Mapping[str, Any], body: Body) -> Any:
    token = current.set(inside)
    bodies.enter(body)
    try:
        try:
            bodies.uncover(body)
            return task.interface.call(task.func, values)
        finally:
            bodies.cover(body)
    except SystemExit as error:
        raise _exited(error) from error
    except KeyboardInterrupt as error:
        if body.stopped:
            raise Stopped from None  # how the main thread is stopped
        if bodies.on_main_thread(body):
            raise  # a real one: it ends the run and goes on to the caller
        raise TaskInterruptedError("the task raised KeyboardInterrupt") from error
    finally:
        bodies.leave(body)
        current.reset(token)


def _finish(task: TaskSpec, context: TaskContext) -> None:
    """Show what the attempt left behind: the end of its last line, and its report, however it ended."""
    capture.finish(context)
    if task.report and not context.over and context.report.has_content():
        context.report.flush()


def _exited(error: SystemExit) -> RuntimeUserError:
    return RuntimeUserError("SystemExit", f"the task called sys.exit({error.code!r})")


@contextmanager
def _surroundings(spec: ActionSpec) -> Iterator[None]:
    """Give the body variables of its own, or none: what its caller has is not for it."""
    with outside(), injected(spec.task.secrets) as secrets:
        own = {**spec.task.env_vars, **spec.run.env_vars, **secrets}
        if not own:
            yield
            return
        with variables(own):
            yield


def _task_context(spec: ActionSpec) -> TaskContext:
    return TaskContext(
        action=spec.id,
        run=spec.run,
        version=spec.version,
        attempt_number=spec.attempt,
        group_data=spec.context.group,
        custom_context=spec.context.custom,
    )
