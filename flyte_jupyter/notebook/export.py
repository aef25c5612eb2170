"""A notebook as a module that runs by itself: imports, constants, helpers, environments, tasks, ``main``."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.errors import Error
from flyte_jupyter.ids import digest
from flyte_jupyter.notebook import export_magics, export_tasks
from flyte_jupyter.notebook.bindings import steps, whole
from flyte_jupyter.notebook.export_magics import Translation
from flyte_jupyter.notebook.export_plan import Item, Plan, plan
from flyte_jupyter.notebook.export_tasks import Environments
from flyte_jupyter.notebook.export_text import module
from flyte_jupyter.notebook.lint import read
from flyte_jupyter.notebook.sources import TASK_MAGIC, CodeCell, below, code_cells, misplaced, read_code

_MARK = re.compile(r"^# task (\w+): cell (\S+), slice ([0-9a-f]{12})$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A module.

    Args:
        text: its text.
        tasks: the names of its tasks.
        notes: what the notebook does and the module does not, in sentences.
    """

    text: str
    tasks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A task that is not the same any more in a notebook and in the module that was made of it.

    Args:
        task: its name.
        cell: the cell that defines it.
        module: whether the module was changed.
        notebook: whether the notebook was changed, or has no such task any more.
    """

    task: str
    cell: str
    module: bool
    notebook: bool


def export(notebook: Mapping[str, Any], name: str = "a notebook") -> Exported:
    """Write a notebook's content as a module. Nothing is run.

    Args:
        notebook: the content, as its file has it.
        name: what to call the notebook in the module's documentation.

    Raises:
        Error: a cell cannot be written: it is no Python, or its magic's line is wrong.
    """
    cells = code_cells(notebook)
    into = Translation()
    items = list(_items(cells, into))
    found = plan(items)
    text = module(found, into, name)
    return Exported(
        text=_marked(text, found), tasks=tuple(_hashes(text)), notes=(*dict.fromkeys(into.notes),)
    )


def export_file(path: Path | str, to: Path | str | None = None) -> Exported:
    """Write a notebook's file as a module; into the file ``to``, if it is given.

    Raises:
        Error: a file cannot be read or written, or a cell cannot be written as Python.
    """
    found = export(read(path), Path(path).name)
    if to is not None:
        try:
            Path(to).write_text(found.text, encoding="utf-8")
        except OSError as error:
            raise Error(f"{to} cannot be written: {error.strerror or error}") from None
    return found


def as_notebook(cells: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Make the content of a notebook of what a kernel has executed.

    Args:
        cells: the identity and the text of each execution, in order; of one cell, the last one counts, in its
            last place. An execution without an identity is a cell of its own.
    """
    latest: dict[str, str] = {}
    for at, (cell, text) in enumerate(cells):
        key = cell or f"execution-{at}"
        latest.pop(key, None)
        latest[key] = text
    return {
        "cells": [
            {"cell_type": "code", "id": cell, "source": text, "metadata": {}, "outputs": []}
            for cell, text in latest.items()
        ]
    }


def drift(text: str, notebook: Mapping[str, Any]) -> list[Drift]:
    """Tell which tasks of an exported module differ from the notebook, and which side was changed."""
    then = {name: (cell, mark) for name, cell, mark in _MARK.findall(text)}
    here, there = _hashes(text), _hashes(export(notebook).text)
    found = (
        Drift(task=name, cell=cell, module=here.get(name) != mark, notebook=there.get(name) != mark)
        for name, (cell, mark) in then.items()
    )
    return [one for one in found if one.module or one.notebook]


# From cells to statements without magics


def _items(cells: Sequence[CodeCell], into: Translation) -> Iterator[Item]:
    environments = Environments.of(cells)
    names = {name for cell in cells for step in steps(cell) for name in step.binds}
    if not environments.alias and any(export_tasks.is_functions(cell) for cell in cells):
        yield _item(cells[0], ast.parse("import flyte_jupyter as flyte").body[0])
    made: set[str] = set()
    for cell in cells:
        if cell.failure:
            raise Error(f"cell {cell.number} is no Python: {cell.failure} (line {cell.failed_line})")
        try:
            written = list(_statements(cell, environments, names, into))
        except UsageError as error:
            raise Error(f"cell {cell.number}: {error}") from None
        for variable in environments.made.keys() - made:
            made.add(variable)
            yield _item(cell, environments.made[variable])
        yield from written


