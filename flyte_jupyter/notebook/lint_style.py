"""The order of execution, star imports, paths of one machine, and cells that are no Python."""

import ast
import re
from collections.abc import Iterator, Sequence

from flyte_jupyter.notebook.found import Finding, finding
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.notebook.sources import CodeCell, magics_in

_HOMES = re.compile(
    r"(?:/(?:home|Users|root|mnt|media|Volumes|content|kaggle|workspace|workspaces|dbfs|data)/[^\s:*?\"<>|]*"
    r"|(?:[A-Z]:[\\/]|[a-z]:\\)(?![\\/])[^\s:*?\"<>|]*|\\\\\w[\w.-]*\\\w.*)"
)
"""Folders of one person or one machine, drives, and shares."""

_FILES = re.compile(
    r"/(?:[^\s/:*?\"<>|]+/)+[^\s/:*?\"<>|]+\.(?:csv|tsv|parquet|json|jsonl|txt|xlsx?|pkl|pickle|npy|npz|h5|hdf5|"
    r"feather|arrow|db|sqlite|pt|pth|onnx|joblib|ipynb|png|jpe?g|zip|gz|ya?ml)"
)
"""Whole paths to files of data."""

_EVERYWHERE = ("/tmp/", "/dev/", "/proc/", "/etc/", "/usr/", "/bin/", "/opt/", "/var/tmp/")  # noqa: S108 - compared
_ROUTES = frozenset({"get", "post", "put", "delete", "patch", "route", "websocket"})


def order(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find cells that were executed before one that stands above them, or not at all."""
    highest: CodeCell | None = None
    for at, cell in enumerate(cells):
        if cell.count is None:
            if highest is not None and any(later.count is not None for later in cells[at + 1 :]):
                message = "the cell was not executed since it was changed or added, and cells below it were"
                yield finding("FJ004", cell, 1, message, "Restart the kernel and run all cells")
        elif highest is not None and cell.count < (highest.count or 0):
            message = f"In[{cell.count}] was executed before In[{highest.count}], which stands above it"
            yield finding("FJ003", cell, 1, message, "Restart the kernel and run all cells")
        else:
            highest = cell


def stars(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find star imports."""
    for cell, node in _nodes(cells):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            module = "." * node.level + (node.module or "")
            message = f"from {module} import * hides which names come from there"
            yield finding("FJ005", cell, cell.line(node), message, f"Import {module} or the names themselves")


def paths(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find absolute paths in the code, in magics and in shell commands."""
    for cell in cells:
        told: set[tuple[int, str]] = set()
        for node, text in _texts(cell):
            path = _path(text)
            where = (cell.line(node), path)
            if path and where not in told:
                told.add(where)
                message = f"{shorten(path, 80)!r} is only there on this machine"
                fix = "Use a path relative to the notebook, or make it a parameter"
                yield finding("FJ006", cell, where[0], message, fix)


def broken(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find cells that cannot be parsed."""
    for cell in cells:
        if cell.failure:
            message = f"the cell is no Python: {shorten(cell.failure, 100)}"
            yield finding("FJ010", cell, cell.failed_line, message, "Correct it, or make it a text cell")


CHECKS = (order, stars, paths, broken)


def _nodes(cells: Sequence[CodeCell]) -> Iterator[tuple[CodeCell, ast.AST]]:
    for cell in cells:
        for node in ast.walk(cell.tree) if cell.tree is not None else ():
            yield cell, node


def _texts(cell: CodeCell) -> Iterator[tuple[ast.AST, str]]:
    """Give the texts of a cell that may be paths: not documentation, not routes of a web server."""
    if cell.tree is None:
        return
    aside = {id(node) for node in _aside(cell.tree)}
    magic = {id(one) for call, _, _ in magics_in(cell.tree) for one in ast.walk(call)}
    for node in ast.walk(cell.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in aside:
            continue
        if id(node) in magic:
            for word in re.split(r"[\s\"'=]+", node.value):
                yield node, word
        else:
            yield node, node.value


def _aside(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        for decorator in getattr(node, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(called, ast.Attribute) and called.attr in _ROUTES:
                yield from ast.walk(decorator)


def _path(text: str) -> str:
    """Give the text if it is a path of one machine, else nothing."""
    if "\n" in text or len(text) > 1_000:  # noqa: PLR2004 - no path is as long
        return ""
    text = text.removeprefix("file://")
    if text.startswith(_EVERYWHERE):
        return ""
    return text if _HOMES.fullmatch(text) or _FILES.fullmatch(text) else ""
