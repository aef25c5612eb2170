"""Cached tasks: what may change their results without a change of their cache version."""

import ast
from collections.abc import Iterator, Mapping, Sequence

from flyte_jupyter.notebook import lint_tasks
from flyte_jupyter.notebook.found import Finding, finding
from flyte_jupyter.notebook.lint_tasks import Function
from flyte_jupyter.notebook.sources import CodeCell
from flyte_jupyter.tasks.slicing import hidden

_ON = frozenset({"auto", "enable", "enabled", "on", "true", "yes"})
_CLOCKS = frozenset(
    {"time.time", "time.time_ns", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}
    | {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"}
    | {"pd.Timestamp.now", "pandas.Timestamp.now", "uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"}
    | {"os.urandom", "secrets.token_hex", "secrets.token_bytes"}
)
_DRAWS = frozenset(
    {"random.random", "random.randint", "random.choice", "random.choices", "random.sample", "random.shuffle"}
    | {"random.uniform", "random.gauss"}
)
_GENERATORS = frozenset({"np.random.default_rng", "numpy.random.default_rng", "random.Random"})
_NUMPY = ("np.random.", "numpy.random.")
_SEEDS = frozenset({"seed", "manual_seed", "set_state", "setstate"})

Helpers = Mapping[str, tuple[CodeCell, Function]]


def hiding(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find names that cached tasks reach in a way that their version cannot see."""
    for task, cell, func in _reached(cells):
        bound = _bound(func)
        for call, text in hidden.calls(func):
            if text.removesuffix("()") not in bound:
                message = (
                    f"cached task {task}: {_subject(task, func)} {text}, and what that reaches is not seen"
                )
                fix = "Pass the value as an argument, name it as it is, or give --cache-version"
                yield finding("FJ011", cell, cell.line(call), message, fix)


def differing(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find what differs from call to call in cached tasks."""
    for task, cell, func in _reached(cells):
        for call, text in _differing(func):
            message = f"cached task {task}: {_subject(task, func)} {text}(), and the first result is kept"
            fix = "Pass the time or a seed as an argument, or leave the task uncached"
            yield finding("FJ012", cell, cell.line(call), message, fix)


CHECKS = (hiding, differing)


def _subject(task: str, func: Function) -> str:
    return "it uses" if func.name == task else f"{func.name} uses"


def _reached(cells: Sequence[CodeCell]) -> Iterator[tuple[str, CodeCell, Function]]:
    """Give the functions of cached tasks, and those of the notebook that they call, each with the task."""
    helpers = {
        node.name: (cell, node) for cell in cells for node in cell.statements if isinstance(node, Function)
    }
    cached = _cached_environments(cells)
    told: set[int] = set()
    for cell, func in lint_tasks.tasks(cells):
        if not _is_cached(cell, func, cached):
            continue
        todo = [(cell, func)]
        while todo:
            where, one = todo.pop()
            if id(one) not in told:
                told.add(id(one))
                yield func.name, where, one
                todo += _called(one, helpers)


def _called(func: Function, helpers: Helpers) -> list[tuple[CodeCell, Function]]:
    names = {node.id for node in ast.walk(func) if isinstance(node, ast.Name)} - _bound(func)
    return [helpers[name] for name in sorted(names) if name in helpers]


def _bound(func: Function) -> set[str]:
    """Give the names that are a function's own."""
    args = {arg.arg for arg in ast.walk(func.args) if isinstance(arg, ast.arg)}
    return args | {n.id for n in ast.walk(func) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _is_cached(cell: CodeCell, func: Function, environments: set[str]) -> bool:
    """Whether results are kept under a version that is made of the code, as far as the text shows."""
    words = cell.argument.replace("=", " ").split()
    if "--cache-version" in words:
        return False
    if "--cache" in words[:-1]:
        return words[words.index("--cache") + 1] in _ON
    for decorator in func.decorator_list:
        called = decorator if isinstance(decorator, ast.Call) else None
        given = next((k.value for k in called.keywords if k.arg == "cache"), None) if called else None
        if given is not None:
            return _is_by_code(given)
        owner = getattr(called.func if called else decorator, "value", None)
        if isinstance(owner, ast.Name) and owner.id in environments:
            return True
    return False


def _cached_environments(cells: Sequence[CodeCell]) -> set[str]:
    found = set()
    for node in (node for cell in cells for node in cell.statements):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            given = next((k.value for k in node.value.keywords if k.arg == "cache"), None)
            if given is not None and _is_by_code(given):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _is_by_code(given: ast.expr) -> bool:
    if isinstance(given, ast.Constant):
        return given.value in _ON
    if not isinstance(given, ast.Call) or len(given.args) > 1:
        return False
    named = {word.arg for word in given.keywords}
    behavior = given.args[0] if given.args else ast.Constant("auto")
    return _is_by_code(behavior) and named.isdisjoint({"version_override", "policies", "behavior"})


def _differing(func: Function) -> Iterator[tuple[ast.Call, str]]:
    calls = [node for node in ast.walk(func) if isinstance(node, ast.Call)]
    seeded = any(getattr(call.func, "attr", "") in _SEEDS for call in calls)
    for call in calls:
        text = ast.unparse(call.func)
        of_numpy = text.startswith(_NUMPY) and "(" not in text and text not in _GENERATORS
        draws = text in _DRAWS or of_numpy
        unseeded = text in _GENERATORS and not call.args and not call.keywords
        if text in _CLOCKS or unseeded or (draws and not seeded):
            yield call, text
