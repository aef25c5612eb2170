"""``flyte-jupyter``: the commands and their options; what each does is in ``terminal/``."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from flyte_jupyter import __version__
from flyte_jupyter.errors import Error
from flyte_jupyter.loading import load
from flyte_jupyter.terminal import options
from flyte_jupyter.terminal.found import LAST
from flyte_jupyter.terminal.screen import Screen, UsageError

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit statuses."""

Arguments: TypeAlias = Callable[[argparse.ArgumentParser], object]

_NAMED = "its name, the beginning of it, or 'last'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command.

    Args:
        name: its name; a second word makes it a sub-command.
        does: what it does, in one sentence.
        example: how it is called.
        act: the function that does it, loaded when it is chosen.
        arguments: adds its arguments to a parser.
    """

    name: str
    does: str
    example: str
    act: str
    arguments: Arguments = lambda _parser: None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give the exit status: 0, 1 if it failed, 2 for wrong usage, 130 if interrupted."""
    args = parser().parse_args(argv)
    screen = Screen.of(sys.stdout, sys.stderr)
    try:
        with _quickly():
            act = load(f"flyte_jupyter.terminal.{args.act}")
        status: int = act(args, screen)
        sys.stdout.flush()
    except UsageError as error:
        return _refuse(screen, str(error), USAGE)
    except BrokenPipeError:
        # Who read the output has gone; the interpreter must not try to write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Error as error:
        return _refuse(screen, str(error), FAILED)
    except OSError as error:
        return _refuse(screen, f"{error.filename or 'the system'}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="flyte-jupyter",
        description="Runs of tasks and notebooks: execute, look, stop.",
        epilog="Runs are in $FLYTE_JUPYTER_HOME, else in .flyte beside the nearest pyproject.toml or .git.",
    )
    top.add_argument("--version", action="version", version=f"flyte-jupyter {__version__}")
    groups = {"": top.add_subparsers(title="commands", metavar="COMMAND", required=True)}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group not in groups:
            above = groups[""].add_parser(group, help=GROUPS[group], description=GROUPS[group])
            groups[group] = above.add_subparsers(title="commands", metavar="COMMAND", required=True)
        made = groups[group].add_parser(
            name,
            help=command.does,
            description=command.does[0].upper() + command.does[1:] + ".",
            epilog=f"example:\n  flyte-jupyter {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(made)
        made.set_defaults(act=command.act)
    return top


@contextmanager
def _quickly() -> Iterator[None]:
    """Import without a grammar that takes two seconds to build.

    nbformat imports jsonschema, and that a checker of international addresses, which no notebook holds. As it
    is optional there, it is passed by.
    """
    slow = "rfc3987_syntax"
    if slow in sys.modules:
        yield
        return
    sys.modules[slow] = None  # type: ignore[assignment] # stands for what cannot be imported
    try:
        yield
    finally:
        del sys.modules[slow]


def _refuse(screen: Screen, message: str, status: int) -> int:
    screen.tell(screen.hue("flyte-jupyter: ", "red") + " ".join(screen.hue.user(message).split("\n")))
    return status


def _run(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", nargs="?", default=LAST, help=_NAMED)


def _action(to: argparse.ArgumentParser) -> None:
    _run(to)
    to.add_argument(
        "action", metavar="ACTION", nargs="?", help="an action's name, the beginning of it, or its task"
    )


def _for_run(to: argparse.ArgumentParser) -> None:
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb")
    to.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", action="append", default=[],
        help="set a parameter of the cell with the tag 'parameters'; a Python or JSON literal, else text",
    )  # fmt: skip
    to.add_argument("-o", "--output", metavar="OUT.ipynb", help="write the notebook with its outputs")


def _for_runs(to: argparse.ArgumentParser) -> None:
    to.add_argument("--phase", type=options.phase, help="only those in this phase, such as failed")
    to.add_argument("--task", help="only those of this task")
    to.add_argument("--text", help="only those with this in their name, task, notebook or labels")
    to.add_argument(
        "--limit", type=options.count, default=20, metavar="N", help="at most so many; 20 if not given"
    )


def _for_show(to: argparse.ArgumentParser) -> None:
    _run(to)
    to.add_argument("--all", action="store_true", help="every action of a large run, not folded")


def _for_logs(to: argparse.ArgumentParser) -> None:
    _action(to)
    to.add_argument("--attempt", type=options.count, metavar="N", help="only of this attempt, from 1")
    to.add_argument("--tail", type=options.count, metavar="N", help="only the last so many lines")
    to.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    to.add_argument("-t", "--timestamps", action="store_true", help="the time before each line")


def _for_report(to: argparse.ArgumentParser) -> None:
    _action(to)
    to.add_argument("-o", "--output", metavar="FILE", help="the file to write; '-' for the standard output")


def _for_abort(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help=_NAMED)


def _for_entries(to: argparse.ArgumentParser) -> None:
    to.add_argument("--task", help="only those of this task")
    to.add_argument(
        "--limit", type=options.count, default=50, metavar="N", help="at most so many; 50 if not given"
    )


def _for_explain(to: argparse.ArgumentParser) -> None:
    to.add_argument("key", metavar="KEY", help="the beginning of a key that 'cache ls' shows")


def _for_clear(to: argparse.ArgumentParser) -> None:
    to.add_argument("--task", help="only those of this task")
    to.add_argument(
        "--older-than", type=options.length, metavar="TIME", help="only those made before, such as 7d"
    )
    to.add_argument("--key", help="only the one whose key begins like this")
    to.add_argument("--all", action="store_true", help="all of them")


def _for_why(to: argparse.ArgumentParser) -> None:
    to.add_argument("task", metavar="TASK", help="its short or qualified name")
    to.add_argument(
        "--limit", type=options.count, default=10, metavar="N", help="at most so many; 10 if not given"
    )


def _for_secret(to: argparse.ArgumentParser) -> None:
    to.add_argument("key", metavar="KEY", help="the key, as in flyte.Secret(key=...)")
    to.add_argument("--group", help="the group, as in flyte.Secret(group=...)")


def _for_gc(to: argparse.ArgumentParser) -> None:
    to.add_argument("--keep-runs", type=options.count, metavar="N", help="keep the newest so many runs")
    to.add_argument(
        "--max-bytes", type=options.size, metavar="SIZE", help="make the store no larger, such as 20G"
    )


def _for_export(to: argparse.ArgumentParser) -> None:
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb")
    to.add_argument(
        "-o", "--output", metavar="FILE.py", help="the file to write; '-' for the standard output"
    )
    to.add_argument("--force", action="store_true", help="write over a file that was changed by hand")


def _notebook(to: argparse.ArgumentParser) -> None:
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb")


def _for_graph(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "what", metavar="RUN", nargs="?", default=LAST, help=f"{_NAMED}; or a notebook: NOTEBOOK.ipynb"
    )


def _for_demo(to: argparse.ArgumentParser) -> None:
    to.add_argument("--lab", action="store_true", help="open it in JupyterLab instead")


GROUPS = {
    "cache": "the results that are kept",
    "secrets": "values in the system's key ring",
}

COMMANDS = (
    Command(
        name="run", does="execute a notebook without a browser", act="headless:run", arguments=_for_run,
        example="run analysis.ipynb -p SAMPLE=1000 -o out.ipynb",
    ),
    Command(
        name="runs", does="list runs, the newest first", act="listing:runs", arguments=_for_runs,
        example="runs --phase failed --limit 5",
    ),
    Command(
        name="show", does="show a run: its actions, their times, and why what failed did",
        act="showing:show", arguments=_for_show, example="show last",
    ),
    Command(
        name="logs", does="print what a run's actions printed", act="lines:logs", arguments=_for_logs,
        example="logs last train --tail 20",
    ),
    Command(
        name="report", does="write an action's report to a file", act="pages:report",
        arguments=_for_report, example="report last summary -o summary.html",
    ),
    Command(
        name="graph", does="tell what a run's actions called, or how a notebook's cells depend on each other",
        act="graphs:graph", arguments=_for_graph, example="graph analysis.ipynb",
    ),
    Command(
        name="stale", does="tell which cells of a notebook are out of date, and why",
        act="graphs:stale", arguments=_notebook, example="stale analysis.ipynb",
    ),
    Command(
        name="abort", does="stop a run, by interrupting the process on this machine that drives it",
        act="stopping:abort", arguments=_for_abort, example="abort last",
    ),
    Command(
        name="cache ls", does="list kept results, the newest first", act="cached:entries",
        arguments=_for_entries, example="cache ls --task train",
    ),
    Command(
        name="cache explain", does="tell what a kept result was made from", act="cached:explain",
        arguments=_for_explain, example="cache explain 3f9c",
    ),
    Command(
        name="cache clear", does="remove kept results", act="cached:clear", arguments=_for_clear,
        example="cache clear --task train --older-than 7d",
    ),
    Command(
        name="why", does="tell why a task's results were taken from the cache or not, as recorded",
        act="cached:why", arguments=_for_why, example="why train",
    ),
    Command(
        name="secrets set", does="ask for a secret's value, unseen, and keep it", act="secrets:put",
        arguments=_for_secret, example="secrets set api-key --group weather",
    ),
    Command(
        name="secrets ls", does="list the names of kept secrets", act="secrets:ls", example="secrets ls"
    ),
    Command(
        name="secrets rm", does="forget a secret", act="secrets:rm", arguments=_for_secret,
        example="secrets rm api-key --group weather",
    ),
    Command(
        name="export", does="write a notebook as a module that runs by itself", act="modules:export",
        arguments=_for_export, example="export analysis.ipynb -o analysis.py",
    ),
    Command(
        name="lint", does="check a notebook: order, names, paths, tasks", act="modules:lint",
        arguments=_notebook, example="lint analysis.ipynb",
    ),
    Command(
        name="gc", does="remove old runs and what nothing refers to", act="sweeping:gc",
        arguments=_for_gc, example="gc --keep-runs 100 --max-bytes 20G",
    ),
    Command(
        name="demo", does="run the quickstart on 336,776 flights", act="demo:demo", arguments=_for_demo,
        example="demo --lab",
    ),
)  # fmt: skip
"""All commands, in the order in which ``--help`` lists them."""
