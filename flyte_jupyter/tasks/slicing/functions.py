"""The parts that a function of the user's brings: its form, and all that its names stand for."""

import ast
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, get_args

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing import (
    decorators,
    guards,
    hidden,
    libraries,
    modules,
    readers,
    snippets,
    texts,
)
from flyte_jupyter.tasks.slicing.bytecode import code_digest
from flyte_jupyter.tasks.slicing.canonical import function_form
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.names import Import, uses_of
from flyte_jupyter.tasks.slicing.origins import Origin, of_function
from flyte_jupyter.tasks.slicing.part import Part

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk

Binding = tuple[str, str]
"""A name as the code says it, and the part that it stands for."""

_forms = Held(4096)
_reaching = Held(4096)


def visit(walk: "Walk", func: FunctionType) -> str:
    """Make the part of a function and of all that it uses."""
    if of_function(func) is not Origin.LOCAL:
        return libraries.function(walk, func)
    code, scope = func.__code__, func.__globals__
    label = walk.reserve(func, scope.get("__name__"), code.co_qualname)
    for name, value in (
        ("__code__", code),
        ("__defaults__", func.__defaults__),
        ("__closure__", func.__closure__),
    ):
        walk.guards.same((guards.attribute, func, name), value)
    snippet = snippets.of_code(code, scope)
    if isinstance(snippet, snippets.Stale):
        walk.warn(
            f"{code.co_filename} has changed since it was imported: the loaded `{label}` is what counts"
        )
        snippet = None
    kept = decorators.foreign(snippet, scope)
    form = _form(func, snippet, documented=bool(kept) or "__doc__" in code.co_names)
    bindings = [
        *_globals(walk, func, label),
        *_hinted(walk, func, label, snippet),
        *_variables(walk, func),
        *_files(walk, func, snippet),
        *_cells(walk, func, label),
        *_defaults(walk, func, label),
        *_attributes(walk, func, label),
        *_annotations(walk, func),
        *_wrapped(walk, func),
        *(decorators.binding(walk, node, scope) for node in kept),
    ]
    walk.fill(
        Part(
            name=label,
            kind="function",
            digest=digest("function", form, *(f"{name}={token}" for name, token in bindings)),
            text=snippets.written(snippet) if snippet else "",
            where=texts.where(code.co_filename, code.co_firstlineno),
            filename=code.co_filename,
            line=code.co_firstlineno,
        )
    )
    return label


def _form(func: FunctionType, snippet: snippets.Snippet | None, *, documented: bool) -> str:
    if snippet is None or isinstance(snippet.node, ast.ClassDef):
        return code_digest(func.__code__)
    node = snippet.node
    form: str = _forms.once(snippet, lambda: digest("form", function_form(node, documented=documented)))
    return form


def _globals(walk: "Walk", func: FunctionType, label: str) -> Iterator[Binding]:
    uses = uses_of(func.__code__)
    read = {name for name, _ in uses.reads}
    for name, chain in uses.reads:
        yield ".".join((name, *chain)), walk.in_scope(func.__globals__, name, chain)
    for name in sorted(uses.writes & read):
        walk.warn(f"`{label}` assigns the global `{name}` that it reads: running it changes its own version")
    for statement in uses.imports:
        yield from modules.imported(walk, statement, func.__globals__)


def _hinted(
    walk: "Walk", func: FunctionType, label: str, snippet: snippets.Snippet | None
) -> Iterator[Binding]:
    """Name what the code reaches by texts, and tell of what it reaches by names that are not known yet."""
    uses, scope = uses_of(func.__code__), func.__globals__
    for name in uses.hinted:
        if name in scope and not name.startswith("__"):
            yield f"'{name}'", walk.in_scope(scope, name)
        else:
            walk.guards.same((guards.entry, scope, name), scope.get(name, guards.MISSING))
    unseen, imported = _hidden(snippet) if snippet else (sorted({name for name, _ in uses.reads}), ())
    for module in imported:
        yield from modules.imported(walk, Import(module, (), 0), scope)
    for text in unseen:
        name = text.removesuffix("()")
        if name not in scope if name in hidden.BLIND else snippet is not None:
            walk.hide(f"`{label}` uses `{text}`")


def _hidden(snippet: snippets.Snippet) -> tuple[list[str], list[str]]:
    """Give the calls that hide names, and the modules that are imported by calls."""
    tree = snippet.node
    found: tuple[list[str], list[str]] = _reaching.once(
        snippet, lambda: ([text for _, text in hidden.calls(tree)], list(hidden.imports(tree)))
    )
    return found


