"""Texts that a cell's statements make of constants and of values that are known by name."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

_PLAIN = (str, int, PurePath)


def built(tree: ast.Module, values: Mapping[str, Any]) -> Iterator[str]:
    """Give the texts of f-strings, sums and paths.

    Args:
        tree: the cell.
        values: what names mean.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            found = _text(node, values)
            if found:
                yield found


def _text(node: ast.expr, values: Mapping[str, Any]) -> str | None:
    """Write an expression as text; None if it is made of anything else."""
    if isinstance(node, ast.Constant | ast.Name):
        value = node.value if isinstance(node, ast.Constant) else values.get(node.id)
        return str(value) if isinstance(value, _PLAIN) else None
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion < 0:
        return _text(node.value, values)
    if isinstance(node, ast.JoinedStr):
        return _joined("", [_text(part, values) for part in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
        between = "/" if isinstance(node.op, ast.Div) else ""
        return _joined(between, [_text(node.left, values), _text(node.right, values)])
    return None


def _joined(between: str, parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return between.join(known) if len(known) == len(parts) else None
