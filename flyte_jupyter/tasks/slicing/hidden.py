"""Calls that reach names which nobody can see in the code that makes them."""

import ast
from collections.abc import Iterator, Mapping

_NAMESPACES = frozenset({"f_globals", "user_global_ns", "user_ns"})
_COMPILING = frozenset({"eval", "exec"})
_IMPORTING = frozenset({"__import__", "import_module"})
BLIND = frozenset({"eval", "exec", "globals", "__import__"})
"""Those of them that are built in."""

Parents = Mapping[ast.AST, ast.AST]


def calls(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Give each such call with how it is written in short; not those whose names are plain texts."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _hides(node, parents)):
            yield node, f"{name}()"
        elif isinstance(node, ast.Attribute) and node.attr in _NAMESPACES and not _is_told(node, parents):
            yield node, ast.unparse(node)
        elif isinstance(node, ast.Subscript) and _is_modules(node.value) and not _is_text(node.slice):
            yield node, ast.unparse(node.value)


def imports(tree: ast.AST) -> Iterator[str]:
    """Give the modules that are imported by a call with a plain name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node) in _IMPORTING and _is_text(*node.args[:1]):
            first = node.args[0]
            if isinstance(first, ast.Constant) and not str(first.value).startswith("."):
                yield str(first.value)


def _hides(call: ast.Call, parents: Parents) -> str:
    name, is_bare = _name(call), isinstance(call.func, ast.Name)
    if name == "globals" and is_bare and not _is_told(call, parents):
        return name
    if name in _IMPORTING or (name in _COMPILING and is_bare):
        return "" if _is_text(*call.args[:1]) else name
    return ""


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _is_told(namespace: ast.AST, parents: Parents) -> bool:
    """Whether a namespace is asked for one name that is a plain text."""
    user = parents.get(namespace)
    if isinstance(user, ast.Subscript):
        return _is_text(user.slice) or isinstance(user.ctx, ast.Store)
    if isinstance(user, ast.Compare):
        return _is_text(user.left)
    call = parents.get(user) if isinstance(user, ast.Attribute) and user.attr == "get" else None
    return isinstance(call, ast.Call) and _is_text(*call.args[:1])


def _is_modules(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.modules"


def _is_text(node: ast.AST | None = None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
