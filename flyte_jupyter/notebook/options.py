"""The options of ``%%flyte_task``: one table that parses, documents and completes its line."""

import argparse
import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from IPython.core.error import UsageError

from flyte_jupyter.config import MODES
from flyte_jupyter.engine.options import ISOLATIONS
from flyte_jupyter.notebook import readers

_TASK = re.compile(r"[^\W\d][\w-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of the line.

    Args:
        flags: how it is written; the last one gives it its name.
        help: what it says, for people.
        example: what stands for the value in the documentation; a flag without a value has none.
        read: makes its value of its text; a ValueError says what is accepted.
        values: what is completed, and, where ``closed``, all that is accepted.
        closed: whether only ``values`` are accepted.
        many: whether it may be given several times.
        bare: whether it may be written without its value.
    """

    flags: tuple[str, ...]
    help: str
    example: str = ""
    read: Callable[[str], Any] = str
    values: tuple[str, ...] = ()
    closed: bool = False
    many: bool = False
    bare: bool = False

    @property
    def name(self) -> str:
        """The name of its value."""
        return self.flags[-1].lstrip("-").replace("-", "_")

    def value(self, text: str) -> Any:
        """Read the text of a value.

        Raises:
            UsageError: it is not accepted; the message says what is.
        """
        if self.closed and text not in self.values:
            accepted = ", ".join(self.values)
            raise UsageError(f"{self.flags[-1]} {text!r} is none of {accepted}{_near(text, self.values)}")
        try:
            return self.read(text)
        except ValueError as error:
            raise UsageError(f"{self.flags[-1]} {text!r}: {error}") from None


def _option(form: str, text: str, *, values: str = "", **more: Any) -> Option:
    """Write one row of the table: ``"-o, --outputs NAMES"``, what it says, and the values to complete."""
    words = form.replace(",", "").split()
    flags = tuple(word for word in words if word.startswith("-"))
    example = words[-1] if len(words) > len(flags) else ""
    return Option(flags=flags, help=text, example=example, values=tuple(values.split()), **more)


OPTIONS = (
    _option("--env ENV", "The environment; made if there is none of that name."),
    _option("--image IMAGE", "An image's URI, or a variable that holds an Image.", values="auto"),
    _option(
        "--cpu CORES", "Cores; or two amounts: asked for, at most.", values="1 2 4 8", read=readers.amount
    ),
    _option(
        "--memory SIZE",
        "Memory, such as 4Gi; or two amounts: asked for, at most.",
        values="512Mi 1Gi 2Gi 4Gi 8Gi 16Gi",
        read=readers.amount,
    ),
    _option(
        "--gpu GPUS",
        "GPUs: a number, or a kind.",
        values="1 T4:1 L4:1 A100:1 H100:1",
        read=readers.accelerator,
    ),
    _option("--disk SIZE", "Disk, such as 10Gi.", values="10Gi 50Gi 100Gi"),
    _option("--shm SIZE", "Shared memory.", values="auto 1Gi 4Gi"),
    _option(
        "--cache HOW",
        "Kept results: auto uses them, override makes new ones.",
        values="auto override disable",
        closed=True,
    ),
    _option("--cache-version VERSION", "The version of kept results, instead of one made of the code."),
    _option("--ignore INPUTS", "Inputs that do not matter for kept results: a,b.", read=readers.names),
    _option("--retries N", "Further attempts after a failure.", values="1 2 3 5", read=readers.count),
    _option(
        "--timeout TIME",
        "How long one attempt may run: 90s, 10m, 1h30m.",
        values="1m 10m 1h",
        read=readers.seconds,
    ),
    _option(
        "--queued-timeout TIME",
        "How long it may wait for its start.",
        values="1m 10m 1h",
        read=readers.seconds,
    ),
    _option(
        "--secret KEY", "A secret, as an environment variable: KEY or GROUP/KEY. May be repeated.", many=True
    ),
    _option(
        "--env-var NAME=VALUE",
        "A variable of its environment. May be repeated.",
        many=True,
        read=readers.pair,
    ),
    _option("--report", "Keep the task's report when it ends."),
    _option("--reuse WORKERS", "Keep so many warm workers for it.", values="1 2 4", read=readers.some),
    _option("--mode MODE", "Where it runs.", values=" ".join(MODES), closed=True),
    _option("--isolation HOW", "What surrounds it here.", values=" ".join(ISOLATIONS), closed=True),
    _option("--run INPUTS", 'Run it at once, with inputs: "df=frame, lr=0.05".', bare=True),
    _option("-o, --outputs NAMES", "What a cell that is a task gives: a,b.", read=readers.names),
    _option("--as RUNVAR", "The variable that gets the run.", read=readers.variable),
    _option("--background", "Do not wait for the run."),
    _option("--wait", "Wait for the run, in mode remote too."),
)
"""The table. Its order is that of the documentation and of completion."""

BY_FLAG: Mapping[str, Option] = {flag: option for option in OPTIONS for flag in option.flags}
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Line:
    """What a line of ``%%flyte_task`` says.

    Args:
        name: the task's name, if it is given.
        given: the values of the options that the line names, by option name.
        defaults: those of the notebook and the project, for what the line does not name.
    """

    name: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """Give an option's value: the line's, else the notebook's or project's."""
        found = self.given.get(name, self.defaults.get(name))
        return default if found is None else found

    def says(self, name: str) -> bool:
        """Whether the line itself names the option."""
        return name in self.given


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(
            message.removeprefix("argument ").replace(": expected one argument", " needs a value")
        )


def parse(text: str, defaults: Mapping[str, Any] | None = None) -> Line:
    """Read the line behind ``%%flyte_task``.

    Raises:
        UsageError: in one line: an unknown option, or a value that is not accepted.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError(f"a quotation is not closed in: {text.strip()}") from None
    found, rest = _parser().parse_known_args(words)
    if rest:
        raise _unknown(rest[0])
    values = {option.name: _value(option, getattr(found, option.name)) for option in OPTIONS}
    given = {name: value for name, value in values.items() if value is not None}
    return Line(_task_name(found.NAME), given, defaults or {})


def documentation() -> str:
    """Write what ``%%flyte_task?`` shows."""
    rows = [("NAME", "The task's name."), *(_documented(option) for option in OPTIONS)]
    width = max(len(left) for left, _ in rows)
    table = "\n".join(f"  {left.ljust(width)}  {right}" for left, right in rows)
    return f"{_INTRODUCTION}\nOptions:\n\n{table}\n"


_INTRODUCTION = """Make tasks of the cell.

    %%flyte_task [NAME] [options]

Each public function that the cell defines at its top level becomes a task; everything else in the cell runs
as usual:

    %%flyte_task --env ml --cpu 2 --memory 4Gi --cache auto --retries 3
    def train(df: pd.DataFrame, lr: float = 0.1) -> float: ...

A cell without functions is itself the task: its inputs are the names that it takes from the notebook, its
outputs the names that it assigns, and it runs at once:

    %%flyte_task clean --cache auto
    flights = raw.dropna(subset=["arr_delay"])
"""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("%%flyte_task", add_help=False, allow_abbrev=False)
    parser.add_argument("NAME", nargs="?")
    for option in OPTIONS:
        if not option.example:
            parser.add_argument(*option.flags, dest=option.name, action="store_true", default=None)
        elif option.bare:
            parser.add_argument(*option.flags, dest=option.name, nargs="?", const="")
        else:
            parser.add_argument(*option.flags, dest=option.name, action="append" if option.many else "store")
    return parser


def _value(option: Option, found: Any) -> Any:
    if found is None or found is True:
        return found
    return tuple(option.value(text) for text in found) if option.many else option.value(found)


def _task_name(text: str | None) -> str | None:
    if text is not None and not _TASK.fullmatch(text):
        raise UsageError(
            f"{text!r} cannot name a task; a letter, then letters, digits, '_' and '-' are accepted"
        )
    return text


def _unknown(word: str) -> UsageError:
    if not word.startswith("-"):
        return UsageError(
            f"one NAME is accepted, and {word!r} is a second one; values with spaces need quotes"
        )
    known = list(BY_FLAG)
    return UsageError(f"%%flyte_task has no option {word!r}; it has {', '.join(known)}{_near(word, known)}")


def _near(word: str, accepted: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(accepted), 1, 0.6)
    return f". Did you mean {close[0]}?" if close else ""


def _documented(option: Option) -> tuple[str, str]:
    left = ", ".join(option.flags) + (f" {option.example}" if option.example else "")
    return left, option.help + (f" One of {', '.join(option.values)}." if option.closed else "")
