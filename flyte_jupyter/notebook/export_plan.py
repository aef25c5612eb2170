"""What of a notebook stands at the top of a module, in which order, and what its ``main`` does."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flyte_jupyter.notebook.bindings import Step
from flyte_jupyter.notebook.sources import CodeCell

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_PURE_BUILTINS = frozenset(
    {
        *("int", "float", "str", "bytes", "bool", "complex", "list", "dict", "set", "tuple", "frozenset"),
        *("range", "len", "min", "max", "sum", "sorted", "zip", "enumerate", "reversed", "abs", "round"),
        *("slice", "type", "map", "filter"),
    }
)
_PURE_ENDS = frozenset(
    {
        *("compile", "timedelta", "datetime", "date", "namedtuple", "array", "arange", "linspace", "zeros"),
        *("ones", "partial", "itemgetter", "attrgetter", "getLogger", "field", "default_rng", "clone_with"),
    }
)
_ACTING = frozenset({"run", "aio", "init", "map"})
_SURROUNDINGS = ("sys.path", "os.environ", "site.")


@dataclass(slots=True, kw_only=True, eq=False)
class Item:
    """A statement of the notebook on its way into the module.

    Args:
        cell: where it stands.
        node: it, without magics.
        step: what it needs and binds.
        text: what is written; made of the node if empty.
        comments: what goes before it.
        shows: whether the notebook shows its value.
    """

    cell: CodeCell
    node: ast.stmt
    step: Step
    text: str = ""
    comments: list[str] = field(default_factory=list)
    shows: bool = False

    @property
    def is_import(self) -> bool:
        """Whether it only imports, perhaps with something in place of what is not installed."""
        return isinstance(self.node, _IMPORTS) or (
            isinstance(self.node, ast.Try) and all(isinstance(one, _IMPORTS) for one in self.node.body)
        )

    @property
    def is_definition(self) -> bool:
        """Whether it defines a function or class."""
        return isinstance(self.node, _DEFINITIONS)

    @property
    def prepares(self) -> bool:
        """Whether it changes where or how imports find things."""
        text = ast.unparse(self.node)
        return text.startswith(_SURROUNDINGS) and not isinstance(self.node, _DEFINITIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The order of a module.

    Args:
        head: imports that come first.
        top: what stands at the top of the module, in an order in which all that is needed is there.
        main: what ``main`` does.
        shared: the names that ``main`` assigns and that others see.
    """

    head: tuple[Item, ...]
    top: tuple[Item, ...]
    main: tuple[Item, ...]
    shared: tuple[str, ...]


def plan(items: Sequence[Item]) -> Plan:
    """Divide a notebook's statements.

    Definitions and what they need when they are made go to the top, each name's first one only: where a name
    is defined again, ``main`` does so in its turn.
    """
    banned: set[int] = set()
    while True:
        chosen = _Choice(items, banned).made()
        late = set(_overtaking(items, chosen))
        if not late:
            break
        banned |= late
    top = [item for item in items if id(item) in chosen]
    main = [item for item in items if id(item) not in chosen and not isinstance(item.node, ast.Global)]
    first = next((at for at, item in enumerate(top) if item.prepares), len(top))
    head = [item for at, item in enumerate(top) if item.is_import and at < first]
    rest = [item for item in top if item not in head]
    return Plan(
        head=tuple(head),
        top=tuple(_sorted(rest)),
        main=tuple(main),
        shared=_shared(top, main, items),
    )


class _Choice:
    """Chooses what goes to the top.

    Args:
        items: the statements.
        banned: the identities of those that have to stay in their places.
    """

    def __init__(self, items: Sequence[Item], banned: Collection[int]) -> None:
        self._items = items
        self._first: dict[str, Item] = {}
        self._times: dict[str, int] = {}
        for item in items:
            for name in item.step.binds | item.step.deletes:
                self._first.setdefault(name, item)
                self._times[name] = self._times.get(name, 0) + 1
        self._fits: dict[int, bool] = dict.fromkeys(banned, False)

    def made(self) -> set[int]:
        """Give the identities of the statements that go to the top."""
        chosen: dict[int, Item] = {}
        todo = [item for item in self._items if self._starts(item)]
        while todo:
            item = todo.pop()
            if id(item) in chosen or not self.fits(item):
                continue
            chosen[id(item)] = item
            todo += [self._first[name] for name in item.step.uses if name in self._first]
            todo += [self._first[name] for name in item.step.later if self._is_constant(name)]
        return set(chosen)

    def fits(self, item: Item) -> bool:
        """Whether a statement can stand at the top: so can what it needs, and it does nothing else."""
        known = self._fits.get(id(item))
        if known is not None:
            return known
        self._fits[id(item)] = True  # while it is found out: what needs itself is fine
        needs = (self._first[name] for name in item.step.uses if name in self._first)
        if item.is_import or item.prepares:
            fits = item.prepares or self._agrees(item)
        elif _acts(item.node) or any(self._first[name] is not item for name in item.step.binds):
            fits = False
        else:
            fits = all(one is item or self.fits(one) for one in needs)
        self._fits[id(item)] = fits
        return fits

    def _agrees(self, item: Item) -> bool:
        """Whether no other statement has bound an import's names to something else before."""
        firsts = (self._first[name] for name in item.step.binds)
        return all(
            one is item or ast.dump(one.node) == ast.dump(item.node) or (_is_plain(one) and _is_plain(item))
            for one in firsts
        )

    def _starts(self, item: Item) -> bool:
        if item.is_import or item.is_definition or item.prepares:
            return True
        return all(self._is_constant(n) and n.isupper() for n in item.step.binds) and bool(item.step.binds)

    def _is_constant(self, name: str) -> bool:
        """Whether a name is assigned once, a value that nothing but other constants goes into."""
        item = self._first.get(name)
        if item is None or item.is_definition or item.is_import:
            return False
        simple = isinstance(item.node, ast.Assign | ast.AnnAssign) and _is_pure(item.node.value)
        return simple and all(self._times[one] == 1 for one in item.step.binds) and self.fits(item)


