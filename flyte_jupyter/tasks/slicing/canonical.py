"""The form of a syntax tree that stays the same when only comments, formatting or docstrings change."""

import ast
from collections.abc import Collection, Iterable

_IGNORED = frozenset({"ctx", "type_comment", "kind", "decorator_list"})
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def function_form(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, *, documented: bool) -> str:
    """Write a function's form, less its name, its decorators and the text of its defaults.

    The defaults count by their values. Annotations count as written.
    """
    out = [type(node).__name__]
    args = node.args
    for named in (args.posonlyargs, args.args, args.vararg, args.kwonlyargs, args.kwarg):
        _write(named, out, documented)
    if isinstance(node, ast.Lambda):
        _write(node.body, out, documented)
    else:
        _write(node.returns, out, documented)
        _write(_body(node, documented), out, documented)
    return "".join(out)


def class_form(node: ast.ClassDef, *, documented: bool, without: Collection[str]) -> str:
    """Write a class's form, less the bodies of its methods and the values of the given attributes."""
    out = ["class"]
    _write([*node.bases, *node.keywords], out, documented)
    for statement in _body(node, documented):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            out.append(f"def {statement.name};")
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and _names(statement) <= set(without):
            out.append(f"set {sorted(_names(statement))};")
            _write(statement.annotation if isinstance(statement, ast.AnnAssign) else None, out, documented)
        else:
            _write(statement, out, documented)
    return "".join(out)


def evaluated_names(node: ast.ClassDef, *, without: Collection[str]) -> set[str]:
    """Give the names that a class's body reads when it is defined, less those of the given attributes."""
    statements = [
        statement
        for statement in node.body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not (isinstance(statement, ast.Assign | ast.AnnAssign) and _names(statement) <= set(without))
    ]
    found = (inside for part in (*node.keywords, *statements) for inside in ast.walk(part))
    return {name.id for name in found if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}


def expression_form(node: ast.AST) -> str:
    """Write the form of an expression."""
    out: list[str] = []
    _write(node, out, documented=True)
    return "".join(out)


def _names(statement: ast.Assign | ast.AnnAssign) -> set[str]:
    targets: Iterable[ast.expr] = (
        statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    )
    return {target.id if isinstance(target, ast.Name) else "" for target in targets}


def _body(node: Definition, documented: bool) -> list[ast.stmt]:
    first = node.body[0] if node.body else None
    value = first.value if isinstance(first, ast.Expr) else None
    has_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return node.body[1:] if has_text and not documented else node.body


def _write(value: object, out: list[str], documented: bool) -> None:
    """Append a form that can be read in one way only: brackets around nodes and lists, repr for the rest."""
    if isinstance(value, ast.Constant):
        out.append(f"{type(value.value).__name__}{value.value!r};")
    elif isinstance(value, ast.AST):
        out.append(f"{type(value).__name__}(")
        for name in value._fields:
            if name == "body" and isinstance(value, _DEFINITIONS):
                _write(_body(value, documented), out, documented)
            elif name not in _IGNORED or (name == "decorator_list" and value.decorator_list):  # type: ignore[attr-defined]
                _write(getattr(value, name, None), out, documented)
        out.append(")")
    elif isinstance(value, list):
        out.append("[")
        for item in value:
            _write(item, out, documented)
        out.append("]")
    else:
        out.append(f"{value!r},")
