"""A cell that is a task: run at once as a task, or restored, and its outputs bound in the notebook."""

import copy
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.runner import Runner, with_runcontext
from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.body import Body
from flyte_jupyter.notebook.cells import Cell
from flyte_jupyter.notebook.celltask.body import Statements
from flyte_jupyter.notebook.celltask.contents import NoContentError, code_of, digests
from flyte_jupyter.notebook.celltask.execution import Execution
from flyte_jupyter.notebook.celltask.interface import CellInterface
from flyte_jupyter.notebook.celltask.refused import refusal
from flyte_jupyter.notebook.definition import environment_of, parameters_of, usage
from flyte_jupyter.notebook.options import Line
from flyte_jupyter.notebook.render.text import ago
from flyte_jupyter.notebook.restored import note, quiet
from flyte_jupyter.runs.run import Run
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.template import TaskTemplate

_HERE = "a cell without functions runs in this kernel"


class CellTask:
    """A cell of statements as a task.

    Args:
        body: what stands below the magic's line.
        line: what the magic's line says.
    """

    def __init__(self, body: Body, line: Line) -> None:
        self._shell = body.shell
        self._line = line
        self._statements = Statements(body)
        self._scope: dict[str, Any] = body.shell.user_ns
        self._check()
        self.reason = ""
        names = self._statements.names
        found = {name: self._scope[name] for name in names.reads if name in self._scope}
        code = {name for name, value in found.items() if code_of(value, self._scope)}
        self._inputs = {name: value for name, value in found.items() if name not in code}
        self._code = {name: found[name] for name in code if name in {*names.binds, *names.deletes}}
        self._task = self._made(code)

    def run(self) -> Coroutine[Any, Any, None] | None:
        """Run the cell, or restore what it left behind; a coroutine where it awaits."""
        runner = with_runcontext(mode=self._line.get("mode"), isolation="thread")
        if self._statements.body.is_async:
            return self._awaited(runner)
        self._run(runner)
        return None

    def _run(self, runner: Runner) -> None:
        try:
            with quiet():
                handle = runner.run(self._task, **self._inputs)
        except Exception:
            if self.execution.raised is not None:
                raise self.execution.raised from None
            raise
        finally:
            self._carry_over()
        self._finish(handle)

    async def _awaited(self, runner: Runner) -> None:
        with quiet():
            handle = await runner.run.aio(self._task, **self._inputs)
        self._finish(handle)

    def _finish(self, handle: Run) -> None:
        execution = self.execution
        if not execution.ran:
            execution.restore()
            note(self._shell, f"{self._task.short_name} restored from {ago(execution.made, time.time())}")
        elif self.reason or execution.reason:
            note(self._shell, f"{self._task.short_name} not kept: {self.reason or execution.reason}")
        if execution.ran and self._line.says("memory"):
            note(self._shell, f"{self._task.short_name} ran in this kernel, where --memory is not a limit")
        if self._line.says("as"):
            self._scope[self._line.get("as")] = handle

    def _carry_over(self) -> None:
        """Let context variables that the cell has set stay set: it ran in a copy of the context."""
        for var, value in self.execution.context.items():
            var.set(value)

    def _check(self) -> None:
        """Refuse what cannot be done to a cell.

        Raises:
            UsageError: the line asks for it.
        """
        line = self._line
        if line.says("run"):
            raise UsageError("--run is for a cell with functions; a cell without any runs at once")
        if line.says("background"):
            raise UsageError("--background is for functions: a cell binds its outputs when it ends")
        if (line.get("mode") or process.setup.mode) == "remote":
            raise UsageError(f"{_HERE}; for --mode remote {self._as_function()}, or say --mode local")
        if (isolation := line.get("isolation", "auto")) not in {"auto", "thread"}:
            raise UsageError(
                f"{_HERE}, not in a {isolation}: it has the notebook's own objects. For a {isolation}, "
                f"{self._as_function()}; else say --isolation thread"
            )
        if line.says("reuse"):
            raise UsageError(f"{_HERE}; for --reuse, which keeps workers, {self._as_function()}")
        bound = {*self._statements.names.binds, *self._statements.names.changes}
        unknown = [name for name in line.get("outputs", ()) if name not in bound]
        if unknown:
            listed = ", ".join(self._statements.names.binds) or "nothing"
            raise UsageError(f"--outputs {unknown[0]}: the cell does not assign it; it assigns {listed}")

    def _as_function(self) -> str:
        """Say how the cell would be a task that runs anywhere."""
        scope, reads = self._scope, self._statements.names.reads
        code = (ModuleType, type, FunctionType, TaskTemplate)
        takes = ", ".join(n for n in reads if n in scope and not isinstance(scope[n], code))
        gives = ", ".join(self._statements.names.binds[:3]) or "..."
        return f"put its statements into `def {self._name()}({takes}): ... return {gives}`"

    def _made(self, code: set[str]) -> TaskTemplate[..., Any]:
        """Make the task, and the execution that it is for."""
        env = environment_of(self._line, self._scope)
        parameters = parameters_of(self._line, env, self._scope)
        statements = self._statements
        func = statements.function(self._name(), self._inputs, self._code)
        cache = Cache.of(parameters.get("cache") or env.cache)
        found: Mapping[str, str] = {}
        if cache.is_enabled:
            self.reason = refusal(statements, self._scope, code, makes_function=func is not None)
            try:
                found = {} if self.reason else digests(self._inputs, self._scope)
            except NoContentError as error:
                self.reason = f"its input {error}"
        keeps = cache.is_enabled and not self.reason
        wanted = self._line.get("outputs")
        if func is None:
            func = Statements.nothing(self._name(), is_async=statements.body.is_async)
        self.execution = Execution(statements, func, self._inputs, wanted, keeps=keeps)
        made = usage(lambda: env.task(**parameters)(func))
        return _bound_to(
            made, CellInterface(made.name, func, self.execution, found), cache if keeps else None
        )

    def _name(self) -> str:
        if self._line.name:
            return self._line.name
        names = [name for name in self._statements.names.binds if not name.startswith("_")]
        return "_".join(names[:3]) or "cell"


def run_cell(
    shell: Any,
    source: str,
    name: str | None = None,
    *,
    cache: str | None = None,
    outputs: tuple[str, ...] | None = None,
    line: Line | None = None,
) -> Coroutine[Any, Any, None] | None:
    """Run a cell of statements as a task, without a magic.

    Args:
        shell: the interactive shell.
        source: the statements.
        name: the task's name; made of the names that they bind if not given.
        cache: "auto" keeps and restores what they leave behind.
        outputs: the names that they bind, if not all.
        line: further options, as ``%%flyte_task`` has them.

    Returns:
        Nothing; a coroutine where the statements await something.
    """
    options = {"cache": cache, "outputs": outputs}
    given = {**(line.given if line else {}), **{k: v for k, v in options.items() if v is not None}}
    said = Line(name or (line.name if line else None), given, line.defaults if line else {})
    cell = Cell(number=shell.execution_count, raw=source)
    body = Body.of(shell, source, cell, "flyte_task")
    return CellTask(body, said).run()


def _bound_to(
    task: TaskTemplate[..., Any], interface: CellInterface, cache: Cache | None
) -> TaskTemplate[..., Any]:
    """Make a copy of a task that runs the cell itself; the task stays a function of its inputs."""
    spec = task.spec
    mine = copy.copy(task)
    vars(mine)["interface"] = interface
    vars(mine)["spec"] = replace(spec, interface=interface, cache=cache or Cache("disable"))
    return mine
