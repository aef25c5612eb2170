"""The decorators of a function, less our own: a task's options are in other parts of its cache key."""

import ast
from types import MethodType
from typing import TYPE_CHECKING, Any

from flyte_jupyter.tasks.slicing.canonical import expression_form
from flyte_jupyter.tasks.slicing.origins import OUR_NAME
from flyte_jupyter.tasks.slicing.snippets import Snippet

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk


def foreign(snippet: Snippet | None, scope: dict[str, Any]) -> list[ast.expr]:
    """Give the decorators that count."""
    if snippet is None or isinstance(snippet.node, ast.Lambda):
        return []
    return [node for node in snippet.node.decorator_list if not is_ours(node, scope)]


def is_ours(node: ast.expr, scope: dict[str, Any]) -> bool:
    """Tell whether a decorator is ``@env.task``, with or without options."""
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Name):
        value = scope.get(called.id)
        return isinstance(value, MethodType) and value.__name__ == "task" and _ours(value.__self__)
    if not isinstance(called, ast.Attribute) or called.attr != "task":
        return False
    owner: Any = called.value
    value = scope.get(owner.id) if isinstance(owner, ast.Name) else None
    return value is None or _ours(value)


def binding(walk: "Walk", node: ast.expr, scope: dict[str, Any]) -> tuple[str, str]:
    """Name a decorator's form and what its names stand for."""
    names = sorted({inside.id for inside in ast.walk(node) if isinstance(inside, ast.Name)})
    found = [f"{name}={walk.in_scope(scope, name)}" for name in names if name in scope]
    return f"@{expression_form(node)}", " ".join(found)


def _ours(value: object) -> bool:
    cls = type(value)
    return cls.__module__.partition(".")[0] == OUR_NAME or (
        isinstance(getattr(value, "__name__", None), str) and getattr(value, "__name__", "") == OUR_NAME
    )
