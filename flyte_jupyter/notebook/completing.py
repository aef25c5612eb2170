"""What may stand at the end of a line of ``%%flyte_task`` or ``%flyte``: options, their values, names."""

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flyte_jupyter.config import MODES
from flyte_jupyter.engine.options import ISOLATIONS
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load
from flyte_jupyter.notebook import borrowed
from flyte_jupyter.notebook.again import FROM
from flyte_jupyter.notebook.command import run_of
from flyte_jupyter.notebook.commands import COMMANDS
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.line_magic import parser_of
from flyte_jupyter.notebook.options import BY_FLAG, Option
from flyte_jupyter.notebook.previews import is_frame
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import Phase
from flyte_jupyter.tasks.environment import TaskEnvironment, environments
from flyte_jupyter.tasks.image import Image

_LAST = re.compile(r"(?:[^\s\"']|\"[^\"]*(?:\"|$)|'[^']*(?:'|$))*$")
_INSIDE = re.compile(r"[A-Za-z0-9_]*$")
_FLAG = re.compile(r"--[a-z][a-z-]*")
_OPTIONAL = re.compile(r"\[--?[a-z][^\]]*\]")
_WORD = re.compile(r"[A-Z]+")
_RUNS = 20

Names = Mapping[str, Any]
Found = tuple[str, list[str]]
"""The end of the text that is replaced, and what may stand for it."""


_VALUES: Mapping[str, Sequence[str]] = {
    "--from": FROM,
    "--mode": MODES,
    "--isolation": ISOLATIONS,
    "--phase": tuple(phase.value.lower() for phase in Phase),
}
"""What may stand behind an option of a sub-command."""


def options(text: str, names: Names) -> Found:
    """Complete the end of a line behind ``%%flyte_task``."""
    rest, word = _split(text)
    option = BY_FLAG.get(rest[-1]) if rest else None
    if option is not None and option.example and not word.startswith("--"):
        return _value(option, word, names)
    given = {flag for flag in rest if flag in BY_FLAG and not BY_FLAG[flag].many}
    flags = [flag for flag in BY_FLAG if flag.startswith("--") and flag not in given]
    return word, _beginning(word, flags) if not word or word[0] == "-" else []


def subcommands(text: str, here: Here) -> Found:
    """Complete the end of a line behind ``%flyte``."""
    rest, word = _split(text)
    if not rest:
        return word, _beginning(word, [*(command.name for command in COMMANDS), *borrowed.NAMES])
    if values := _VALUES.get(rest[-1], ()) or (_inner(rest[0]) if len(rest) == 1 else ()):
        return word, _beginning(word, values)
    parser = _parser(rest)
    if parser is None:
        return word, []
    if word.startswith("-"):
        return word, _beginning(word, dict.fromkeys(_FLAG.findall(parser.format_help())))
    return _positional(_WORD.findall(_OPTIONAL.sub("", parser.format_usage())), rest, word, here)


def _positional(wanted: list[str], rest: list[str], word: str, here: Here) -> Found:
    """Complete an argument by its word in the usage: RUN, ACTION, TASK, NAME=VALUE."""
    place = len(rest) - (2 if rest[0] in borrowed.GROUPS else 1)
    now = wanted[place] if place < len(wanted) else ""
    if now == "RUN":
        frames = _frames(here.names) if rest[0] == "frame" else []
        return word, _beginning(word, [*frames, *_runs(here)])
    if now == "ACTION":
        return word, _beginning(word, _actions(rest[1], here))
    if now == "TASK":
        return word, _beginning(word, sorted({*here.tasks(), *(_kept() if rest[0] == "cache" else ())}))
    return _argument(rest, word, here) if "TASK" in wanted else (word, [])


def variables(names: Names) -> list[str]:
    """Give the user's own variables."""
    hidden = ("In", "Out", "get_ipython", "exit", "quit", "open")
    return sorted(name for name in list(names) if not name.startswith("_") and name not in hidden)


def _value(option: Option, word: str, names: Names) -> Found:
    """Complete a value; in a list or a call, the name at its end."""
    if option.name in ("run", "ignore", "outputs"):
        part = _name_at_end(word)
        return part, _beginning(part, variables(names))
    source = _NAMES.get(option.name)
    return word, _beginning(word, dict.fromkeys([*(source(names) if source else ()), *option.values]))


def _argument(rest: list[str], word: str, here: Here) -> Found:
    """Complete ``name=`` by the task's inputs, and what is behind it by the notebook's names."""
    name, equals, _ = word.partition("=")
    if equals:
        part = _name_at_end(word)
        return part, _beginning(part, variables(here.names))
    task = here.tasks().get(rest[1])
    inputs = [f"{parameter.name}=" for parameter in task.interface.inputs] if task is not None else []
    return name, _beginning(name, inputs)


def _inner(group: str) -> list[str]:
    """Give the sub-commands of a group, such as ``cache``."""
    if group == "images":
        return ["ls"]
    names = [command.name.split() for command in load("flyte_jupyter.cli:COMMANDS")]
    return [words[1] for words in names if len(words) > 1 and words[0] == group and group in borrowed.NAMES]


def _parser(words: list[str]) -> ArgumentParser | None:
    """Make the parser of the sub-command that a line begins with; its help says what the line may hold."""
    own = next((command for command in COMMANDS if command.name == words[0]), None)
    if own is not None:
        return parser_of(own)
    for command in load("flyte_jupyter.cli:COMMANDS"):
        if command.name.split() == words[: len(command.name.split())]:
            parser = ArgumentParser(command.name)
            command.arguments(parser)
            return parser
    return None


def _runs(here: Here) -> list[str]:
    held = [name for name in variables(here.names) if isinstance(here.names.get(name), Run)]
    return ["last", *held, *(row.name for row in process.setup.store().runs(limit=_RUNS))]


def _kept() -> list[str]:
    """Name the tasks of kept results, of earlier kernels, too."""
    return [task.rpartition(".")[2] for task in ResultCache(process.setup.store()).tasks()]


def _frames(names: Names) -> list[str]:
    return [name for name in variables(names) if is_frame(names.get(name))]


def _actions(run: str, here: Here) -> list[str]:
    try:
        state = run_of(run, here).state
    except Error:
        return []
    return list(dict.fromkeys(action.short for action in state.actions.values() if action.short))


def _environments(names: Names) -> Iterable[str]:
    held = [name for name in variables(names) if isinstance(names.get(name), TaskEnvironment)]
    return sorted({*environments(), *held})


def _images(names: Names) -> Iterable[str]:
    return [name for name in variables(names) if isinstance(names.get(name), Image)]


_NAMES: Mapping[str, Callable[[Names], Iterable[str]]] = {"env": _environments, "image": _images}


def _split(text: str) -> tuple[list[str], str]:
    """Split into whole words and the one that is being written."""
    found = _LAST.search(text)
    word = found.group() if found else ""
    return text[: len(text) - len(word)].split(), word


def _name_at_end(word: str) -> str:
    found = _INSIDE.search(word)
    return found.group() if found else ""


def _beginning(word: str, known: Iterable[str]) -> list[str]:
    return [text for text in known if text.startswith(word)]
