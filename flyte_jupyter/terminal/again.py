"""Tasks of a Python file run, an earlier run once more, one of its actions as code, two runs side by side."""

from argparse import Namespace
from collections.abc import Callable

from flyte_jupyter.engine.rerun import rerun as run_again
from flyte_jupyter.engine.runner import run as run_task
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import Error
from flyte_jupyter.notebook import reproducing
from flyte_jupyter.notebook.render.comparison import comparison_text
from flyte_jupyter.runs.comparison import compare as compared
from flyte_jupyter.runs.run import Run
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.defining import define, inputs_of, task_of
from flyte_jupyter.terminal.screen import Screen, UsageError

FAILED = 1


def run(args: Namespace, screen: Screen) -> int:
    """Run a task of a Python file, and print what it returns."""
    _check(args)
    if args.task is None:
        raise UsageError(f"which task of {args.notebook}? flyte-jupyter run {args.notebook} TASK NAME=VALUE")
    task, inputs = task_of(args.notebook, args.task), inputs_of(args.inputs)
    return _ended(lambda: run_task(task, **inputs), screen)


def _check(args: Namespace) -> None:
    """Refuse what is for notebooks, or for tasks of a file.

    Raises:
        UsageError: naming it as it was written.
    """
    if not args.notebook.endswith(".py"):
        pairs = " ".join(f"-p {one}" for one in (args.task, *args.inputs) if "=" in one)
        hint = f"; its parameters are set with {pairs}" if pairs else ""
        raise UsageError(f"{args.task}: only a Python file has tasks, and {args.notebook} is none{hint}")
    if args.parameters:
        raise UsageError(
            f"-p {args.parameters[0]}: that is for a notebook; write inputs of a task without -p"
        )
    if args.output is not None:
        raise UsageError(f"-o {args.output}: that is for a notebook; a task's result is printed")


def rerun(args: Namespace, screen: Screen) -> int:
    """Run a run's task again; what succeeded with the same code and inputs is taken from its record."""
    define(args.file)
    before, inputs = found.run(args.run, found.store()), inputs_of(args.inputs)
    return _ended(lambda: run_again(before, from_failed=args.start == "failed", **inputs), screen)


def load(args: Namespace, screen: Screen) -> int:
    """Print an action's inputs and code as a script."""
    if args.file is not None:
        define(args.file)
    variables, text = reproducing.load(found.run(args.run, found.store()), args.action)
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("#")]
    body = lines[len(head) :]
    values = [f"{name} = {value!r}" for name, value in variables.items()]
    screen.print("\n".join([*head, "", *values, *body]).strip())
    return 0


def compare(args: Namespace, screen: Screen) -> int:
    """Print what differs between two runs."""
    where = found.store()
    screen.print(comparison_text(compared(found.run(args.run, where), found.run(args.other, where))))
    return 0


def _ended(begin: Callable[[], Run], screen: Screen) -> int:
    begun: list[Run] = []
    undo = process.observe(begun.append)
    try:
        outputs = begin().outputs()
    except Exception as error:  # noqa: BLE001 - what the user's task raised
        if not begun and isinstance(error, TypeError | Error):
            raise UsageError(str(error)) from None
        screen.tell(screen.hue(f"{type(error).__name__}: ", "red") + screen.hue.user(str(error)))
        screen.tell("see: flyte-jupyter show last")
        return FAILED
    finally:
        undo()
    for value in outputs:
        screen.print(screen.paint.user(repr(value)))
    return 0
