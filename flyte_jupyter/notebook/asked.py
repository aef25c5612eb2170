"""A run that a magic's line asks for: its inputs from the notebook's names, its handle, its value."""

import ast
import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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


def inputs_of(
    texts: Sequence[str], names: Mapping[str, Any], option: str = ""
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Evaluate inputs such as ``lr=0.05`` or ``frame, lr=0.05`` with the notebook's names.

    Args:
        texts: one or more inputs each.
        names: the notebook's names.
        option: the option that they stand behind, for messages; none where they stand for themselves.

    Raises:
        UsageError: one is no input, or is given twice; the message names it as it was written.
        Exception: what evaluating one raises.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for given in (one for text in _whole(texts) for one in _inputs(text, option)):
        if given.name in kwargs:
            raise UsageError(f"{given.said}: {given.name} is given twice")
        if given.name is None:
            args.append(given.value(names))
        else:
            kwargs[given.name] = given.value(names)
    return tuple(args), kwargs


@dataclass(frozen=True, slots=True)
class _Input:
    """One input as it was written.

    Args:
        name: the name before its ``=``; None where there is none.
        text: the expression.
        node: the same.
        option: the option that it stands behind.
    """

    name: str | None
    text: str
    node: ast.expr
    option: str

    @property
    def said(self) -> str:
        return f"{self.option} {self}".strip()

    def __str__(self) -> str:
        return self.text if self.name is None else f"{self.name}={self.text}"

    def value(self, names: Mapping[str, Any]) -> Any:
        """Evaluate it; a traceback shows its text."""
        file = f"<{self}>"
        linecache.cache[file] = (len(self.text), None, [self.text], file)
        code = compile(self.text, file, "eval")
        try:
            return eval(code, dict(names))  # noqa: S307 - the user's own expression
        except NameError as error:
            if error.name not in _unknown(self.node, names):
                raise
            raise UsageError(f"{self.said}: {error}{self._quoted()}") from None

    def _quoted(self) -> str:
        """Say how it would be text, or hold text: the line's own quotes are not the value's."""
        if not isinstance(self.node, ast.Name):
            return "; what holds text needs quotes around it all, such as \"names=['a', 'b']\""
        return f'; for text write "{replace(self, text=repr(self.text))}"'


def run(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], line: Line, blocks: Blocks) -> Run:
    """Run a task as the line says: wait for its end, or only for its beginning.

    Raises:
        UsageError: the inputs are not those that the task takes.
        Exception: what the task raised.
    """
    unknown = [name for name in kwargs if name not in task.interface.signature.parameters]
    if unknown:
        raise UsageError(f"{task.short_name}{task.interface.signature} has no input {unknown[0]!r}")
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


def answer(handle: Run, blocks: Blocks, kept: object) -> Any:
    """Give what a run's task returned; of one that goes on, which nobody kept a handle of, show the block.

    Args:
        handle: the run.
        blocks: where it is shown.
        kept: says that the notebook has a name for its handle.
    """
    if not (kept or handle.done()):
        blocks.appear(handle.name)
    return value_of(handle) if handle.done() else None


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


def _whole(texts: Sequence[str]) -> Iterator[str]:
    """Put together what stands between spaces and is one expression: ``x=[1, 2]``."""
    text = ""
    for more in texts:
        text = f"{text} {more}" if text else more
        if _call(text) is not None:
            yield text
            text = ""
    if text:
        yield text


def _inputs(text: str, option: str) -> Iterator[_Input]:
    call = _call(text)
    if call is None:
        example = "df=frame, lr=0.05" if option else "df=frame lr=0.05"
        said = f"{option} {text!r}" if option else text
        raise UsageError(f'{said}: inputs are written as in a call, such as "{example}"')
    for name, node in [
        *((None, one) for one in call.args),
        *((k.arg or "**", k.value) for k in call.keywords),
    ]:
        if isinstance(node, ast.Starred) or name == "**":
            raise UsageError(f"{option} {text}: inputs are written one by one, without * and **".strip())
        yield _Input(name, ast.get_source_segment(_source(text), node) or ast.unparse(node), node, option)


def _call(text: str) -> ast.Call | None:
    try:
        found = ast.parse(_source(text), mode="eval").body
    except SyntaxError:
        return None
    return found if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) else None


def _source(text: str) -> str:
    return f"_({text}\n)"


def _unknown(node: ast.expr, names: Mapping[str, Any]) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} - names.keys()
