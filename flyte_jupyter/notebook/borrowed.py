"""The terminal's commands in a cell: the same facts, printed where the cell's output is."""

import contextlib
import getpass
import io
import re
import sys
from argparse import Namespace
from collections.abc import Sequence

from IPython.core.error import UsageError

from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load

NAMES = ("runs", "logs", "cache", "secrets", "gc")
"""The commands that do the same here."""

_ANY = re.compile(r"flyte-jupyter (?!serve\b)")

GROUPS = {"cache": "ls", "secrets": "ls"}
"""Commands of several, and what each does by itself."""


def run(words: Sequence[str]) -> None:
    """Do what the terminal's command does, and print what it prints.

    Raises:
        UsageError: it could not be done.
    """
    words = [*words, GROUPS[words[0]]] if len(words) == 1 and words[0] in GROUPS else words
    out, notes = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(notes):
            args = load("flyte_jupyter.cli:parser")().parse_args(list(words))
    except SystemExit as end:
        if end.code:
            raise UsageError(_refusal(words, notes.getvalue())) from None
        print(here(out.getvalue()), end="")  # noqa: T201 - the cell's output
        return
    if list(words[:2]) == ["secrets", "set"]:
        _ask_and_run(args, out, notes)
    else:
        _act(args, out, notes)


def _act(args: Namespace, out: io.StringIO, notes: io.StringIO) -> None:
    screen = load("flyte_jupyter.terminal.screen:Screen").of(out, notes)
    try:
        status = load(f"flyte_jupyter.terminal.{args.act}")(args, screen)
    except (Error, OSError) as error:
        raise UsageError(here(" ".join(str(error).split()))) from None
    if status:
        raise UsageError(here(" ".join(notes.getvalue().split())))
    print(out.getvalue() + here(notes.getvalue()), end="")  # noqa: T201 - the cell's output


def _ask_and_run(args: Namespace, out: io.StringIO, notes: io.StringIO) -> None:
    """Ask for a secret in a field that shows nothing; no name of the notebook ever has the value."""
    value = getpass.getpass(f"{args.key}: ")
    before, sys.stdin = sys.stdin, io.StringIO(value + "\n")
    try:
        _act(args, out, notes)
    finally:
        sys.stdin = before


def _refusal(words: Sequence[str], notes: str) -> str:
    """Make one line of what the parser says below its usage."""
    said = notes.strip().splitlines()[-1].partition(": error: ")[2]
    return f"%flyte {words[0]}: {said}. Try %flyte {words[0]} --help"


def here(text: str) -> str:
    """Name the commands as they are called here; an endpoint is started in a terminal only."""
    return _ANY.sub("%flyte ", text)
