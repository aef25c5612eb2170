"""The code of a notebook's file: each cell as Python, IPython's own syntax translated, without a kernel."""

import ast
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

TASK_MAGIC = "flyte_task"

WITH_PYTHON = frozenset({TASK_MAGIC, "time", "timeit", "capture", "prun", "memit", "mprun"})
"""Cell magics below which Python stands."""

ABOVE = rf"(?:\s*%%(?:{'|'.join(sorted(WITH_PYTHON - {TASK_MAGIC}))})\b[^\n]*\n)*"
"""The lines of other magics that may stand above that of a task, as a regular expression."""

SKIPPED = "skip-execution"

_MAGIC = re.compile(r"\s*%%(\w+)[ \t]*([^\n]*)(?:\n|$)")
_AUTOMAGIC = re.compile(
    r"^(?:pip|conda|mamba|uv|cd|ls|ll|cat|mkdir|rmdir|rm|cp|mv|man|pwd|env|load_ext|reload_ext|matplotlib|time|"
    r"timeit|run|who|whos|history|config|store|bookmark|autoreload|less|more)\b(?!\s*(?:[=,()\[]|\.\w))"
)
_OPTIONS = re.compile(r"^(?:pip|conda|cd|ls|ll|rm|cp|mv|time|timeit|run|config|store)\b(?= -\w)")
"""A magic's name with options, which would be a subtraction of two variables."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodeCell:
    """A code cell.

    Args:
        id: the notebook format's id; empty in notebooks that have none.
        number: its place among the code cells, from 1.
        source: its text.
        magic: the name of its cell magic, of several the one that makes it a task; empty if it has none.
        argument: what stands behind the magic's name.
        around: the names and arguments of the other magics above its statements.
        python: the text of its statements, IPython's own syntax translated to calls.
        tree: the statements; None if they are no Python.
        failure: why they are none; empty also where another language stands below a magic.
        failed_line: where.
        offset: how many lines stand in the cell before the first line of the statements.
        count: the number of its last execution; None if it was not executed.
        outputs: what it showed.
        tags: its tags.
        lazy: whether annotations are not evaluated, as an earlier cell or this one has said.
    """

    id: str
    number: int
    source: str
    magic: str = ""
    argument: str = ""
    around: Sequence[tuple[str, str]] = ()
    python: str = ""
    tree: ast.Module | None = None
    failure: str = ""
    failed_line: int = 1
    offset: int = 0
    count: int | None = None
    outputs: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[str] = ()
    lazy: bool = False

    @property
    def statements(self) -> list[ast.stmt]:
        """Its statements; none where it holds no Python."""
        return self.tree.body if self.tree is not None else []

    def line(self, node: ast.AST) -> int:
        """Give the line of the cell that a node stands in."""
        return self.offset + int(getattr(node, "lineno", 1))


def code_cells(notebook: Mapping[str, Any]) -> list[CodeCell]:
    """Read the code cells that run, in order; those that are tagged to be skipped are left out."""
    cells = notebook.get("cells")
    cells = [cell for cell in cells if isinstance(cell, Mapping)] if isinstance(cells, list) else []
    found = [cell for cell in cells if cell.get("cell_type") == "code"]
    numbered = [_cell(cell, number) for number, cell in enumerate(found, 1)]
    return list(_lazily([cell for cell in numbered if cell.source.strip() and SKIPPED not in cell.tags]))


def read_code(source: str, **facts: Any) -> CodeCell:
    """Read a cell's text."""
    magics = list(_magics_above(source))
    names = [(magic[1], magic[2].strip()) for magic in magics]
    own = len(names) - 1 if names and _is_last(names[-1][0]) else 0
    name, argument = names[own] if names else ("", "")
    facts["around"] = (*names[:own], *names[own + 1 :])
    body = source[magics[-1].end() :] if magics else source
    offset = source[: len(source) - len(body)].count("\n")
    if name and name not in WITH_PYTHON:
        return CodeCell(source=source, magic=name, argument=argument, offset=offset, **facts)
    offset += _blank_lines(body)
    text, tree, error = _parsed(body)
    return CodeCell(
        source=source,
        magic=name,
        argument=argument,
        python=text,
        tree=tree,
        failure=str(error.msg) if error else "",
        failed_line=offset + (error.lineno or 1) if error else 1,
        offset=offset,
        **facts,
    )


