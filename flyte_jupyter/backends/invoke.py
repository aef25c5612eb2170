"""Call a task's function: literals to arguments, the body in its context, the result to literals."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.environ import variables
from flyte_jupyter.backends.secrets import injected
from flyte_jupyter.backends.threads import bodies, in_thread
from flyte_jupyter.errors import RuntimeUserError, TaskInterruptedError
from flyte_jupyter.tasks.context import ContextData, TaskContext, current
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.literal import Literals


async def invoke(spec: ActionSpec) -> Literals:
    """Run one attempt in this process.

    An asynchronous body runs here, on the running loop. A synchronous one runs on a thread of its own; or
    on this thread, if no loop is running: then the caller drives the coroutine and waits anyway.

    Raises:
        Exception: whatever the body raises, as it is.
        RuntimeUserError: the body called ``sys.exit``.
    """
    task = spec.task
    context = _context(spec)
    values = task.interface.from_literals(spec.inputs)
    try:
        if task.plain and not spec.run.env_vars:
            result = await _body(task, context, values)
        else:
            with _surroundings(spec):
                result = await _body(task, context, values)
    finally:
        capture.finish(context.task)
    outputs = task.interface.outputs_to_literals(result)
    if task.report and context.task is not None and context.task.report.has_content():
        context.task.report.flush()
    return outputs


async def _body(task: TaskSpec, context: ContextData, values: Mapping[str, Any]) -> Any:
    if not task.is_async:
        run = context.task.action.run_name if context.task else ""
        if _loop_is_running():
            return await in_thread(lambda: _call(task, context, values), run)
        bodies.enter(run)
        try:
            return _call(task, context, values)
        finally:
            bodies.leave(run)
    token = current.set(context)
    try:
        return await task.interface.call(task.func, values)
    except SystemExit as error:
        raise RuntimeUserError("SystemExit", f"the task called sys.exit({error.code!r})") from error
    except KeyboardInterrupt as error:
        raise TaskInterruptedError("the task raised KeyboardInterrupt") from error
    finally:
        current.reset(token)


def _call(task: TaskSpec, context: ContextData, values: Mapping[str, Any]) -> Any:
    token = current.set(context)
    try:
        return task.interface.call(task.func, values)
    except SystemExit as error:
        raise RuntimeUserError("SystemExit", f"the task called sys.exit({error.code!r})") from error
    except KeyboardInterrupt as error:
        if threading.current_thread() is threading.main_thread():
            raise  # a real one: it ends the run and goes on to the caller
        raise TaskInterruptedError("the task raised KeyboardInterrupt") from error
    finally:
        current.reset(token)


@contextmanager
def _surroundings(spec: ActionSpec) -> Iterator[None]:
    with (
        injected(spec.task.secrets) as secrets,
        variables({**spec.task.env_vars, **spec.run.env_vars, **secrets}),
    ):
        yield


def _context(spec: ActionSpec) -> ContextData:
    outer = spec.context
    task = TaskContext(
        action=spec.id,
        run=spec.run,
        version=spec.version,
        attempt_number=spec.attempt,
        group_data=outer.group,
        custom_context=outer.custom,
    )
    return ContextData(task, None, outer.custom, outer.submit, None)


def _loop_is_running() -> bool:
    return asyncio._get_running_loop() is not None  # noqa: SLF001 - documented for implementers of loops
