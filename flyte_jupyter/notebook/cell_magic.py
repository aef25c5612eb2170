"""``%%flyte_task`` over functions: each public function of the cell becomes a task."""

import ast
from collections.abc import Coroutine
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.notebook import asked
from flyte_jupyter.notebook.blocks import Blocks
from flyte_jupyter.notebook.body import Body, public_name
from flyte_jupyter.notebook.card import definitions
from flyte_jupyter.notebook.definition import environment_of, parameters_of, usage
from flyte_jupyter.notebook.options import Line
from flyte_jupyter.notebook.restored import note
from flyte_jupyter.tasks.template import TaskTemplate

_ONLY_WITH_RUN = ("as", "background", "wait", "mode", "isolation")


_UNKEPT = "what the cell computes beside its functions ran as usual and is not kept; kept are results of"
_KEEP = "To keep it, put it into a cell without functions"
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)


class Functions:
    """A cell whose functions become tasks.

    Args:
        body: what stands below the magic's line.
        line: what the magic's line says.
        blocks: the runs of the notebook.
    """

    def __init__(self, body: Body, line: Line, blocks: Blocks) -> None:
        self._body = body
        self._line = line
        self._blocks = blocks
        self._names: dict[str, Any] = body.shell.user_ns
        self._check()
        self._env = environment_of(line, self._names)
        self._parameters = parameters_of(line, self._env, self._names)

    def run(self) -> Coroutine[Any, Any, Any] | Any:
        """Run the cell, show its tasks, and run one if asked to; a coroutine where the cell awaits."""
        running = self._body.run(self._define)
        return self._finish() if running is None else self._after(running)

    def _check(self) -> None:
        """Refuse what would be ignored.

        Raises:
            UsageError: an option makes no sense for this cell.
        """
        line, functions = self._line, self._body.functions
        if line.name and len(functions) > 1:
            raise UsageError(f"one name, {line.name}, and {len(functions)} functions: {', '.join(functions)}")
        if line.says("outputs"):
            raise UsageError("--outputs is for a cell without functions; a function gives what it returns")
        if not line.says("run"):
            for name in _ONLY_WITH_RUN:
                if line.says(name):
                    raise UsageError(f"--{name} is about a run; add --run, or use flyte.run(...)")
        if line.says("background") and line.says("wait"):
            raise UsageError("--background does not wait and --wait does; give one of them")

    def _define(self, node: ast.stmt) -> None:
        """Make a task of the function that a statement has just defined."""
        name = public_name(node)
        func = self._names.get(name) if name else None
        if func is None or isinstance(func, TaskTemplate):
            return
        self._names[name] = usage(lambda: self._env.task(**self._parameters)(func))

    async def _after(self, running: Coroutine[Any, Any, None]) -> Any:
        await running
        return self._finish()

    def _finish(self) -> Any:
        tasks = [self._names[name] for name in self._body.functions]
        self._body.shell.display_pub.publish(data=dict(definitions(tasks)))
        if self._line.get("cache", "disable") != "disable" and any(map(_computes, self._body.tree.body)):
            note(self._body.shell, f"{_UNKEPT} {', '.join(self._body.functions)}. {_KEEP}")
        return self._run(tasks[-1]) if self._line.says("run") else None

    def _run(self, task: TaskTemplate[..., Any]) -> Any:
        args, kwargs = asked.inputs_of([self._line.get("run")], self._names, "--run")
        handle = asked.run(task, args, kwargs, self._line, self._blocks)
        if self._line.says("as"):
            self._names[self._line.get("as")] = handle
        return asked.answer(handle, self._blocks, self._line.says("as"))


def _computes(node: ast.stmt) -> bool:
    """Whether a statement does more than define something, or name a constant."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        return not isinstance(node.value, ast.Constant | None)
    return not isinstance(node, _DEFINES)
