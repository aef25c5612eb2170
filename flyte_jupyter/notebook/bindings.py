"""Which names a cell's statements need, bind and delete, in the order in which they run."""

import ast
import builtins
import copy
import re
import symtable
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flyte_jupyter.notebook.magic_names import of_cell_magic, of_line_magic
from flyte_jupyter.notebook.sources import CodeCell, magics_in

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FORGIVING = frozenset({"NameError", "Exception", "BaseException"})
_RUNS_CODE = frozenset({"exec", "eval", "globals", "locals", "vars"})
KERNEL = frozenset(
    {
        *dir(builtins),
        "get_ipython",
        "display",
        "In",
        "Out",
        "exit",
        "quit",
        "__name__",
        "__doc__",
        "__builtins__",
    }
)
"""Names that a kernel has before the first cell."""

_HISTORY = re.compile(r"_+|_i*\d*|_ih|_oh|_dh|_ii+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One statement, or the head of one that holds others.

    Args:
        node: it.
        line: its line in the cell.
        uses: the names that it needs when it runs, with their lines.
        later: the names that the functions in it need when they are called, with their lines.
        binds: the names that exist after it.
        deletes: the names that do not.
        calls: the names that it calls.
        opens: whether it may bind names that cannot be told.
    """

    node: ast.AST
    line: int
    uses: Mapping[str, int] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)
    binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    opens: bool = False


def steps(cell: CodeCell) -> list[Step]:
    """Take a cell apart."""
    found = list(_block(cell, cell.statements, frozenset()))
    magic = of_cell_magic(cell)
    if magic.binds or magic.opens:
        found.append(Step(node=ast.Pass(), line=1, binds=magic.binds, opens=magic.opens))
    if cell.magic == "timeit":  # its statements have a namespace of their own
        return [Step(node=s.node, line=s.line, uses=s.uses, later=s.later) for s in found]
    return found


def whole(cell: CodeCell, node: ast.stmt) -> Step:
    """Give what one statement of the top level needs and binds, with all that it holds."""
    uses: dict[str, int] = {}
    later: dict[str, int] = {}
    binds: set[str] = set()
    parts = list(_block(cell, [node], frozenset()))
    for part in parts:
        uses |= {name: line for name, line in part.uses.items() if name not in binds}
        later |= part.later
        binds |= part.binds
    return Step(
        node=node,
        line=cell.line(node),
        uses=uses,
        later=later,
        binds=frozenset(binds),
        deletes=frozenset(name for part in parts for name in part.deletes),
        calls=frozenset(name for part in parts for name in part.calls),
        opens=any(part.opens for part in parts),
    )


def is_known(name: str) -> bool:
    """Whether every kernel has the name."""
    return name in KERNEL or _HISTORY.fullmatch(name) is not None


def _block(cell: CodeCell, nodes: Iterable[ast.stmt], forgiven: frozenset[str]) -> Iterator[Step]:
    for node in nodes:
        if not isinstance(node, _COMPOUND):
            yield _step(cell, node, forgiven)
            continue
        inside = forgiven | (_bound_inside(node) if isinstance(node, _LOOPS) else frozenset())
        if isinstance(node, ast.Try | ast.TryStar):
            yield from _try(cell, node, inside)
            continue
        yield _step(cell, _head(node), inside)
        yield from _block(cell, node.body, inside)
        yield from _block(cell, getattr(node, "orelse", []), inside)


def _try(cell: CodeCell, node: ast.Try | ast.TryStar, forgiven: frozenset[str]) -> Iterator[Step]:
    yield from _block(cell, node.body, forgiven | (_loaded(node.body) if _forgives(node) else frozenset()))
    for handler in node.handlers:
        named = frozenset({handler.name} if handler.name else ())
        if handler.type is not None:
            yield _step(cell, ast.copy_location(ast.Expr(handler.type), handler), forgiven)
        yield from _block(cell, handler.body, forgiven | named)
    yield from _block(cell, [*node.orelse, *node.finalbody], forgiven)


def _forgives(node: ast.Try | ast.TryStar) -> bool:
    """Whether a missing name is what the statement reckons with."""
    types = [handler.type for handler in node.handlers]
    return any(kind is None or _FORGIVING & _names(kind) for kind in types)


def _head(node: ast.AST) -> ast.stmt:
    """Give the statement that stands for what a compound one does before its body."""
    made: ast.stmt
    if isinstance(node, ast.For | ast.AsyncFor):
        made = ast.Assign([node.target], node.iter)
    elif isinstance(node, ast.With | ast.AsyncWith):
        items = [ast.withitem(item.context_expr, item.optional_vars) for item in node.items]
        made = ast.With(items, [ast.Pass()])
    else:
        made = ast.Expr(getattr(node, "test"))  # noqa: B009 - if and while have one
    return ast.fix_missing_locations(ast.copy_location(made, node))


def _step(cell: CodeCell, node: ast.stmt, forgiven: frozenset[str]) -> Step:
    line = cell.line(node)
    table = _table(_Bare().visit(copy.deepcopy(node)) if cell.lazy else node)
    if table is None:
        return Step(node=node, line=line, opens=True)
    uses, later, binds = _of_table(table)
    if isinstance(node, ast.Match):
        uses -= binds  # its patterns bind before its bodies read
    deletes = _deleted(node)
    uses |= deletes | _changed(node)
    code = _of_line_magics(cell, node)
    uses -= forgiven | _mentioned(node) | _walrus(node)
    return Step(
        node=node,
        line=line,
        uses={**_lines(cell, node, uses), **code.uses},
        later=_lines(cell, node, later - forgiven),
        binds=frozenset(binds - deletes) | code.binds,
        deletes=frozenset(deletes),
        calls=_called(node),
        opens=code.opens or _stars(node) or bool(_RUNS_CODE & _called(node)),
    )


def _table(node: ast.stmt) -> symtable.SymbolTable | None:
    try:
        return symtable.symtable(ast.unparse(node), "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return None


class _Bare(ast.NodeTransformer):
    """Takes annotations away: with ``from __future__ import annotations`` nothing evaluates them."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.copy_location(ast.arg(node.arg), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.copy_location(ast.Constant(None), node.annotation)
        return self.generic_visit(node)


def _of_table(table: symtable.SymbolTable) -> tuple[set[str], set[str], set[str]]:
    """Give the names that are needed at once, those needed later, and those bound at the top."""
    uses: set[str] = set()
    later: set[str] = set()
    binds: set[str] = set()
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            binds.add(symbol.get_name())
        if symbol.is_referenced() and (not symbol.is_assigned() or not symbol.is_namespace()):
            uses.add(symbol.get_name())
    todo = [(child, False) for child in table.get_children()]
    while todo:
        inner, called = todo.pop()
        deferred = called or (inner.get_type() == "function" and inner.get_name() not in _COMPREHENSIONS)
        for symbol in inner.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                (later if deferred else uses).add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
        todo += [(child, deferred) for child in inner.get_children()]
    return uses, later, binds


def _changed(node: ast.stmt) -> set[str]:
    """Give the name that is read although it is only written to: ``x += 1``."""
    return (
        {node.target.id} if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else set()
    )


def _deleted(node: ast.stmt) -> set[str]:
    if not isinstance(node, ast.Delete):
        return set()
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def _mentioned(node: ast.AST) -> set[str]:
    """Give names that the statement also mentions as text: ``if "x" not in globals()``."""
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _walrus(node: ast.AST) -> set[str]:
    return {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}


def _called(node: ast.AST) -> frozenset[str]:
    """Give the names that are called when the statement runs, not those that its functions call."""
    found: set[str] = set()
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name):
            found.add(one.func.id)
        inner = ast.iter_child_nodes(one)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = iter([*getattr(one, "decorator_list", []), *one.args.defaults])
        todo.extend(inner)
    return frozenset(found)


def _stars(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _bound_inside(node: ast.AST) -> frozenset[str]:
    stores = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    defined = (
        n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    return frozenset({*stores, *defined})


def _loaded(nodes: Iterable[ast.AST]) -> frozenset[str]:
    return frozenset(name for node in nodes for name in _names(node))


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _lines(cell: CodeCell, node: ast.AST, names: Iterable[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            places.setdefault(one.id, cell.line(one))
    return {name: places.get(name, cell.line(node)) for name in sorted(names)}


def _of_line_magics(cell: CodeCell, node: ast.stmt) -> Step:
    """Give what magics in a statement need and bind."""
    uses: dict[str, int] = {}
    binds: set[str] = set()
    opens = False
    for call, kind, texts in magics_in(node):
        if kind == "run_line_magic" and texts:
            found = of_line_magic(texts[0], texts[1] if len(texts) > 1 else "")
            for step in _read(found.code):
                uses |= dict.fromkeys(step.uses, cell.line(call))
                binds |= step.binds if found.keeps else frozenset()
            binds |= found.binds
            opens = opens or found.opens
    return Step(node=node, line=cell.line(node), uses=uses, binds=frozenset(binds), opens=opens)


def _read(code: str) -> list[Step]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return []
    return list(_block(CodeCell(id="", number=0, source=code, tree=tree), tree.body, frozenset()))
