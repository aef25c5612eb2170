"""The statements that define a function or class, with what they need defined before them."""

import ast
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from flyte_jupyter.tasks.slicing import decorators, guards, snippets
from flyte_jupyter.tasks.slicing.expressions import UnwritableError
from flyte_jupyter.tasks.slicing.names import uses_of
from flyte_jupyter.tasks.slicing.origins import Origin, of_function

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.writing import Writing

_FUTURE_ANNOTATIONS = 0x1000000


def write(writing: "Writing", name: str, value: Any) -> None:
    """Define a function, a class or what a decorator made of a function, under a name.

    Raises:
        UnwritableError: it has no source.
    """
    if isinstance(value, type):
        _write_class(writing, name, value)
        return
    inner = value
    while callable(getattr(inner, "__wrapped__", None)):
        inner = inner.__wrapped__
    decorated = inner is not value and isinstance(inner, FunctionType) and inner.__code__.co_name == name
    _write_function(writing, name, inner if decorated else value)


def _write_function(writing: "Writing", name: str, func: FunctionType) -> None:
    snippet = snippets.of_code(func.__code__, func.__globals__)
    if not isinstance(snippet, snippets.Snippet) or isinstance(snippet.node, ast.ClassDef):
        raise UnwritableError("a function without source")
    if func.__code__.co_flags & _FUTURE_ANNOTATIONS:
        writing.imports["from __future__ import annotations"] = None
    _needs(writing, func.__code__)
    cells = _cells(writing, func)
    if isinstance(snippet.node, ast.Lambda):
        definition, label = f"{name} = {ast.unparse(_with_values(writing, snippet.node, func))}\n", name
    else:
        definition, label = _definition(writing, snippet, func), snippet.node.name
    if not cells and label == name:
        writing.blocks.append(definition)
        return
    body = "".join(f"    {line}" if line.strip() else line for line in _indentable(definition))
    given = [f"{variable}={text}" for variable, text in cells.items()]
    writing.blocks.append(
        f"def _make_{name}({', '.join(cells)}):\n{body}    return {label}\n\n\n"
        f"{name} = _make_{name}({', '.join(given)})\n"
    )


def _needs(writing: "Writing", code: CodeType) -> None:
    uses = uses_of(code)
    for name, chain in uses.reads:
        writing.name(name, chain)
    for name in uses.hinted:
        writing.name(name)


def _indentable(text: str) -> list[str]:
    """Give lines that can be indented: written anew if a string goes over several of them."""
    tree = ast.parse(text)
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    long = any((node.end_lineno or node.lineno) > node.lineno for node in strings)
    return (ast.unparse(tree) + "\n" if long else text).splitlines(keepends=True)


def _cells(writing: "Writing", func: FunctionType) -> dict[str, str]:
    """Write what a function has from the functions around it."""
    found = {}
    for variable, cell in zip(func.__code__.co_freevars, func.__closure__ or (), strict=True):
        value = guards.content(cell, None)
        if value is not func and variable != "__class__":
            found[variable] = writing.expression(value)
    return found


def _definition(writing: "Writing", snippet: snippets.Snippet, func: FunctionType) -> str:
    """Write a def statement with the decorators that count; as written, if its defaults are plain."""
    node: Any = snippet.node
    kept = decorators.foreign(snippet, func.__globals__)
    for outside in (*kept, *_annotations(node)):
        for name in _names(outside):
            writing.name(name)
    defaults = [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
    head = "".join(f"@{ast.unparse(decorator)}\n" for decorator in kept)
    if all(_is_plain(default) for default in defaults):
        return head + snippets.dedented(snippet, node.lineno - snippet.first)
    changed = _with_values(writing, node, func)
    changed.decorator_list = []
    return head + ast.unparse(ast.fix_missing_locations(changed)) + "\n"


def _with_values(writing: "Writing", node: Any, func: FunctionType) -> Any:
    """Put the values of the defaults in the place of their expressions."""
    copy: Any = ast.parse(ast.unparse(node)).body[0]
    copy = copy.value if isinstance(copy, ast.Expr) else copy  # a lambda
    args, keywords = copy.args, func.__kwdefaults__ or {}
    args.defaults = [_parsed(writing.expression(value)) for value in func.__defaults__ or ()]
    named = [arg.arg for arg in args.kwonlyargs]
    args.kw_defaults = [_parsed(writing.expression(keywords[n])) if n in keywords else None for n in named]
    return copy


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _annotations(node: Any) -> Iterator[ast.expr]:
    args = node.args
    for arg in (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg):
        if arg is not None and arg.annotation is not None:
            yield arg.annotation
    if node.returns is not None:
        yield node.returns


def _names(node: ast.AST) -> Iterator[str]:
    for inside in ast.walk(node):
        if isinstance(inside, ast.Name):
            yield inside.id
        elif (
            isinstance(inside, ast.Constant) and isinstance(inside.value, str) and inside.value.isidentifier()
        ):
            yield inside.value  # an annotation in quotes


def _write_class(writing: "Writing", name: str, cls: type) -> None:
    snippet = snippets.of_class(cls)
    if snippet is None or not isinstance(snippet.node, ast.ClassDef):
        raise UnwritableError("a class without source")
    for base in cls.__bases__:
        if base is not object and writing.scope.get(base.__name__) is base:
            writing.name(base.__name__)
    for code in _methods(cls):
        _needs(writing, code)
    for outside in _outside_methods(snippet.node):
        for global_name in _names(outside):
            writing.name(global_name)
    text = snippets.dedented(snippet)
    if snippet.node.name != name:
        text += f"\n\n{name} = {snippet.node.name}\n"
    writing.blocks.append(text + "".join(_patches(writing, name, cls, snippet.node)))


def _methods(cls: type) -> Iterator[CodeType]:
    for value in list(vars(cls).values()):
        inner = value
        for attribute in ("__func__", "fget", "func", "__wrapped__"):
            inner = getattr(inner, attribute, inner)
        if isinstance(inner, FunctionType) and of_function(inner) is Origin.LOCAL:
            yield inner.__code__


def _outside_methods(node: ast.ClassDef) -> Iterator[ast.AST]:
    """Give what is evaluated when the class is defined."""
    yield from (*node.bases, *node.keywords, *node.decorator_list)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (*statement.decorator_list, *_annotations(statement))
            yield from (d for d in (*statement.args.defaults, *statement.args.kw_defaults) if d is not None)
        else:
            yield statement


def _patches(writing: "Writing", name: str, cls: type, node: ast.ClassDef) -> Iterator[str]:
    """Write what was set on the class after its definition."""
    written = dict(_assigned(node))
    for key, value in vars(cls).copy().items():
        if isinstance(value, FunctionType):
            code = value.__code__
            if of_function(value) is Origin.LOCAL and code.co_qualname.rpartition(".")[2] != key:
                yield f"{name}.{key} = {writing.expression(value)}\n"
        elif type(value) in (bool, int, float, str, bytes) and not key.startswith("__"):
            source = written.get(key)
            if source is None or (_is_plain(source) and ast.literal_eval(source) != value):
                yield f"{name}.{key} = {writing.expression(value)}\n"


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value
