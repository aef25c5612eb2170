"""Tasks: their types, what they may hold, and where they are defined."""

import ast
from collections.abc import Iterator, Sequence

from flyte_jupyter.notebook.found import Finding, finding
from flyte_jupyter.notebook.sources import TASK_MAGIC, WITH_PYTHON, CodeCell, magics_in

Function = ast.FunctionDef | ast.AsyncFunctionDef

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAGICS = {"run_line_magic": "the magic %{}", "run_cell_magic": "the magic %%{}"}
_SHELLS = frozenset({"system", "getoutput"})


def annotations(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find inputs and outputs of tasks that have no type."""
    for cell, func in tasks(cells):
        args = func.args
        missing = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs) if a.annotation is None]
        if missing:
            message = (
                f"task {func.name}: {', '.join(missing)} has no type, so any object is taken and pickled"
            )
            fix = f"Annotate it, such as {missing[0]}: int"
            yield finding("FJ007", cell, cell.line(func), message, fix)
        if func.returns is None:
            message = f"task {func.name} says not what it returns, so any object is taken and pickled"
            yield finding("FJ007", cell, cell.line(func), message, "Annotate it, such as -> int or -> None")


def magics(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find magics and shell commands where only the kernel has them."""
    for cell, func in tasks(cells):
        yield from _magics(cell, func, f"task {func.name}")
    for cell in cells:
        if cell.magic == TASK_MAGIC and cell.tree is not None and not any(_public(cell)):
            yield from _magics(cell, cell.tree, "the cell is a task that")


def again(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find tasks that a later cell defines again."""
    first: dict[str, CodeCell] = {}
    for cell, func in tasks(cells):
        before = first.setdefault(func.name, cell)
        if before is not cell:
            message = f"task {func.name} is defined in cell {before.number} already; the last one run counts"
            yield finding("FJ009", cell, cell.line(func), message, "Give one of them another name")


CHECKS = (annotations, magics, again)


def tasks(cells: Sequence[CodeCell]) -> Iterator[tuple[CodeCell, Function]]:
    """Give the functions that are tasks."""
    environments = set(_environments(cells))
    for cell in cells:
        if cell.magic == TASK_MAGIC:
            yield from ((cell, func) for func in _public(cell))
        for node in cell.statements:
            if not isinstance(node, _FUNCTIONS) or (cell.magic == TASK_MAGIC and node.name[0] != "_"):
                continue
            if any(_makes_task(decorator, environments) for decorator in node.decorator_list):
                yield cell, node


def _public(cell: CodeCell) -> Iterator[Function]:
    return (n for n in cell.statements if isinstance(n, _FUNCTIONS) and not n.name.startswith("_"))


def _environments(cells: Sequence[CodeCell]) -> Iterator[str]:
    """Give the variables that hold a TaskEnvironment, as far as the text shows."""
    for cell in cells:
        for node in cell.statements:
            if isinstance(node, ast.Assign) and _is_environment(node.value):
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_environment(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in ("TaskEnvironment", "clone_with")


def _makes_task(node: ast.expr, environments: set[str]) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    if not isinstance(called, ast.Attribute) or called.attr != "task":
        return False
    return isinstance(called.value, ast.Name) and called.value.id in environments


def _magics(cell: CodeCell, node: ast.AST, subject: str) -> Iterator[Finding]:
    for call, kind, texts in magics_in(node):
        used = _MAGICS[kind].format(*texts[:1] or ("",)) if kind in _MAGICS else ""
        used = "a shell command" if kind in _SHELLS else used
        if used:
            message = f"{subject} uses {used}, which only a notebook has"
            fix = "Use subprocess.run or plain Python, or move it out of the task"
            if kind == "run_cell_magic" and texts[0] in WITH_PYTHON:
                fix = f"Put it on the line above %%{TASK_MAGIC}"
            yield finding("FJ008", cell, cell.line(call), message, fix)
