"""What the commands take: their arguments and options."""

import argparse
import sys

from flyte_jupyter.config import MODES
from flyte_jupyter.engine.options import ISOLATIONS
from flyte_jupyter.terminal import options
from flyte_jupyter.terminal.found import LAST

NAMED = "its name, the beginning of it, or 'last'"
"""How a run can be named."""


_TASK = "a task's short or qualified name"


def run(to: argparse.ArgumentParser) -> None:
    """Take a run; the last one if none is named."""
    to.add_argument("run", metavar="RUN", nargs="?", default=LAST, help=NAMED)


def action(to: argparse.ArgumentParser) -> None:
    """Take a run and one of its actions."""
    run(to)
    to.add_argument(
        "action", metavar="ACTION", nargs="?", help="an action's name, the beginning of it, or its task"
    )


def execution(to: argparse.ArgumentParser) -> None:
    """Take a notebook to execute, or a Python file and one of its tasks."""
    to.add_argument(
        "notebook", metavar="NOTEBOOK.ipynb", help="or a Python file: FILE.py TASK NAME=VALUE ..."
    )
    to.add_argument("task", metavar="TASK", nargs="?", help="a task that the Python file defines")
    inputs(to)
    to.add_argument(
        "-p", dest="parameters", metavar="NAME=VALUE", action="append", default=[],
        help="set a parameter of the cell with the tag 'parameters'; a Python or JSON literal, else text",
    )  # fmt: skip
    to.add_argument("-o", "--output", metavar="OUT.ipynb", help="write the notebook with its outputs")
    to.add_argument("--mode", choices=MODES, help="where runs go that do not say it")
    to.add_argument(
        "--isolation", choices=ISOLATIONS, help="what surrounds the bodies of tasks where nothing says it"
    )


def inputs(to: argparse.ArgumentParser) -> None:
    """Take inputs of a task."""
    words = "an input of the task; a Python or JSON literal, else text"
    to.add_argument("inputs", metavar="NAME=VALUE", nargs="*", help=words)


def rerun(to: argparse.ArgumentParser) -> None:
    """Take a run to continue, and the file that defines its task."""
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("file", metavar="FILE.py", help="the Python file that defines its tasks")
    inputs(to)
    to.add_argument(
        "--from", dest="start", choices=("failed", "start"), default="failed",
        help="failed, which is the default: take what succeeded from the record; start: run everything again",
    )  # fmt: skip


def load(to: argparse.ArgumentParser) -> None:
    """Take an action, and the file that has its code."""
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("action", metavar="ACTION", help="an action's name, the beginning of it, or its task")
    to.add_argument("file", metavar="FILE.py", nargs="?", help="the Python file that defines its task")


def compare(to: argparse.ArgumentParser) -> None:
    """Take two runs."""
    to.add_argument("run", metavar="RUN", help=NAMED)
    to.add_argument("other", metavar="RUN", help="the run to set beside it")


def runs(to: argparse.ArgumentParser) -> None:
    """Take what narrows a list of runs."""
    to.add_argument("--phase", type=options.phase, help="only those in this phase, such as failed")
    to.add_argument("--task", help="only those of this task")
    to.add_argument("--text", help="only those with this in their name, task, notebook or labels")
    to.add_argument(
        "--limit", type=options.count, default=20, metavar="N", help="at most so many; 20 if not given"
    )


def show(to: argparse.ArgumentParser) -> None:
    """Take a run, and how much of it is wanted."""
    run(to)
    to.add_argument("--all", action="store_true", help="every action of a large run, not folded")


def logs(to: argparse.ArgumentParser) -> None:
    """Take a run, an action, and which of its lines."""
    action(to)
    to.add_argument("--attempt", type=options.count, metavar="N", help="only of this attempt, from 1")
    to.add_argument("--tail", type=options.count, metavar="N", help="only the last so many lines")
    to.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    to.add_argument("-t", "--timestamps", action="store_true", help="the time before each line")


def report(to: argparse.ArgumentParser) -> None:
    """Take an action and the file for its report."""
    action(to)
    to.add_argument("-o", "--output", metavar="FILE", help="the file to write; '-' for the standard output")


def abort(to: argparse.ArgumentParser) -> None:
    """Take a run; there is no default for what cannot be undone."""
    to.add_argument("run", metavar="RUN", help=NAMED)


def entries(to: argparse.ArgumentParser) -> None:
    """Take what narrows a list of kept results."""
    to.add_argument("task", metavar="TASK", nargs="?", help=f"{_TASK}: only those of it")
    to.add_argument("--task", dest="task", default=argparse.SUPPRESS, help="the same")
    to.add_argument(
        "--limit", type=options.count, default=50, metavar="N", help="at most so many; 50 if not given"
    )


