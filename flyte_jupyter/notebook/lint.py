"""What keeps a notebook from running from top to bottom, elsewhere, or as tasks: rules, each with a fix."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook import lint_cached, lint_names, lint_style, lint_tasks
from flyte_jupyter.notebook.found import Finding
from flyte_jupyter.notebook.render.text import line, plural, table
from flyte_jupyter.notebook.sources import CodeCell, code_cells

__all__ = ["RULES", "Finding", "findings_text", "lint", "lint_file"]

Rule = Callable[[Sequence[CodeCell]], Iterator[Finding]]

RULES: Mapping[str, str] = {
    "FJ001": "a name is not defined when its cell runs",
    "FJ002": "a name comes from a cell that is gone, or was changed and not run since",
    "FJ003": "a cell was executed before one that stands above it",
    "FJ004": "a cell was not executed, and later ones were",
    "FJ005": "import * hides which names there are",
    "FJ006": "a path that is only there on one machine",
    "FJ007": "a task whose inputs or outputs have no types",
    "FJ008": "a magic or shell command in a task",
    "FJ009": "a task that another cell defines again",
    "FJ010": "a cell that is no Python",
    "FJ011": "a cached task that reaches names which its cache version cannot see",
    "FJ012": "a cached task whose result differs from call to call",
}
"""What each code means."""

_CHECKS: tuple[Rule, ...] = (
    lint_names.undefined,
    *lint_style.CHECKS,
    *lint_tasks.CHECKS,
    *lint_cached.CHECKS,
)


def lint(notebook: Mapping[str, Any]) -> list[Finding]:
    """Check a notebook's content, as its file has it. Nothing is run, and no kernel is needed."""
    cells = code_cells(notebook)
    found = [finding for check in _CHECKS for finding in check(cells)]
    return sorted(found, key=lambda one: (one.cell, one.line, one.code))


def lint_file(path: Path | str) -> list[Finding]:
    """Check a notebook's file.

    Raises:
        Error: it is not there, or is no notebook.
    """
    return lint(read(path))


def read(path: Path | str) -> dict[str, Any]:
    """Read a notebook's file as plain data.

    Raises:
        Error: it is not there, or is no notebook.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise Error(f"{path} is no notebook: it is no JSON") from None
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise Error(f"{path} is no notebook of format 4; convert it with jupyter nbconvert --to notebook")
    return dict(found)


def findings_text(found: Iterable[Finding]) -> str:
    """Write findings for a terminal, one a line, each with its fix below."""
    rows = list(found)
    if not rows:
        return "nothing found"
    cells = table(
        ("CELL", "LINE", "CODE", "WHAT"),
        [(one.cell, one.line, one.code, line(f"{one.message}. {one.fix}")) for one in rows],
        (0, 1),
    )
    return f"{cells}\n{plural(len(rows), 'finding')}"
