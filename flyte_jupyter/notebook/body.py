"""The statements of a cell below a magic's line: compiled and run as the shell runs a cell."""

import ast
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType
from typing import Any

from flyte_jupyter.notebook.cells import Cell

_below: ContextVar[bool] = ContextVar("flyte_jupyter_below", default=False)
_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

Ran = Callable[[ast.stmt], None]
"""Is told of each statement that has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Statements of a cell.

    Args:
        shell: the interactive shell.
        tree: the statements, at the lines that they have in the cell.
        name: the name of their code, that of the cell.
        source: the text that they were parsed from, IPython's own syntax already turned into Python.
    """

    shell: Any
    tree: ast.Module
    name: str
    source: str

    @classmethod
    def of(cls, shell: Any, text: str, cell: Cell, magic: str) -> "Body":
        """Read what stands below a cell magic's line.

        Raises:
            SyntaxError: it is no Python; line and text are those of the cell.
        """
        padding = "\n" * (cell.first_line(magic) - 1 + _blank_lines(text))
        source = padding + python_of(shell, text)
        name = shell.compile.cache(source, cell.number, raw_code=cell.raw or source)
        tree = shell.transform_ast(shell.compile.ast_parse(source, filename=name))
        return cls(shell=shell, tree=tree, name=name, source=source)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the public functions at the top level, in order, each once."""
        return tuple(dict.fromkeys(filter(None, map(public_name, self.tree.body))))

    @property
    def is_async(self) -> bool:
        """Whether it awaits something at its top level."""
        return awaits(self.shell, self.source)

    def run(self, ran: Ran) -> "Coroutine[Any, Any, None] | None":
        """Run the statements: at once, or, where they await at the top level, by the coroutine returned."""
        running = self._run(ran)
        if self.is_async:
            return running
        _drive(running)
        return None

    async def _run(self, ran: Ran) -> None:
        names, everywhere = self.shell.user_ns, self.shell.user_global_ns
        for node, mode in self._steps():
            code = self._compiled(node, mode)
            if _suspends(code):
                await eval(code, everywhere, names)  # noqa: S307 - the user's cell
            else:
                exec(code, everywhere, names)  # noqa: S102 - the user's cell
            ran(node)

    def _steps(self) -> Iterator[tuple[ast.stmt, str]]:
        """Say which statements show their values, by the shell's setting."""
        setting, nodes = self.shell.ast_node_interactivity, self.tree.body
        quiet = self.shell.displayhook.semicolon_at_end_of_expression(self.source)
        for node in nodes:
            last = node is nodes[-1] and (setting == "last" or isinstance(node, ast.Expr))
            shows = not quiet and (setting == "all" or (setting != "none" and last))
            yield node, "single" if shows else "exec"

    def _compiled(self, node: ast.stmt, mode: str) -> CodeType:
        tree = ast.Interactive([node]) if mode == "single" else ast.Module([node], [])
        with self.shell.compile.extra_flags(_AWAIT if self.shell.autoawait else 0):
            code: CodeType = self.shell.compile(tree, self.name, mode)
        return code


def python_of(shell: Any, text: str) -> str:
    """Turn IPython's own syntax into Python, in what stands below a magic's line."""
    token = _below.set(True)
    try:
        return str(shell.transform_cell(text))
    finally:
        _below.reset(token)


def is_below() -> bool:
    """Whether what is being transformed stands below a magic's line."""
    return _below.get()


def public_name(node: ast.stmt) -> str:
    """Give the name of the public function that a statement defines; empty if it defines none."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return ""
    return node.name


def awaits(shell: Any, source: str) -> bool:
    """Whether Python text awaits something at its top level; no for what is no Python."""
    try:
        with shell.compile.extra_flags(_AWAIT if shell.autoawait else 0):
            return _suspends(compile(source, "<cell>", "exec", shell.compile.flags, dont_inherit=True))
    except (SyntaxError, ValueError):
        return False


def _suspends(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_COROUTINE)


def _drive(running: Coroutine[Any, Any, None]) -> None:
    try:
        running.send(None)
    except StopIteration:
        return
    running.close()
    raise RuntimeError("a cell that awaits nothing waited for something")


def _blank_lines(text: str) -> int:
    """Count the blank lines at the beginning, which the shell's transformation takes away."""
    lines = text.splitlines()
    return next((at for at, line in enumerate(lines) if line.strip()), 0)