def _is_plain(item: Item) -> bool:
    """Whether a statement imports modules under their own names: ``import a.b`` beside ``import a.c``."""
    return isinstance(item.node, ast.Import) and not any(alias.asname for alias in item.node.names)


def _overtaking(items: Sequence[Item], chosen: Collection[int]) -> Iterator[int]:
    """Find what would get to the top past statements that touch what it is made of."""
    first = {name: item for item in reversed(items) for name in item.step.binds}
    touched: set[str] = set()
    for item in items:
        if id(item) not in chosen:
            touched |= item.step.binds | item.step.deletes | _reached(item.step.uses, first)
        elif not item.is_import and not item.prepares:
            needs = {n for n in _reached(_values(item), first) if n in first and first[n] is not item}
            if any(not first[n].is_definition and not first[n].is_import for n in needs & touched):
                yield id(item)


def _values(item: Item) -> set[str]:
    """Name what a statement's values are made of; a decorator's environment may have changed since."""
    decorators = getattr(item.node, "decorator_list", [])
    marks = {one.id for node in decorators for one in ast.walk(node) if isinstance(one, ast.Name)}
    return set(item.step.uses) - marks


def _reached(names: Iterable[str], first: Mapping[str, Item]) -> set[str]:
    """Give names, and those that the functions of these names read when they are called."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += first[name].step.later if name in first else ()
    return found


def _acts(node: ast.AST) -> bool:
    """Whether a statement does what belongs into its place: it awaits, runs tasks, deletes, changes."""
    if isinstance(node, ast.Raise | ast.Delete | ast.AugAssign):
        return True
    if isinstance(node, _DEFINITIONS):
        inside: Iterable[ast.AST] = (*node.decorator_list, *_defaults(node))
        return any(_acts(one) for one in inside)
    for one in ast.walk(node):
        if isinstance(one, ast.Await):
            return True
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in _ACTING:
            return True
    return False


def _defaults(node: ast.AST) -> Iterator[ast.AST]:
    args = getattr(node, "args", None)
    if isinstance(args, ast.arguments):
        yield from (*args.defaults, *(one for one in args.kw_defaults if one is not None))


def _is_pure(node: ast.expr | None) -> bool:
    """Whether evaluating an expression has no effect and depends on nothing outside."""
    if node is None:
        return False
    return all(_is_pure_call(one) for one in ast.walk(node) if isinstance(one, ast.Call))


def _is_pure_call(node: ast.Call) -> bool:
    func = node.func
    if isinstance(func, ast.Name):
        return func.id in _PURE_BUILTINS or func.id in _PURE_ENDS or func.id[:1].isupper()
    if not isinstance(func, ast.Attribute):
        return False
    return func.attr in _PURE_ENDS or func.attr[:1].isupper() or func.attr.startswith(("with_", "from_"))


def _sorted(items: Sequence[Item]) -> list[Item]:
    """Put what is needed before what needs it; otherwise the notebook's order stays."""
    binding = {name: item for item in reversed(items) for name in item.step.binds}
    done: dict[int, Item] = {}

    def put(item: Item, waiting: tuple[int, ...]) -> None:
        if id(item) in done or id(item) in waiting:
            return
        for name in item.step.uses:
            if name in binding:
                put(binding[name], (*waiting, id(item)))
        done[id(item)] = item

    for item in items:
        put(item, ())
    return list(done.values())


def _shared(top: Sequence[Item], main: Sequence[Item], items: Sequence[Item]) -> tuple[str, ...]:
    """Name what ``main`` assigns and functions of the module read, or the module has as well."""
    assigned = {name for item in main for name in item.step.binds | item.step.deletes}
    if any(item.step.opens and not item.is_import for item in items):
        return tuple(sorted(assigned))  # code that looks names up as text finds them in the module only
    seen = {name for item in top for name in (*item.step.later, *item.step.binds)}
    defined = {name for item in main if item.is_definition for name in item.step.binds}
    return tuple(sorted(assigned & (seen | defined)))
