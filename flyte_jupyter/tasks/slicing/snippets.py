"""The piece of text that a function or class was made from."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from flyte_jupyter.tasks.slicing import texts
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.names import nested

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Snippet:
    """A definition's text.

    Args:
        node: its syntax tree; decorators are in it.
        lines: its lines as written, with indentation.
        first: the number that ``node`` gives to the first of them.
        filename: the file or cell.
        line: where it starts in the file or cell.
    """

    node: Function | ast.ClassDef
    lines: tuple[str, ...]
    first: int
    filename: str
    line: int


class Stale:
    """Stands for the text of code whose file has changed since it was loaded."""


STALE = Stale()
_found = Held(4096)


def of_code(code: CodeType, scope: dict[str, Any]) -> Snippet | Stale | None:
    """Find a function's text: STALE if its file shows another one now, None if there is none."""
    known = _found.get(code)
    if known is None:
        known = _found.put(code, (_of_code(code, scope),))
    found: Snippet | Stale | None = known[0]
    return found


def of_class(cls: type) -> Snippet | None:
    """Find a class's text: in its methods' file, its module's file, or the last cell that defines it."""
    methods = [
        m.__code__ for m in list(vars(cls).values()) if isinstance(m, FunctionType) and _belongs(m, cls)
    ]
    for filename in _filenames(cls, methods):
        lines = texts.lines_of(filename)
        tree = texts.tree_of(filename, lines) if lines else None
        if tree is None or not all(texts.matches(code, lines) for code in methods):
            continue
        candidates = list(_classes(tree, cls.__qualname__))
        starts = [code.co_firstlineno for code in methods]
        fitting = [node for node in candidates if _fits(node, cls, starts)]
        if fitting:
            node = fitting[-1]
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return Snippet(node, tuple(lines[first - 1 : _end(node)]), first, filename, first)
    return None


def written(snippet: Snippet) -> str:
    """Give the text as written, without decorators, moved to the left margin."""
    node = snippet.node
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    return dedented(snippet, node.lineno - snippet.first)


def dedented(snippet: Snippet, start: int = 0, margin: str = "") -> str:
    """Move lines to a margin, except those inside strings, which would change."""
    indent = _margin(snippet.lines[0])
    fixed = _inside_strings(snippet) if indent or margin else set()
    moved = (
        line if at in fixed or not line.strip() else margin + line[min(indent, _margin(line)) :]
        for at, line in enumerate(snippet.lines[start:], start)
    )
    return "".join(moved).rstrip() + "\n"


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _inside_strings(snippet: Snippet) -> set[int]:
    """Find the lines, counted from 0, that begin inside a string."""
    found: set[int] = set()
    for node in ast.walk(snippet.node):
        if isinstance(node, ast.Constant | ast.JoinedStr) and _end(node) > node.lineno:
            found.update(range(node.lineno + 1 - snippet.first, _end(node) + 1 - snippet.first))
    return found


def _of_code(code: CodeType, scope: dict[str, Any]) -> Snippet | Stale | None:
    filename = code.co_filename
    lines = texts.lines_of(filename, scope)
    if lines and not texts.matches(code, lines):
        texts.refresh(filename)
        lines = texts.lines_of(filename, scope)
        if not lines or not texts.matches(code, lines):
            return STALE
    if not 0 < code.co_firstlineno <= len(lines):
        return None
    return _lambda(code, lines) if code.co_name == "<lambda>" else _def(code, lines)


def _def(code: CodeType, lines: list[str]) -> Snippet | None:
    first = code.co_firstlineno
    for end in _ends(code, lines):
        block = lines[first - 1 : end]
        indented = block[0][:1].isspace()
        # A wrapper keeps the text as it is: dedenting would change strings of several lines.
        try:
            tree = ast.parse("if 1:\n" + "".join(block) if indented else "".join(block))
        except (SyntaxError, ValueError):
            continue
        node = tree.body[0].body[0] if indented and isinstance(tree.body[0], ast.If) else tree.body[0]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            return Snippet(node, tuple(block), 2 if indented else 1, code.co_filename, first)
    return None


def _ends(code: CodeType, lines: list[str]) -> Iterator[int]:
    """Guess the last line: that of the last instruction, else what looks like a block."""
    ends = [end for inner in nested(code) for _, end, _, _ in inner.co_positions() if end is not None]
    if ends:
        yield max(ends)
    try:
        yield code.co_firstlineno - 1 + len(inspect.getblock(lines[code.co_firstlineno - 1 :]))
    except (SyntaxError, IndexError):
        return


def _lambda(code: CodeType, lines: list[str]) -> Snippet | None:
    tree = texts.tree_of(code.co_filename, lines)
    spots = [(a, b, c, d) for a, b, c, d in code.co_positions() if a and b and c is not None and d]
    if tree is None or not spots:
        return None
    start = min((line, column) for line, _, column, _ in spots)
    end = max((line, column) for _, line, _, column in spots)
    fitting = [
        node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and _spans(node.body, start, end)
    ]
    if not fitting:
        return None
    node = max(fitting, key=lambda n: (n.lineno, n.col_offset))  # the innermost one
    return Snippet(
        node, tuple(lines[node.lineno - 1 : _end(node)]), node.lineno, code.co_filename, node.lineno
    )


def _spans(node: ast.expr, start: tuple[int, int], end: tuple[int, int]) -> bool:
    return (node.lineno, node.col_offset) <= start and (_end(node), node.end_col_offset or 0) >= end


def _end(node: ast.expr | ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _belongs(method: FunctionType, cls: type) -> bool:
    code = method.__code__
    return code.co_qualname == f"{cls.__qualname__}.{code.co_name}" and not code.co_filename.startswith(
        "<string>"
    )


def _filenames(cls: type, methods: list[CodeType]) -> Iterator[str]:
    if methods:
        yield methods[-1].co_filename
        return
    file = texts.file_of_module(cls.__module__)
    if file is not None:
        yield file
    if file is not None and cls.__module__ != "__main__":  # a notebook's kernel was started from a file, too
        return
    word = f"class {cls.__name__}"
    yield from (name for name in texts.cells() if any(word in line for line in texts.lines_of(name)))


def _fits(node: ast.ClassDef, cls: type, starts: list[int]) -> bool:
    """Tell whether a class may come from a definition: by its methods' lines and its annotated names."""
    annotated = [
        s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
    ]
    return all(node.lineno <= at <= _end(node) for at in starts) and set(annotated) <= set(annotations(cls))


def annotations(cls: type) -> dict[str, object]:
    """Give a class's own annotations."""
    own = vars(cls).get("__annotations__")
    if own is None and getattr(cls, "__annotate__", None) is not None:  # evaluated late, from Python 3.14 on
        try:
            own = cls.__annotations__
        except NameError:
            return {}
    return dict(own) if isinstance(own, dict) else {}


def _classes(tree: ast.AST, qualname: str) -> Iterator[ast.ClassDef]:
    """Find the definitions of a class by its dotted name."""
    name, _, rest = qualname.replace("<locals>.", "").partition(".")
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            if rest:
                yield from _classes(node, rest)
            elif isinstance(node, ast.ClassDef):
                yield node
        elif isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With | ast.For | ast.While):
            yield from _classes(node, qualname)