def _statements(
    cell: CodeCell, environments: Environments, names: set[str], into: Translation
) -> Iterator[Item]:
    if cell.tree is None:
        yield from _translated(cell, export_magics.other_language(cell, into), into, [])
        return
    if cell.magic == TASK_MAGIC and (wrong := misplaced(below(cell))):
        raise UsageError(wrong)
    written = zip(cell.statements, _texts(cell), strict=True)
    for node, text in written:
        above = export_tasks.decorator(cell, node, environments)
        if above:
            decorated = _decorated(text or ast.unparse(node), above)
            yield _item(cell, ast.parse(decorated).body[0], decorated)
        elif export_magics.has_magic(node):
            before = len(into.comments)
            made = export_magics.statements(node, names, into)
            yield from _translated(cell, made, into, into.comments[before:])
        else:
            last = node is cell.statements[-1] and not cell.source.rstrip().endswith(";")
            yield _item(cell, node, text, shows=last and _is_shown(node))
    if export_tasks.is_functions(cell):
        asked = export_tasks.call(cell, environments.package)
        yield from () if asked is None else [_item(cell, asked, shows=isinstance(asked, ast.Expr))]


def _decorated(text: str, decorator: str) -> str:
    """Put a decorator above a definition, below the comments that stand above it."""
    lines = text.split("\n")
    at = next(at for at, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join((*lines[:at], decorator, *lines[at:]))


def _translated(
    cell: CodeCell, nodes: Sequence[ast.stmt], into: Translation, comments: Sequence[str]
) -> Iterator[Item]:
    said = list(comments) or into.comments[-1:]
    if not nodes:
        yield _item(cell, ast.Pass(), comments=said)
    for node in nodes:
        yield _item(cell, ast.fix_missing_locations(node))


def _item(
    cell: CodeCell, node: ast.stmt, text: str = "", *, comments: Sequence[str] = (), shows: bool = False
) -> Item:
    plain = replace(cell, offset=0)
    return Item(
        cell=cell, node=node, step=whole(plain, node), text=text, comments=list(comments), shows=shows
    )


def _is_shown(node: ast.stmt) -> bool:
    """Whether a notebook shows the value of a statement where it is the last one."""
    if not isinstance(node, ast.Expr):
        return False
    called = node.value.func if isinstance(node.value, ast.Call) else None
    return not (isinstance(called, ast.Name) and called.id in ("print", "display"))


def _texts(cell: CodeCell) -> Iterator[str]:
    """Give each statement as it is written, with the comments above it; "" where it shares a line."""
    lines = cell.python.splitlines(keepends=True)
    spans = [_span(node) for node in cell.statements]
    end = 0
    for at, (first, last) in enumerate(spans):
        alone = first > end and (at + 1 == len(spans) or spans[at + 1][0] > last)
        start = first
        while alone and start - 1 > end and lines[start - 2].lstrip().startswith("#"):
            start -= 1
        yield "".join(lines[start - 1 : last]).rstrip("\n") if alone else ""
        end = last


def _span(node: ast.stmt) -> tuple[int, int]:
    decorators = [one.lineno for one in getattr(node, "decorator_list", [])]
    return min([node.lineno, *decorators]), node.end_lineno or node.lineno


# Hashes


def _marked(text: str, found: Plan) -> str:
    """Put a comment above each task: its cell, and the hash of its code with all that it needs."""
    cells = {name: item.cell for item in (*found.top, *found.main) for name in item.step.binds}
    lines = text.split("\n")
    places = {name: _span(node)[0] for name, node in _task_nodes(ast.parse(text))}
    hashes = _hashes(text)
    for name, line in sorted(places.items(), key=lambda pair: -pair[1]):
        cell = cells[name]
        lines.insert(line - 1, f"# task {name}: cell {cell.id or cell.number}, slice {hashes[name]}")
    return "\n".join(lines)


def _hashes(text: str) -> dict[str, str]:
    """Hash each task of a module with what it needs of the module; comments and formatting do not count."""
    try:
        cell = read_code(text, id="", number=1)
    except ValueError:
        return {}
    binding = {name: node for node in reversed(cell.statements) for name in whole(cell, node).binds}
    return {name: _hash(name, cell, binding) for name, _ in _task_nodes(cell.tree or ast.Module([], []))}


def _hash(name: str, cell: CodeCell, binding: Mapping[str, ast.stmt]) -> str:
    parts: dict[str, str] = {}
    todo = [name]
    while todo:
        one = todo.pop()
        node = binding.get(one)
        if node is None or one in parts:
            continue
        parts[one] = ast.dump(node)
        step = whole(cell, node)
        todo += [*step.uses, *step.later]
    return digest("exported task", *(f"{one}={parts[one]}" for one in sorted(parts)))[:12]


def _task_nodes(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in tree.body:
        for decorator in getattr(node, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(called, ast.Attribute) and called.attr == "task":
                yield node.name, node  # type: ignore[attr-defined] # it is a function
