"""The terminal's commands in a cell: the same facts, printed where the cell's output is."""

import contextlib
import io
from collections.abc import Sequence

from IPython.core.error import UsageError

from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load

NAMES = ("runs", "logs", "cache", "secrets", "gc")
"""The commands that do the same here."""


def run(words: Sequence[str]) -> None:
    """Do what the terminal's command does, and print what it prints.

    Raises:
        UsageError: it could not be done.
    """
    out, notes = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(notes):
            args = load("flyte_jupyter.cli:parser")().parse_args(list(words))
    except SystemExit as end:
        if end.code:
            raise UsageError(here(notes.getvalue().strip().splitlines()[-1])) from None
        print(here(out.getvalue()), end="")  # noqa: T201 - the cell's output
        return
    screen = load("flyte_jupyter.terminal.screen:Screen").of(out, notes)
    try:
        status = load(f"flyte_jupyter.terminal.{args.act}")(args, screen)
    except (Error, OSError) as error:
        raise UsageError(here(" ".join(str(error).split()))) from None
    if status:
        raise UsageError(here(" ".join(notes.getvalue().split())))
    print(here(out.getvalue() + notes.getvalue()), end="")  # noqa: T201 - the cell's output


def here(text: str) -> str:
    """Name the commands as they are called here."""
    return text.replace("flyte-jupyter: error: ", "").replace("flyte-jupyter ", "%flyte ")
