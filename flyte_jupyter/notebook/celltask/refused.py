"""Why what a cell leaves behind is not kept, as far as its statements tell before it runs."""

import ast
from collections.abc import Mapping
from typing import Any

from flyte_jupyter.notebook.celltask.body import Statements


def refusal(statements: Statements, scope: Mapping[str, Any], code: set[str], *, makes_function: bool) -> str:
    """Say why; empty if nothing speaks against keeping.

    Args:
        statements: the cell.
        scope: the notebook's names.
        code: the names of functions, classes and modules that it takes.
        makes_function: whether the cell can be written as a function.
    """
    names = statements.names
    for line, reason in names.unseen:
        return f"line {line}: {reason}"
    imported = statements.imported
    for name in names.stores:
        if name in code or name in imported:
            kind = type(scope.get(name)).__name__ if name in scope else "module"
            return f"it changes the {kind} {name}"
    if not makes_function:
        return "it is no body of a function"
    entangled = statements.entangled()
    if entangled:
        return f"{entangled}, which the same cell makes"
    twice = [name for name in statements.defined if _bindings(statements, name) > 1]
    return f"{twice[0]} is defined more than once" if twice else ""


def _bindings(statements: Statements, name: str) -> int:
    """Count the places where a name is bound."""
    nodes = [node for node in ast.walk(statements.body.tree) if isinstance(node, ast.Name)]
    stores = [node for node in nodes if node.id == name and not isinstance(node.ctx, ast.Load)]
    return len(stores) + statements.defined.count(name)
