"""``export`` and ``lint``: a notebook's file as a module, and what keeps it from running elsewhere."""

from argparse import Namespace
from pathlib import Path

from flyte_jupyter.notebook.export import export_file
from flyte_jupyter.notebook.exporting import save
from flyte_jupyter.notebook.lint import findings_text, lint_file, read
from flyte_jupyter.terminal.pages import STREAM
from flyte_jupyter.terminal.screen import Screen


def export(args: Namespace, screen: Screen) -> int:
    """Write a notebook as a module."""
    notebook = Path(args.notebook)
    if args.output == STREAM:
        screen.print(export_file(notebook).text)
        return 0
    to = Path(args.output) if args.output else notebook.with_suffix(".py")
    for line in save(read(notebook), notebook.name, to, force=args.force).splitlines():
        screen.tell(line)
    return 0


def lint(args: Namespace, screen: Screen) -> int:
    """Check a notebook; the status is 1 if anything is found."""
    found = lint_file(args.notebook)
    screen.print(findings_text(found))
    return 1 if found else 0
