"""What statements may do to objects, as far as their text tells, and what nobody can follow."""

import ast
from collections.abc import Iterator

_UNSEEN = {
    "eval": "what eval() reads is not seen",
    "exec": "what exec() does is not seen",
    "globals": "what is done through globals() is not seen",
    "locals": "what is done through locals() is not seen",
    "input": "input() asks for something new each time",
    "breakpoint": "breakpoint() stops each time",
    "__import__": "what __import__() loads is not seen",
    "get_ipython": "magics and shell commands have effects that cannot be kept",
}
_BARE = {"vars": "what is read through vars() is not seen", "dir": "what is read through dir() is not seen"}
_CHANGING = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "fill",
        "fit",
        "fit_transform",
        "insert",
        "partial_fit",
        "pop",
        "popitem",
        "popleft",
        "put",
        "remove",
        "resize",
        "reverse",
        "rotate",
        "seed",
        "setdefault",
        "setflags",
        "shuffle",
        "sort",
        "symmetric_difference_update",
        "difference_update",
        "intersection_update",
        "update",
        "write",
        "writelines",
    ]
)


def root_of(node: ast.expr) -> str:
    """Give the name at the beginning of ``name.attribute[item]``; empty if there is none."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def stores(tree: ast.Module) -> Iterator[str]:
    """Name what has an item or attribute assigned or deleted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield from filter(None, [root_of(node)])


def calls(tree: ast.Module) -> Iterator[str]:
    """Name what a method may change, as far as the method's name or ``inplace=True`` tells."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        inplace = any(word.arg == "inplace" for word in node.keywords)
        if node.func.attr in _CHANGING or inplace:
            yield from filter(None, [root_of(node.func)])


def unseen(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Say why what the statements do cannot be followed: line and reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _UNSEEN:
            yield node.lineno, _UNSEEN[node.id]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            if node.func.id in _BARE:
                yield node.lineno, _BARE[node.func.id]
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield node.lineno, f"import * from {node.module} hides which names are bound"
