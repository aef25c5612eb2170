"""What is said of a task that changes what its own cache version is made of: it is never found."""

from collections.abc import Mapping

from flyte_jupyter.tasks.slicing.changes import Change
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.spec import TaskSpec
from flyte_jupyter.tasks.warned import warn_once

NOT_KEPT = "its result was not kept: what its version is made of changed while it ran"

_FEW = 3


def reason(task: TaskSpec, before: object) -> str:
    """Say what running the task has changed.

    Args:
        task: the task, which has run.
        before: the parts of its code before.
    """
    changes = slice_of(task.func).diff(before) if isinstance(before, Mapping) else []
    words = [_words(change) for change in changes[:_FEW]]
    return f"{NOT_KEPT}: {'; '.join(words)}" if words else NOT_KEPT


def tell(task: TaskSpec, why: str) -> None:
    """Warn, once for each definition."""
    advice = "Keep no state in what the task uses, or give a version (--cache-version, version_override)"
    warn_once(task.func, task.name, f"{task.name}: {why}. {advice}.")


def _words(change: Change) -> str:
    """Say which variable of which function it is: of a decorator, mostly."""
    name = change.name.partition("#")[0]
    owner, _, variable = name.rpartition(".")
    if "<locals>" in owner:
        name = f"{variable}` of `{owner.replace('.<locals>', '')}"
    return str(change).replace(f"`{change.name}`", f"`{name}`")
