"""A run that a magic's line asks for: its inputs from the notebook's names, its handle, its value."""

import ast
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.loop import loop
from flyte_jupyter.engine.runner import with_runcontext
from flyte_jupyter.engine.setup import process
from flyte_jupyter.ids import random_name
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.blocks import Blocks
from flyte_jupyter.notebook.options import Line
from flyte_jupyter.runs.run import Run


def inputs_of(text: str, names: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Evaluate ``"frame, lr=0.05"`` with the notebook's names.

    Raises:
        UsageError: it is no list of arguments.
        Exception: what evaluating it raises.
    """
    call = _call(text)
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise UsageError(f"--run {text!r}: inputs are written one by one, without * and **")
    args = tuple(_evaluated(arg, names) for arg in call.args)
    return args, {str(k.arg): _evaluated(k.value, names) for k in call.keywords}


def run(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], line: Line, blocks: Blocks) -> Run:
    """Run a task as the line says: wait for its end, or only for its beginning.

    Raises:
        UsageError: the inputs are not those that the task takes.
        Exception: what the task raised.
    """
    try:
        task.interface.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise UsageError(f"{task.short_name}{task.interface.signature}: {error}") from None
    load("flyte_jupyter.notebook.preflight:check")(
        task,
        mode=line.get("mode") or process.setup.mode,
        isolation=line.get("isolation") or process.setup.isolation,
    )
    runner = with_runcontext(mode=line.get("mode"), isolation=line.get("isolation"), name=random_name())
    if line.get("background"):
        return _in_background(runner, task, args, kwargs, blocks)
    handle: Run = runner.run(task, *args, **kwargs)
    if line.get("wait"):
        handle.wait()
    return handle


def value_of(handle: Run) -> Any:
    """Give what a run's task returned, as the call of the function would."""
    outputs = handle.outputs()
    return None if not outputs else outputs[0] if len(outputs) == 1 else tuple(outputs)


def _in_background(runner: Any, task: Any, args: Any, kwargs: Any, blocks: Blocks) -> Run:
    name = runner.options.name
    future = loop.submit(runner.run.aio(task, *args, **kwargs))
    handle = blocks.begun(name, future)
    future.add_done_callback(
        lambda done: done.cancelled() or done.exception()
    )  # the record tells how it ended
    return handle


def _call(text: str) -> ast.Call:
    try:
        call = ast.parse(f"_({text}\n)", mode="eval").body
    except SyntaxError:
        call = None
    if not isinstance(call, ast.Call):
        raise UsageError(f'--run {text!r}: inputs are written as in a call, such as "df=frame, lr=0.05"')
    return call


def _evaluated(node: ast.expr, names: Mapping[str, Any]) -> Any:
    code = compile(ast.Expression(node), "<--run>", "eval")
    try:
        return eval(code, dict(names))  # noqa: S307 - the user's own expression
    except NameError as error:
        raise UsageError(f"--run: {error}") from None
