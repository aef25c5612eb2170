"""The text of files and cells, as long as it is that of the code that was loaded from them."""

import ast
import linecache
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing.bytecode import code_digest
from flyte_jupyter.tasks.slicing.held import Held
from flyte_jupyter.tasks.slicing.names import nested

_trees = Held(64)
_compiled = Held(64)


def lines_of(filename: str, scope: dict[str, Any] | None = None) -> list[str]:
    """Give the lines of a cell or file, none if it has no text."""
    return linecache.getlines(filename, scope)


def is_cell(filename: str) -> bool:
    """Tell whether the text was registered by whoever ran it (a notebook's cell), and so never changes."""
    entry = linecache.cache.get(filename)
    return entry is not None and len(entry) > 1 and entry[1] is None


def cells() -> list[str]:
    """Name the registered cells, the last one first."""
    return [name for name in reversed(list(linecache.cache)) if is_cell(name)]


def tree_of(filename: str, lines: list[str]) -> ast.Module | None:
    """Parse a whole text, once."""
    return _trees.once(lines, lambda: _parsed(filename, lines))


def matches(code: CodeType, lines: list[str]) -> bool:
    """Tell whether lines are the text that this code was compiled from.

    A cell's always are. A file's are if it was last touched before this process started; otherwise it is
    compiled and compared.
    """
    filename = code.co_filename
    if settled(filename):
        return True
    known: dict[tuple[str, int], str] = _compiled.once(lines, lambda: _digests(filename, lines))
    return known.get((code.co_qualname, code.co_firstlineno)) == code_digest(code)


def refresh(filename: str) -> None:
    """Read a file again if it has changed."""
    linecache.checkcache(filename)


def file_of_module(name: str) -> str | None:
    """Give the file of a loaded module."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file if isinstance(file, str) else None


def settled(filename: str) -> bool:
    """Tell whether a text cannot have changed since it was loaded."""
    return is_cell(filename) or not _touched(filename)


def where(filename: str, line: int) -> str:
    """Say for people where code stands: ``Cell In[3], line 2`` or ``helpers.py:12``."""
    if filename in _names:
        return f"{_names[filename]}, line {line}"
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if isinstance(ipython, ModuleType) and is_cell(filename) else None
    named = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(filename)
    if isinstance(named, tuple):
        return f"{' '.join(map(str, named))}, line {line}"
    return f"{filename if filename.startswith('<') else Path(filename).name}:{line}"


def taken(filenames: Iterable[str]) -> dict[str, tuple[list[str], str]]:
    """Give the lines of cells, and their names for people, for a process that has no notebook."""
    named = {one: where(one, 0).removesuffix(", line 0") for one in filenames if is_cell(one)}
    return {one: (lines_of(one), name) for one, name in named.items()}


def give(cells: Mapping[str, tuple[list[str], str]]) -> None:
    """Know cells of another process here as they are known there."""
    for filename, (lines, name) in cells.items():
        linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)
        if name.startswith("Cell "):
            _names[filename] = name


_names: dict[str, str] = {}


def _parsed(filename: str, lines: list[str]) -> ast.Module | None:
    try:
        return ast.parse("".join(lines), filename)
    except (SyntaxError, ValueError):
        return None


def _digests(filename: str, lines: list[str]) -> dict[tuple[str, int], str]:
    try:
        whole = compile("".join(lines), filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return {}
    return {(code.co_qualname, code.co_firstlineno): code_digest(code) for code in nested(whole)}


def _touched(filename: str) -> bool:
    """Tell whether a file may have changed since its code was loaded."""
    try:
        facts = Path(filename).stat()
    except OSError:
        return True
    return max(facts.st_mtime, facts.st_ctime) > _started() - 1


_start: list[float] = []


def _started() -> float:
    """Give the time when this process started, 0 where the system does not tell."""
    if not _start:
        _start.append(_start_time())
    return _start[0]


def _start_time() -> float:
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - no Path for /proc
            ticks = int(file.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - no Path for /proc
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
        return boot + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration, AttributeError):
        return 0.0
