"""What a cell takes from the notebook, binds, deletes and may change: read from its statements."""

import ast
import dis
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flyte_jupyter.notebook.celltask import effects
from flyte_jupyter.tasks.slicing.names import nested

_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ABOUT = frozenset({"__name__", "__qualname__", "__module__", "__doc__", "__file__", "__builtins__"})
_INLINE = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of a cell.

    Args:
        reads: taken from outside, as far as the cell has not surely bound them before.
        binds: bound by its statements, in order.
        deletes: deleted by its statements.
        changes: may be changed in place: by an assignment to an item or attribute, or a method.
        stores: those of ``changes`` whose items or attributes are assigned or deleted.
        unseen: why what it does cannot be followed: line and reason.
        dotted: all names that it mentions, each with the attributes that it takes from it at once.
    """

    reads: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    unseen: tuple[tuple[int, str], ...] = ()
    dotted: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, tree: ast.Module) -> "Names":
        """Read them from a cell's statements."""
        flow = _Flow()
        flow.block(tree.body)
        stored = tuple(dict.fromkeys(effects.stores(tree)))
        return cls(
            reads=tuple(flow.reads),
            binds=tuple(flow.binds),
            deletes=tuple(flow.deletes),
            changes=tuple(dict.fromkeys((*stored, *effects.calls(tree)))),
            stores=stored,
            unseen=tuple(effects.unseen(tree)),
            dotted=tuple(dict.fromkeys(_dotted(tree))),
        )


@dataclass
class _Flow(ast.NodeVisitor):
    """Goes through statements in order, with the names that are surely bound so far."""

    reads: dict[str, None] = field(default_factory=dict)
    binds: dict[str, None] = field(default_factory=dict)
    deletes: dict[str, None] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)

    def block(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def branches(self, *blocks: Callable[[], None]) -> None:
        """Go through blocks of which one is executed."""
        start, ends = set(self.bound), []
        for go in blocks:
            self.bound = set(start)
            go()
            ends.append(self.bound)
        self.bound = set.intersection(*ends)

    def maybe(self, nodes: Sequence[ast.AST]) -> None:
        """Go through a block that may not be executed."""
        self.branches(lambda: self.block(nodes), lambda: None)

    def read(self, name: str) -> None:
        if name not in self.bound and name not in _ABOUT:
            self.reads[name] = None

    def bind(self, name: str) -> None:
        self.binds[name] = None
        self.bound.add(name)

    def inside(self, node: ast.stmt | ast.expr) -> None:
        """Count what a function, class or comprehension takes from outside itself."""
        for name in _outside(node):
            self.read(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.deletes[node.id] = None
            self.bound.discard(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.block([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.block([node.value, node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.block([node.value, node.target])
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.block([node.value, node.target])

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.maybe(node.values[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.branches(lambda: self.visit(node.body), lambda: self.visit(node.orelse))

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.branches(lambda: self.block(node.body), lambda: self.block(node.orelse))

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.maybe([node.target, *node.body])
        self.maybe(node.orelse)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.visit_For(node)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self.maybe(node.body)
        self.maybe(node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        start = set(self.bound)
        blocks = [lambda: self.block([*node.body, *node.orelse])]
        blocks += [lambda h=handler: self._handler(h) for handler in node.handlers]  # type: ignore[misc]
        self.branches(*blocks)
        end, self.bound = self.bound, start
        self.block(node.finalbody)
        self.bound |= end

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.visit_Try(node)

    def _handler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self.bound.add(node.name)
        self.block(node.body)
        self.bound.discard(node.name or "")

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item)
        if all(_lets_errors_through(item.context_expr) for item in node.items):
            self.block(node.body)
        else:  # it may end the block early and go on behind it
            self.maybe(node.body)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.visit_With(node)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self.branches(*(lambda c=case: self._case(c) for case in node.cases), lambda: None)

    def _case(self, case: ast.match_case) -> None:
        self.visit(case.pattern)
        for inner in ast.walk(case.pattern):
            if isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name:
                self.bind(inner.name)
            elif isinstance(inner, ast.MatchMapping) and inner.rest:
                self.bind(inner.rest)
        self.block([*([case.guard] if case.guard else []), *case.body])

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.bind(alias.asname or alias.name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        spec = node.args
        self.block([*node.decorator_list, *spec.defaults, *filter(None, spec.kw_defaults)])
        every = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg)
        self.block([arg.annotation for arg in every if arg is not None and arg.annotation is not None])
        self.block([node.returns] if node.returns else [])
        self.bind(node.name)
        self.inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.block([*node.decorator_list, *node.bases, *(word.value for word in node.keywords)])
        self.bind(node.name)
        self.inside(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.inside(node)

    def visit_ListComp(self, node: ast.expr) -> None:
        self.inside(node)
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name):
                self.binds[inner.target.id] = None  # if it is reached

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815 - the nodes' names


def _outside(node: ast.stmt | ast.expr) -> Iterator[str]:
    """Name what the code inside of a function, class or comprehension takes from the module's names."""
    is_statement = isinstance(node, ast.stmt)
    tree: ast.Module | ast.Expression = (
        ast.Module([node], []) if isinstance(node, ast.stmt) else ast.Expression(node)
    )
    try:
        top = compile(tree, "<cell>", "exec" if is_statement else "eval", _INLINE, dont_inherit=True)
    except (SyntaxError, ValueError):  # running the cell says so
        return
    for code in nested(top):
        if code is top and is_statement:
            continue
        instructions = list(dis.get_instructions(code))
        own = {i.argval for i in instructions if i.opname == "STORE_NAME"} if code is not top else set()
        yield from (i.argval for i in instructions if i.opname in _LOADS and i.argval not in own)


def _dotted(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Give the names in a tree, each with its attributes."""
    inner, chain = node, list[str]()
    while isinstance(inner, ast.Attribute):
        chain.append(inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        yield (inner.id, *reversed(chain))
        return
    for child in ast.iter_child_nodes(inner):
        yield from _dotted(child)


def _lets_errors_through(expr: ast.expr) -> bool:
    """Whether a block under a context manager always runs to its end or raises: as with ``open``."""
    return isinstance(expr, ast.Call) and isinstance(expr.func, ast.Name) and expr.func.id == "open"
