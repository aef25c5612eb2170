"""Whether the global generators of random numbers were seeded, so that their numbers are to repeat."""

import ast
import re
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing.names import Chain, uses_of

_NAMES = frozenset(
    {"manual_seed", "seed", "seed_everything", "set_random_seed", "set_seed", "set_state", "setstate"}
)
_CALLED = re.compile(rf"\b({'|'.join(sorted(_NAMES))})\s*\(")


def was_seeded(shell: Any) -> bool:
    """Whether a cell of this session seeds one."""
    history = getattr(shell.history_manager, "input_hist_raw", ())
    return any(_CALLED.search(text) for text in list(history))


def seeds(names: set[str]) -> bool:
    """Whether code with these names seeds one."""
    return not names.isdisjoint(_NAMES)


def seeded_first(tree: ast.Module, scope: Mapping[str, Any]) -> set[str]:
    """Name the modules whose generators a cell seeds before anything can draw from them.

    Args:
        tree: the cell.
        scope: the notebook's names.
    """
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.args:
            modules = set(_seeded_by(node.value.func, scope))
            if not modules or any(
                isinstance(inner, ast.Call) for a in node.value.args for inner in ast.walk(a)
            ):
                break
            found |= modules
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef) and _calls(node):
            break
    return found


def _calls(node: ast.stmt) -> bool:
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def _seeded_by(func: ast.expr, scope: Mapping[str, Any]) -> Iterator[str]:
    chain: Chain = ()
    while isinstance(func, ast.Attribute):
        chain, func = (func.attr, *chain), func.value
    value = scope.get(func.id) if isinstance(func, ast.Name) else None
    if isinstance(value, FunctionType) and not chain:
        for name, inner in uses_of(value.__code__).reads:
            yield from _module(value.__globals__.get(name), inner)
    else:
        yield from _module(value, chain)


def _module(value: Any, chain: Chain) -> Iterator[str]:
    """Name the module of which ``seed`` is called."""
    for name in chain:
        if name in _NAMES and isinstance(value, ModuleType):
            yield value.__name__
        value = getattr(value, name, None) if isinstance(value, ModuleType) else None