def _variables(walk: "Walk", func: FunctionType) -> Iterator[Binding]:
    """Name the variables of the environment."""
    scope = func.__globals__
    for text, is_name in uses_of(func.__code__).variables:
        name = scope.get(text) if is_name else text
        if isinstance(name, str):
            yield f"${name}", walk.variable(name)


def _files(walk: "Walk", func: FunctionType, snippet: snippets.Snippet | None) -> Iterator[Binding]:
    """Name the files that compiled libraries read; what others read is heard when they do."""
    if snippet is None or not (readers.NAMES & set(uses_of(func.__code__).called)):
        return

    read = {name for name, _ in uses_of(func.__code__).reads}

    def meaning(name: str) -> object:
        if name in func.__code__.co_freevars:
            return guards.content((func.__closure__ or ())[func.__code__.co_freevars.index(name)], None)
        return func.__globals__.get(name) if name in read else None

    walk.unheard = walk.unheard or any(readers.calls(snippet.node, meaning))
    for path in readers.paths(snippet.node, meaning):
        yield f"file {path}", walk.file(path)


def _cells(walk: "Walk", func: FunctionType, label: str) -> Iterator[Binding]:
    chains: dict[str, list[tuple[str, ...]]] = {}
    for name, chain in uses_of(func.__code__).cells:
        chains.setdefault(name, []).append(chain)
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or (), strict=True):
        value = guards.content(cell, None)
        place = (guards.content, cell, None)
        if isinstance(value, ModuleType):
            walk.guards.same(place, value)
            for chain in chains.get(name, [()]):
                yield ".".join((name, *chain)), walk.member(value, chain)
        elif value is guards.MISSING:
            walk.guards.same(place, value)
            yield name, "not assigned"
        else:
            yield name, walk.bind(value, inner(walk, label, name), place)


def _defaults(walk: "Walk", func: FunctionType, label: str) -> Iterator[Binding]:
    code, values = func.__code__, func.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    for at, name in enumerate(names[len(names) - len(values) :]):
        yield (
            f"{name}=",
            walk.bind(values[at], inner(walk, label, name), (guards.item, func.__defaults__, at)),
        )
    keywords = func.__kwdefaults__ or {}
    walk.guards.equal((_keywords, func, None), tuple(keywords))
    for name in sorted(keywords):
        yield f"{name}=", walk.bind(keywords[name], inner(walk, label, name), (guards.entry, keywords, name))


def _keywords(func: FunctionType, _: None) -> tuple[str, ...]:
    return tuple(func.__kwdefaults__ or ())


def _attributes(walk: "Walk", func: FunctionType, label: str) -> Iterator[Binding]:
    """Name what somebody has put on the function itself: ``f.calls = 0``."""
    walk.guards.sized(func.__dict__)
    for name, value in sorted(func.__dict__.items()):
        if not (name.startswith("__") and name.endswith("__")):
            token = walk.bind(value, f"{label}.{name}", (guards.entry, func.__dict__, name), soft=True)
            if token:
                yield f".{name}", token


def _annotations(walk: "Walk", func: FunctionType) -> Iterator[Binding]:
    """Name the types of parameters: their methods are called although no name says so."""
    try:
        found = func.__annotations__
    except NameError:  # evaluated late, and a name is not defined
        return
    for name in sorted(found):
        for token in types_in(walk, found[name], func.__globals__):
            yield f"{name}:", token


def _wrapped(walk: "Walk", func: FunctionType) -> Iterator[Binding]:
    wrapped = func.__dict__.get("__wrapped__")
    if callable(wrapped):
        walk.guards.same((guards.entry, func.__dict__, "__wrapped__"), wrapped)
        yield "__wrapped__", walk.refer(wrapped) or "data"


def types_in(walk: "Walk", annotation: object, scope: dict[str, Any]) -> Iterator[str]:
    """Name the classes that an annotation mentions."""
    if isinstance(annotation, str):
        try:
            tree = ast.parse(annotation.strip(), mode="eval")
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            value = scope.get(node.id) if isinstance(node, ast.Name) else None
            if isinstance(value, type | ModuleType):
                yield walk.refer(value) or ""
    elif isinstance(annotation, type) and not get_args(annotation):
        yield walk.refer(annotation) or ""
    else:
        for inside in (*get_args(annotation), getattr(annotation, "__origin__", None)):
            if isinstance(inside, type | str) or get_args(inside):
                yield from types_in(walk, inside, scope)


def inner(walk: "Walk", label: str, name: str) -> str:
    """Name something inside a function: plainly for the one where the walk started."""
    return name if label == next(iter(walk.parts)) else f"{label}.{name}"
