"""Which names magics bind, as far as their text tells."""

import re
from dataclasses import dataclass, replace

from flyte_jupyter.notebook.sources import TASK_MAGIC, CodeCell

_OPENING = frozenset({"run", "pylab", "load", "loadpy", "cython", "edit", "macro", "recall", "rerun"})
_WITH_CODE = frozenset({"time", "timeit", "prun", "memit"})
_OTHER_LANGUAGES = frozenset({"bash", "sh", "script", "cmd", "perl", "ruby", "R", "sql", "bigquery"}) | {
    *("html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "mermaid", "css", "ai"),
    *("writefile", "file", "python", "python2", "python3", "pypy", "system", "sx"),
}
_OUT = re.compile(r"(?:^|\s)(?:-o|--out|--err|--output|-i\s+\w+\s+-o)[ =]+([A-Za-z_][\w,]*)")
_INTO = re.compile(r"([A-Za-z_]\w*)\s*<<")
_AS = re.compile(r"--as[ =]+([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a magic does to the names.

    Args:
        binds: the names that exist after it.
        opens: whether it may bind others, which cannot be told.
        code: the Python text that it runs.
        keeps: whether the names that the code binds exist after it.
    """

    binds: frozenset[str] = frozenset()
    opens: bool = False
    code: str = ""
    keeps: bool = False


def of_line_magic(name: str, argument: str) -> Bound:
    """Tell it of a line magic."""
    into = frozenset(_INTO.findall(argument))
    if name in _WITH_CODE:
        code = re.sub(r"^(?:\s*-\w+(?:\s+\d+)?)*\s*", "", argument)
        return Bound(binds=into, code=code, keeps=name == "time")
    if name == "store" and argument.startswith("-r"):
        words = argument.split()[1:]
        return Bound(binds=into | set(words), opens=not words)
    return Bound(binds=into, opens=name in _OPENING)


def of_cell_magic(cell: CodeCell) -> Bound:
    """Tell it of a cell's magics; the Python below them tells for itself."""
    around = frozenset(name for magic in cell.around for name in _captured(*magic))
    own = _of_own_magic(cell)
    return replace(own, binds=own.binds | around)


def _of_own_magic(cell: CodeCell) -> Bound:
    if cell.magic == TASK_MAGIC:
        return Bound(binds=frozenset(_AS.findall(cell.argument)))
    if not cell.magic or cell.tree is not None:
        return Bound(binds=frozenset(_captured(cell.magic, cell.argument)))
    named = [name for found in _OUT.findall(cell.argument) for name in found.split(",") if name]
    named += _INTO.findall(cell.source.split("\n", 1)[0])
    return Bound(binds=frozenset(named), opens=cell.magic not in _OTHER_LANGUAGES)


def _captured(magic: str, argument: str) -> list[str]:
    """Name the variable that takes what a cell shows."""
    words = [word for word in argument.split() if not word.startswith("-")]
    return words[:1] if magic == "capture" else []
