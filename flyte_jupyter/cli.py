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
from flyte_jupyter.terminal import arguments
from flyte_jupyter.terminal.screen import Screen, UsageError

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit statuses."""

Arguments: TypeAlias = Callable[[argparse.ArgumentParser], object]


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


GROUPS = {
    "cache": "the results that are kept",
    "images": "the images of tasks",
    "secrets": "values in the system's key ring",
}

COMMANDS = (
    Command(
        name="run", does="execute a notebook without a browser, or run a task of a Python file",
        act="headless:run", arguments=arguments.execution,
        example="run analysis.ipynb -p SAMPLE=1000 -o out.ipynb",
    ),
    Command(
        name="runs", does="list runs, the newest first", act="listing:runs", arguments=arguments.runs,
        example="runs --phase failed --limit 5",
    ),
    Command(
        name="show", does="show a run: its actions, their times, and why what failed did",
        act="showing:show", arguments=arguments.show, example="show last",
    ),
    Command(
        name="logs", does="print what a run's actions printed", act="lines:logs", arguments=arguments.logs,
        example="logs last train --tail 20",
    ),
    Command(
        name="report", does="write an action's report to a file", act="pages:report",
        arguments=arguments.report, example="report last summary -o summary.html",
    ),
    Command(
        name="graph", does="tell what a run's actions called, or how a notebook's cells depend on each other",
        act="graphs:graph", arguments=arguments.graph, example="graph analysis.ipynb",
    ),
    Command(
        name="stale", does="tell which cells of a notebook are out of date, and why",
        act="graphs:stale", arguments=arguments.notebook, example="stale analysis.ipynb",
    ),
    Command(
        name="abort", does="stop a run, by interrupting the process on this machine that drives it",
        act="stopping:abort", arguments=arguments.abort, example="abort last",
    ),
    Command(
        name="rerun", does="run again what failed, with what succeeded taken from the record",
        act="again:rerun", arguments=arguments.rerun, example="rerun last pipeline.py --from failed",
    ),
    Command(
        name="load", does="print an action's inputs and code as a script", act="again:load",
        arguments=arguments.load, example="load last train pipeline.py",
    ),
    Command(
        name="compare", does="tell what differs between two runs", act="again:compare",
        arguments=arguments.compare, example="compare r4k2 last",
    ),
    Command(
        name="cache ls", does="list kept results, the newest first", act="cached:entries",
        arguments=arguments.entries, example="cache ls --task train",
    ),
    Command(
        name="cache explain", does="tell what a task's kept results were made from", act="cached:explain",
        arguments=arguments.explain, example="cache explain train",
    ),
    Command(
        name="cache clear", does="remove kept results", act="cached:clear", arguments=arguments.clear,
        example="cache clear train --older-than 7d",
    ),
    Command(
        name="why", does="tell why a task's results were taken from the cache or not, as recorded",
        act="cached:why", arguments=arguments.why, example="why train",
    ),
    Command(
        name="images ls", does="list the images that runs built, pulled or pushed, the newest first",
        act="images:ls", arguments=arguments.images, example="images ls",
    ),
    Command(
        name="images build", does="build an image, and push it if it has a registry", act="images:build",
        arguments=arguments.build, example="images build pipeline.py:env",
    ),
    Command(
        name="images check", does="tell whether an image is on the engine or in its registry",
        act="images:check", arguments=arguments.image, example="images check pipeline.py:env",
    ),
    Command(
        name="secrets set", does="ask for a secret's value, unseen, and keep it", act="secrets:put",
        arguments=arguments.secret, example="secrets set api-key --group weather",
    ),
    Command(
        name="secrets ls", does="list the names of kept secrets", act="secrets:ls", example="secrets ls"
    ),
    Command(
        name="secrets rm", does="forget a secret", act="secrets:rm", arguments=arguments.secret,
        example="secrets rm api-key --group weather",
    ),
    Command(
        name="env", does="tell what runs are connected to: the store, the mode, the versions",
        act="facts:env", example="env",
    ),
    Command(
        name="connect", does="see that the endpoint of hybrid and remote runs answers, or start one",
        act="connecting:connect", arguments=arguments.connect, example="connect http://localhost:8090",
    ),
    Command(
        name="export", does="write a notebook as a module that runs by itself", act="modules:export",
        arguments=arguments.export, example="export analysis.ipynb -o analysis.py",
    ),
    Command(
        name="lint", does="check a notebook: order, names, paths, tasks", act="modules:lint",
        arguments=arguments.notebook, example="lint analysis.ipynb",
    ),
    Command(
        name="gc", does="remove old runs and what nothing refers to", act="sweeping:gc",
        arguments=arguments.gc, example="gc --keep-runs 100 --max-bytes 20G",
    ),
    Command(
        name="serve", does="serve a store as a Flyte 2 endpoint on this machine, until interrupted",
        act="serving:serve", arguments=arguments.serve, example="serve --slots 4",
    ),
    Command(
        name="demo", does="run the quickstart on 336,776 flights", act="demo:demo", arguments=arguments.demo,
        example="demo --lab",
    ),
)  # fmt: skip
"""All commands, in the order in which ``--help`` lists them."""

if __name__ == "__main__":
    sys.exit(main())
