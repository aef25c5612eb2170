"""``%flyte``: sub-commands, of the kernel and of the terminal, in one line."""

import argparse
import shlex
from difflib import get_close_matches
from typing import Any, NoReturn

from IPython.core.error import UsageError

from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load
from flyte_jupyter.notebook import borrowed
from flyte_jupyter.notebook.command import Command
from flyte_jupyter.notebook.commands import COMMANDS
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.runs.run import Run
from flyte_jupyter.tasks.template import TaskTemplate

_BY_NAME = {command.name: command for command in COMMANDS}
_HELP = ("-h", "--help")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}. Try {self.prog} --help")


def run(text: str, here: Here) -> Any:
    """Do what a line behind ``%flyte`` says.

    Raises:
        UsageError: in one line, what is wrong with it, or why it could not be done.
    """
    words = _words(text)
    if not words or words[0] in _HELP:
        print(overview())  # noqa: T201 - the cell's output
        return None
    if words[0] in borrowed.NAMES:
        return borrowed.run(_with_names(words, here))
    command = _BY_NAME.get(words[0])
    if command is None:
        known = (*_BY_NAME, *borrowed.NAMES)
        close = get_close_matches(words[0].lower(), known, 1)
        hint = f". Did you mean {close[0]}?" if close else ""
        raise UsageError(f"%flyte has no sub-command {words[0]!r}; it has {', '.join(known)}{hint}")
    return _run(command, words[1:], here)


def overview() -> str:
    """List the sub-commands."""
    rows = [(command.name, command.does) for command in COMMANDS]
    rows += [
        (c.name, c.does) for c in load("flyte_jupyter.cli:COMMANDS") if c.name.split()[0] in borrowed.NAMES
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  %flyte {name.ljust(width)}  {does}" for name, does in rows]
    return "\n".join(["Runs, tasks and what is kept of them. Each sub-command has --help.", "", *lines])


def parser_of(command: Command) -> argparse.ArgumentParser:
    """Make the parser of a sub-command."""
    made = _Parser(
        f"%flyte {command.name}", description=f"{command.does[0].upper()}{command.does[1:]}.", add_help=False
    )
    made.add_argument("-h", "--help", action="store_true", help="show this")
    command.arguments(made)
    made.epilog = f"Example: %flyte {command.example}"
    return made


def _run(command: Command, words: list[str], here: Here) -> Any:
    parser = parser_of(command)
    if any(word in _HELP for word in words):
        print(parser.format_help())  # noqa: T201 - the cell's output
        return None
    try:
        return command.act(parser.parse_intermixed_args(words), here)
    except Error as error:
        raise UsageError(borrowed.here(" ".join(str(error).split()))) from None


def _with_names(words: list[str], here: Here) -> list[str]:
    """Put names of runs and tasks in place of variables: the terminal's commands know no variables."""
    held = [here.names.get(word) for word in words]
    named = [one.name if isinstance(one, Run | TaskTemplate) else None for one in held]
    return [words[0], *(name or word for name, word in zip(named[1:], words[1:], strict=True))]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise UsageError(f"a quotation is not closed in: {text.strip()}") from None
