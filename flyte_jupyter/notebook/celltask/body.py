"""A cell's statements: run as the shell runs them, and as a function for what they depend on."""

import ast
import asyncio
import importlib
import inspect
import linecache
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.notebook.body import Body, Ran
from flyte_jupyter.notebook.celltask.names import Names

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_SHOWN = "_shown_"


def _nothing(_node: ast.stmt) -> None:
    """Who asks for nothing is told nothing."""


@dataclass(frozen=True)
class Statements:
    """The statements of a cell.

    Args:
        body: the cell below the magic's line.
    """

    body: Body

    @cached_property
    def names(self) -> Names:
        """What they take and bind."""
        return Names.of(self.body.tree)

    @property
    def scope(self) -> dict[str, Any]:
        """The notebook's names."""
        found: dict[str, Any] = self.body.shell.user_ns
        return found

    @cached_property
    def steps(self) -> tuple[tuple[ast.stmt, str], ...]:
        """The statements, and whether the shell shows the value of each: "single" or "exec"."""
        shell, nodes = self.body.shell, self.body.tree.body
        setting = shell.ast_node_interactivity
        if shell.displayhook.semicolon_at_end_of_expression(self.body.source):
            return tuple((node, "exec") for node in nodes)
        return tuple((node, _mode(node, setting, last=node is nodes[-1])) for node in nodes)

    def run(self, ran: Ran = _nothing) -> None:
        """Run them in the notebook's names; tells of each statement that has run."""
        everywhere, names = self.body.shell.user_global_ns, self.scope
        for node, mode in self.steps:
            exec(self._compiled(node, mode), everywhere, names)  # noqa: S102 - the user's cell
            ran(node)

    async def arun(self, ran: Ran = _nothing) -> None:
        """Run them where something is awaited at the top level."""
        everywhere, names = self.body.shell.user_global_ns, self.scope
        for node, mode in self.steps:
            code = self._compiled(node, mode)
            if code.co_flags & inspect.CO_COROUTINE:
                await eval(code, everywhere, names)  # noqa: S307 - the user's cell
            else:
                exec(code, everywhere, names)  # noqa: S102 - the user's cell
            ran(node)

    def define(self) -> None:
        """Run only what defines code: imports, functions and classes."""
        everywhere, names = self.body.shell.user_global_ns, self.scope
        for node in self.body.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom) or node in self.definitions:
                exec(self._compiled(node, "exec"), everywhere, names)  # noqa: S102 - the user's cell
        for alias in _modules(self.body.tree):
            with suppress(ImportError):  # one of several that a cell tries
                importlib.import_module(alias.name)

    @cached_property
    def definitions(self) -> tuple[ast.stmt, ...]:
        """The functions and classes that are defined at the top level."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return tuple(node for node in self.body.tree.body if isinstance(node, kinds))

    @property
    def defined(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(str(getattr(node, "name", "")) for node in self.definitions)

    def entangled(self) -> str:
        """Name a definition that is made of data of the same cell; empty if there is none."""
        data = set(self.names.binds) - set(self.defined) - self.imported
        for node in self.definitions:
            taken = _taken_when_defined(node)
            if taken & data:
                return f"{getattr(node, 'name', '')} is made of {', '.join(sorted(taken & data))}"
        return ""

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that import statements bind."""
        return frozenset(alias.asname or alias.name.partition(".")[0] for alias in _aliases(self.body.tree))

    def brings_back(self, name: str, value: Any) -> bool:
        """Whether ``define`` alone binds a name to what the cell bound it to."""
        if name in self.defined:
            return True
        stored = {
            n.id
            for n in ast.walk(self.body.tree)
            if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
        }
        top = {a.asname or a.name.partition(".")[0] for node in self.body.tree.body for a in _names_of(node)}
        return name in top and name not in stored and value is not None

    @staticmethod
    def nothing(name: str, *, is_async: bool) -> Callable[..., Any]:
        """Make a function that stands for a cell that cannot be one."""

        def cell() -> None: ...

        async def acell() -> None: ...

        found = acell if is_async else cell
        found.__name__ = name
        return found

    def function(
        self, name: str, inputs: Iterable[str], code: Mapping[str, Any]
    ) -> Callable[..., Any] | None:
        """Make the cell a function of its inputs, from which its version is made; it is not called here.

        Args:
            name: the function's name.
            inputs: the names of its parameters.
            code: functions, classes and modules that the cell both takes and binds anew.

        Returns:
            The function, or None where the cell cannot be one.
        """
        top = "async def" if self.body.is_async else "def"
        (node,) = ast.parse(f"{top} f(): pass").body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        node.name, node.body = name, list(self._lines())
        node.args.args = [ast.arg(arg=given) for given in inputs]
        node.args.kwonlyargs = [ast.arg(arg=given) for given in code]
        node.args.kw_defaults = [ast.Constant(value=None) for _ in code]
        text = ast.unparse(ast.fix_missing_locations(node))
        file = f"<{name} {digest('cell', text)[:12]}>"
        try:
            module = self.body.shell.compile(ast.parse(text), file, "exec")
        except (SyntaxError, ValueError):
            return None
        inner = next(const for const in module.co_consts if isinstance(const, types.CodeType))
        if inner.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            return None  # running the cell says what is wrong with it
        # Its own text, free of layout and remarks, so that neither counts; tracebacks and diffs show it.
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        made = types.FunctionType(inner, self.body.shell.user_global_ns, name)
        made.__kwdefaults__ = dict(code)
        return made

    def _lines(self) -> Iterator[ast.stmt]:
        """Write the statements of the function: values that are shown count, too."""
        yield ast.Pass()  # so that a text at the beginning is no documentation
        for node, mode in self.steps:
            if isinstance(node, ast.Expr):
                target = ast.Name(id=f"{_SHOWN}{mode}", ctx=ast.Store())
                yield ast.copy_location(ast.Assign(targets=[target], value=node.value), node)
            else:
                yield node
        bound = [ast.Name(id=name, ctx=ast.Load()) for name in self.names.binds]
        yield ast.Return(value=ast.Tuple(elts=list(bound), ctx=ast.Load()))

    def _compiled(self, node: ast.stmt, mode: str) -> types.CodeType:
        tree = ast.Interactive([node]) if mode == "single" else ast.Module([node], [])
        compiler = self.body.shell.compile
        with compiler.extra_flags(_AWAIT if self.body.shell.autoawait else 0):
            code: types.CodeType = compiler(tree, self.body.name, mode)
        return code


def _mode(node: ast.stmt, setting: str, *, last: bool) -> str:
    if setting == "none" or (setting == "last_expr" and not (last and isinstance(node, ast.Expr))):
        return "exec"
    return "single" if setting == "all" or last else "exec"


def _names_of(node: ast.stmt) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


def _modules(tree: ast.Module) -> Iterator[ast.alias]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from node.names


def _aliases(tree: ast.Module) -> Iterator[ast.alias]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from node.names


def _taken_when_defined(node: ast.stmt) -> set[str]:
    """Name what a definition reads at the moment when it is made; a function's body is read later."""
    taken: set[str] = set()
    todo: list[ast.AST] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            taken.add(one.id)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += [*one.args.defaults, *filter(None, one.args.kw_defaults)]
            todo += getattr(one, "decorator_list", [])
        else:
            todo += ast.iter_child_nodes(one)
    return taken


async def on_loop(loop: asyncio.AbstractEventLoop, running: Any) -> Any:
    """Await something on the loop that it belongs to, from another one."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(running, loop))
