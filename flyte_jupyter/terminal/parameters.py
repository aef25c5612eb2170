"""Parameters of a notebook, by papermill's tags: what it declares, and the cell that sets them anew."""

import ast
import json
import keyword
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from flyte_jupyter.terminal.screen import UsageError

DECLARED, INJECTED = "parameters", "injected-parameters"
"""The tags of the cell that declares parameters, and of the one that sets them."""

Node = Any


def parse(given: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value is a Python or JSON literal, else text.

    Raises:
        UsageError: a pair has no name that a variable can have, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"-p {pair!r}: give name=value, with the name of a parameter of the notebook")
        if name in values:
            raise UsageError(f"-p {name} is given twice")
        values[name] = value(text)
    return values


def value(text: str) -> Any:
    """Read a Python literal, else a JSON one, else take it as text."""
    for read in (ast.literal_eval, _json):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if _is_writable(found):
            return found
    return text


def inject(notebook: Node, values: Mapping[str, Any]) -> None:
    """Put a cell that sets the values behind the one that declares them, in place of an earlier one.

    Raises:
        UsageError: the notebook declares no parameters, or not one of these.
    """
    if not values:
        return
    declaring = next((cell for cell in notebook.cells if _is_tagged(cell, DECLARED)), None)
    if declaring is None:
        raise UsageError(f"the notebook has no parameters: no cell has the tag {DECLARED!r}")
    _check(values, declared(declaring.source))
    notebook.cells = [cell for cell in notebook.cells if not _is_tagged(cell, INJECTED)]
    lines = [f"{name} = {found!r}" for name, found in values.items()]
    source = "\n".join(["# Parameters", *lines])
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [INJECTED]})  # type: ignore[no-untyped-call]
    at = next(i for i, one in enumerate(notebook.cells) if one is declaring)
    notebook.cells.insert(at + 1, cell)


def declared(source: str) -> list[str]:
    """Give the names that a cell assigns at its top level."""
    try:
        plain = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call] # magics go
        body = ast.parse(plain).body
    except SyntaxError:
        return []
    return [name for statement in body for name in _assigned(statement)]


def _check(values: Mapping[str, Any], names: list[str]) -> None:
    for name in values:
        if name not in names:
            close = get_close_matches(name, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise UsageError(
                f"the notebook has no parameter {name!r}{hint} It has {', '.join(names) or 'none'}"
            )


def _json(text: str) -> Any:
    return json.loads(text)


def _is_writable(found: Any) -> bool:
    """Whether its repr is Python for it; that of an infinite number is not."""
    try:
        return bool(ast.literal_eval(repr(found)) == found)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _is_tagged(cell: Node, tag: str) -> bool:
    return cell.cell_type == "code" and tag in cell.metadata.get("tags", [])


def _assigned(statement: ast.stmt) -> Iterator[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    for target in targets:
        yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