def below(cell: CodeCell) -> str:
    """Give the text that stands below the lines of a cell's magics."""
    return "\n".join(cell.source.split("\n")[cell.offset :])


def misplaced(body: str) -> str:
    """Say why a cell magic cannot stand below ``%%flyte_task``, and what to do; empty if none does."""
    magic = _MAGIC.match(body)
    if magic is None:
        return ""
    name = f"%%{magic[1]}"
    if magic[1] not in WITH_PYTHON:
        return f"{name} stands below %%{TASK_MAGIC}, which takes Python; keep one of the two lines"
    if magic[1] == TASK_MAGIC:
        return f"{name} stands there twice; keep one of the two lines"
    return f"{name} stands below %%{TASK_MAGIC} and hides the cell from it; put {name} on the line above it"


def magics_in(node: ast.AST) -> Iterator[tuple[ast.Call, str, tuple[str, ...]]]:
    """Find what were magics and shell commands: the call, its kind and its arguments."""
    for inside in ast.walk(node):
        if not isinstance(inside, ast.Call) or not isinstance(inside.func, ast.Attribute):
            continue
        owner = inside.func.value
        if isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "get_ipython":
            yield inside, inside.func.attr, tuple(_texts(inside))


def as_text(value: object) -> str:
    """Join the lines of a text of a notebook's file, which may be one text or a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def _magics_above(source: str) -> Iterator[re.Match[str]]:
    """Find the lines of magics above a cell's statements, or above text in another language."""
    at = 0
    while magic := _MAGIC.match(source, at):
        yield magic
        at = magic.end()
        if _is_last(magic[1]):
            return


def _is_last(magic: str) -> bool:
    return magic == TASK_MAGIC or magic not in WITH_PYTHON


def _cell(cell: Mapping[str, Any], number: int) -> CodeCell:
    metadata, count, outputs = cell.get("metadata"), cell.get("execution_count"), cell.get("outputs")
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    return read_code(
        as_text(cell.get("source")),
        id=str(cell.get("id") or ""),
        number=number,
        count=count if isinstance(count, int) else None,
        outputs=tuple(o for o in outputs if isinstance(o, Mapping)) if isinstance(outputs, list) else (),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
    )


def _lazily(cells: list[CodeCell]) -> Iterator[CodeCell]:
    """A kernel goes on with ``from __future__ import annotations`` in all cells that follow."""
    lazy = False
    for cell in cells:
        future = (n for n in cell.statements if isinstance(n, ast.ImportFrom) and n.module == "__future__")
        lazy = lazy or any(alias.name == "annotations" for node in future for alias in node.names)
        yield replace(cell, lazy=lazy)


def _texts(call: ast.Call) -> Iterator[str]:
    for arg in call.args:
        if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
            yield arg.value


def _parsed(body: str) -> tuple[str, ast.Module | None, SyntaxError | None]:
    """Parse as IPython does: magics by their signs, or by their names alone where nothing else fits."""
    body = "\n".join(f"%{line}" if _OPTIONS.match(line) else line for line in body.split("\n"))
    try:
        return (*_tree(body), None)
    except SyntaxError as error:
        first = error
    except _UNREADABLE as error:  # a null byte, or thousands of brackets
        return "", None, SyntaxError(str(error))
    lines = [f"%{line}" if _AUTOMAGIC.match(line) else line for line in body.split("\n")]
    try:
        return (*_tree("\n".join(lines)), None)
    except _UNREADABLE:
        return "", None, first


_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, IndexError, tokenize.TokenError)


def _tree(body: str) -> tuple[str, ast.Module]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd line ends and escapes: not what is asked here
        text: str = _transformer().transform_cell(body)
        return text, ast.parse(text)


@cache
def _transformer() -> TransformerManager:
    return TransformerManager()  # type: ignore[no-untyped-call] # no types there


def _blank_lines(text: str) -> int:
    lines = text.splitlines()
    return next((at for at, line in enumerate(lines) if line.strip()), 0)