def explain(to: argparse.ArgumentParser) -> None:
    """Take a task, or the key of a kept result."""
    to.add_argument("what", metavar="TASK", help=f"{_TASK}, or the beginning of a key that 'cache ls' shows")
    to.add_argument(
        "--limit", type=options.count, default=5, metavar="N", help="at most so many; 5 if not given"
    )


def clear(to: argparse.ArgumentParser) -> None:
    """Take which kept results to remove."""
    to.add_argument("named", metavar="TASK", nargs="?", help=f"{_TASK}: only those of it")
    to.add_argument("--task", help="the same")
    to.add_argument(
        "--older-than", type=options.length, metavar="TIME", help="only those made before, such as 7d"
    )
    to.add_argument("--key", help="only the one whose key begins like this")
    to.add_argument("--all", action="store_true", help="all of them")


def why(to: argparse.ArgumentParser) -> None:
    """Take a task."""
    to.add_argument("task", metavar="TASK", help=_TASK)
    to.add_argument(
        "--limit", type=options.count, default=10, metavar="N", help="at most so many; 10 if not given"
    )


def images(to: argparse.ArgumentParser) -> None:
    """Take how many runs are looked at."""
    to.add_argument(
        "--limit", type=options.count, default=100, metavar="N", help="look at so many runs; 100 if not given"
    )


def image(to: argparse.ArgumentParser) -> None:
    """Take an image."""
    to.add_argument(
        "target", metavar="IMAGE", help="FILE.py:NAME of an image, environment or task; or an image's URI"
    )


def build(to: argparse.ArgumentParser) -> None:
    """Take an image and how it is built."""
    image(to)
    to.add_argument("--force", action="store_true", help="build it also if it is there")
    to.add_argument("--builder", metavar="ADDRESS", help="the engine that builds, as in DOCKER_HOST")
    to.add_argument("-v", "--verbose", action="store_true", help="show what the steps print")


def secret(to: argparse.ArgumentParser) -> None:
    """Take the name of a secret."""
    to.add_argument("key", metavar="KEY", help="the key, as in flyte.Secret(key=...)")
    to.add_argument("--group", help="the group, as in flyte.Secret(group=...)")


def gc(to: argparse.ArgumentParser) -> None:
    """Take how much to keep."""
    to.add_argument("--keep-runs", type=options.count, metavar="N", help="keep the newest so many runs")
    to.add_argument(
        "--max-bytes", type=options.size, metavar="SIZE", help="make the store no larger, such as 20G"
    )


def export(to: argparse.ArgumentParser) -> None:
    """Take a notebook and the module to write."""
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb")
    to.add_argument(
        "-o", "--output", metavar="FILE.py", help="the file to write; '-' for the standard output"
    )
    to.add_argument("--force", action="store_true", help="write over a file that was changed by hand")


def notebook(to: argparse.ArgumentParser) -> None:
    """Take a notebook's file."""
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb")


def graph(to: argparse.ArgumentParser) -> None:
    """Take a run or a notebook."""
    to.add_argument(
        "what", metavar="RUN", nargs="?", default=LAST, help=f"{NAMED}; or a notebook: NOTEBOOK.ipynb"
    )


def connect(to: argparse.ArgumentParser) -> None:
    """Take which endpoint."""
    to.add_argument(
        "url", metavar="URL", nargs="?", help="an endpoint; that of the settings, else the store's own"
    )


def serve(to: argparse.ArgumentParser) -> None:
    """Take which store to serve, and how."""
    to.add_argument("--store", metavar="DIR", help="the store's folder; that of this folder if not given")
    to.add_argument(
        "--port", type=options.count, default=0, metavar="N", help="that of last time if not given"
    )
    to.add_argument(
        "--slots", type=options.count, default=0, metavar="N",
        help="run so many tasks at once; as many as there are cores if not given",
    )  # fmt: skip
    to.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="the interpreter of tasks; it has flyte"
    )
    to.add_argument(
        "--workers", choices=("forked", "cold", "container"), default="forked",
        help="forked from a warm process, which is the default; cold: an interpreter for each attempt; "
        "container: a container of the task's image for each attempt, which limits CPU and memory",
    )  # fmt: skip
    to.add_argument(
        "--idle",
        type=options.length,
        metavar="TIME",
        help="end when there was nothing to do for so long, such as 2h",
    )
    to.add_argument("--strict", action="store_true", help="check answers against the protocol's rules, too")


def demo(to: argparse.ArgumentParser) -> None:
    """Take where to show the demo."""
    to.add_argument("--lab", action="store_true", help="open it in JupyterLab instead")
