"""The text of an exported module."""

import ast
from collections.abc import Iterable, Iterator, Sequence

from flyte_jupyter.notebook.export_magics import Translation
from flyte_jupyter.notebook.export_plan import Item, Plan

_SHOW = "def {}(value):\n    if value is not None:\n        print(repr(value))"
_DISPLAY = "def display(*values):\n    for value in values:\n        print(value)"
"""What a notebook has and a module has not."""

_NEEDED = ("dataclasses", "datetime")
"""Modules that the options of tasks are written with."""


def module(found: Plan, into: Translation, name: str) -> str:
    """Write a module."""
    taken = {bound for item in (*found.head, *found.top, *found.main) for bound in item.step.binds}
    main = _free("main", taken)
    show = _free("_show", taken)
    body = _main(found, main, show)
    blocks = [_block(item) for item in found.top if not isinstance(item.node, ast.Pass)]
    whole = "\n".join((*blocks, body))
    imports = _imports(found.head, into, whole, taken, awaits=_awaits(found))
    helpers = [_SHOW.format(show)] if f"{show}(" in body else []
    helpers += [_DISPLAY] if "display(" in whole and "display" not in taken else []
    notes = "".join(f"# Note: {note}.\n" for note in dict.fromkeys(into.notes))
    head = f'"""Exported from {_quoted(name)} by flyte-jupyter."""\n\n{notes}{imports}'.rstrip()
    start = f'if __name__ == "__main__":\n    {_call(found, main)}' if body else ""
    parts = (head, *helpers, *_spaced(found.top, blocks), body, start)
    return "\n\n\n".join(part for part in parts if part) + "\n"


def _imports(head: Iterable[Item], into: Translation, text: str, taken: set[str], *, awaits: bool) -> str:
    """Write the imports, each once; what must be first comes first."""
    lines = dict.fromkeys(line for item in head for line in _source(item).split("\n\n"))
    plain = [f"import {name}" for name in sorted(into.imports)]
    plain += [f"import {name}" for name in _NEEDED if f"{name}." in text and name not in taken]
    plain += ["import asyncio"] if awaits and "asyncio" not in taken else []
    future = [line for line in lines if line.startswith("from __future__")]
    own = [line for line in plain if line not in lines]
    return "\n".join((*future, *dict.fromkeys(own), *(line for line in lines if line not in future)))


def _main(found: Plan, name: str, show: str) -> str:
    """Write what the notebook does at its top level."""
    lines: list[str] = []
    cell = None
    for item in found.main:
        if item.cell is not cell:
            cell = item.cell
            lines.append(f"{'' if not lines else chr(10)}# cell {cell.id or cell.number}")
        lines += [f"# {comment}" for comment in item.comments]
        if not isinstance(item.node, ast.Pass) or not item.comments:
            lines.append(_shown(item, show) if item.shows else _source(item))
    if not any(not isinstance(item.node, ast.Pass) for item in found.main):
        return ""
    shared = f"    global {', '.join(found.shared)}\n" if found.shared else ""
    head = f"{'async ' if _awaits(found) else ''}def {name}() -> None:\n"
    document = '    """Do what the notebook does from its first cell to its last."""\n'
    return head + document + shared + "\n".join(map(_indented, lines))


def _call(found: Plan, main: str) -> str:
    return f"asyncio.run({main}())" if _awaits(found) else f"{main}()"


def _awaits(found: Plan) -> bool:
    return any(map(_is_awaiting, (item.node for item in found.main)))


def _is_awaiting(node: ast.AST) -> bool:
    """Whether a statement awaits itself, and not only in functions that it defines."""
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return False
    return any(map(_is_awaiting, ast.iter_child_nodes(node)))


def _spaced(items: Sequence[Item], blocks: Sequence[str]) -> Iterator[str]:
    """Keep assignments that follow each other together; definitions have room around them."""
    written = [item for item in items if not isinstance(item.node, ast.Pass)]
    group: list[str] = []
    for item, block in zip(written, blocks, strict=True):
        if item.is_definition:
            yield "\n".join(group)
            group = []
            yield block
        else:
            group.append(block)
    yield "\n".join(group)


def _block(item: Item) -> str:
    return "\n".join((*(f"# {comment}" for comment in item.comments), _source(item)))


def _source(item: Item) -> str:
    return item.text or ast.unparse(item.node)


def _shown(item: Item, show: str) -> str:
    comments = [line for line in item.text.split("\n") if line.startswith("#")]
    value = item.node.value if isinstance(item.node, ast.Expr) else item.node
    return "\n".join((*comments, f"{show}({ast.unparse(value)})"))


def _indented(text: str) -> str:
    """Indent a statement; the lines inside of texts that go over several lines stay as they are."""
    inside: set[int] = set()
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a statement that awaits is parsed all the same, so this is a comment
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and (node.end_lineno or 0) > node.lineno:
            inside |= set(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    lines = text.split("\n")
    return "\n".join(
        f"    {line}" if line.strip() and at not in inside else line for at, line in enumerate(lines, 1)
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    return name


def _quoted(name: str) -> str:
    return name.replace("\\", "/").replace('"', "'")
