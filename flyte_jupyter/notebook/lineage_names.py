"""The names that a cell takes and binds, for the notebook's graph: also those on the lines of our magics."""

import ast
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.notebook.body import python_of
from flyte_jupyter.notebook.celltask.names import Names
from flyte_jupyter.notebook.lineage_code import function_of
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.notebook.sources import ABOVE, magics_in
from flyte_jupyter.tasks.slicing.names import uses_of

MAGIC = re.compile(ABOVE + r"\s*%%flyte_task\b([^\n]*)\n?")
_SEEN = re.compile(r"(?:\s*%%(?:time|capture|prun)\b[^\n]*\n)+")
"""Magics below which a cell takes and binds names as without them."""
_HIDDEN = re.compile(r"_+|_i+|_i?\d+|_ih|_oh|_dh|In|Out|exit|quit|get_ipython|_exit_code|__\w+__")
_RUN = "--run"
_NAMED = 3
"""So many of a cell's names stand in its title."""


def names_of(shell: Any, text: str, python: str | None = None) -> Names:
    """Read the names of a cell; none where it is no Python.

    Args:
        shell: the interactive shell.
        text: the cell as it was written.
        python: the cell as Python, if that is known.
    """
    magic = MAGIC.match(text)
    above = magic or _SEEN.match(text)
    body = text[above.end() :] if above else text
    if body.lstrip().startswith("%%"):
        return Names()
    try:
        known = python if python is not None and not above else python_of(shell, body)
    except (SyntaxError, ValueError):
        return Names()
    return _names(known, magic[1] if magic else "")


@lru_cache(256)
def _names(python: str, line: str) -> Names:
    """Read the names of Python text; cells are run again and again."""
    try:
        return names_in(ast.parse(python), line)
    except (SyntaxError, ValueError):
        return Names()


def names_in(tree: ast.Module, line: str) -> Names:
    """Read the names of a cell's statements, and of what stands behind ``%%flyte_task``."""
    found = Names.of(tree)
    said = [*_of_cell_magic(line), *_of_line_magics(tree)]
    return replace(found, reads=tuple(dict.fromkeys((*found.reads, *said))))


def title_of(text: str, bound: Sequence[str]) -> str:
    """Call a cell by its task's name, else by what it binds, else by its first line."""
    magic = MAGIC.match(text)
    first = (_words(magic[1]) if magic else []) or [""]
    if first[0] and not first[0].startswith("-"):
        return first[0]
    if not bound:
        return shorten(next(iter(text.strip().splitlines()), ""), 24)
    return ", ".join(bound[:_NAMED]) + (", …" if len(bound) > _NAMED else "")


def is_hidden(name: str) -> bool:
    """Whether a name is the shell's own."""
    return bool(_HIDDEN.fullmatch(name))


def taken(names: Iterable[str], scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what code takes from the notebook, through its functions and tasks, too."""
    found: dict[str, None] = {}
    todo = list(names)
    while todo:
        name = todo.pop(0)
        if name in found or name not in scope or is_hidden(name) or isinstance(scope[name], ModuleType):
            continue
        found[name] = None
        todo += _globals_of(scope[name], scope)
    return tuple(found)


def _globals_of(value: Any, scope: Mapping[str, Any]) -> Iterator[str]:
    func = function_of(value)
    functions = [func] if func is not None else []
    if isinstance(value, type) and value.__module__ == "__main__":
        functions += [found for found in vars(value).values() if isinstance(found, FunctionType)]
    for found in functions:
        if isinstance(found, FunctionType) and found.__globals__ is scope:
            yield from (name for name, _ in uses_of(found.__code__).reads)


def _of_cell_magic(line: str) -> Iterator[str]:
    """Name what the inputs behind ``--run`` take."""
    words = _words(line)
    for option, value in pairwise(words):
        if option == _RUN:
            yield from _of_call(value)


def _of_line_magics(tree: ast.Module) -> Iterator[str]:
    """Name the task and what its inputs take: ``%flyte run train df=frame``."""
    for _, kind, args in magics_in(tree):
        if kind == "run_line_magic" and args[:1] == ("flyte",) and len(args) > 1:
            command, *rest = _words(args[1]) or [""]
            if command == "run" and rest:
                yield rest[0].rpartition(".")[2]
                yield from _of_call(", ".join(word for word in rest[1:] if not word.startswith("-")))


def _of_call(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(f"_({text}\n)")
    except SyntaxError:
        return
    yield from (n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id != "_")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []
