"""What a command works on: the shell, its cells and runs, and the tasks that it knows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from flyte_jupyter.notebook.blocks import Blocks
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.tasks.environment import TaskEnvironment, environments
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from flyte_jupyter.notebook.lineage_cells import Following

Task = TaskTemplate[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A notebook's kernel.

    Args:
        shell: the interactive shell.
        cells: follows its cells.
        blocks: the runs that it started and that go on.
        following: keeps the graph of its cells.
        defaults: the values of options that are set for it.
        local: the names of the function that calls, if one does.
    """

    shell: Any
    cells: Cells
    blocks: Blocks
    following: "Following"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's names."""
        found: dict[str, Any] = self.shell.user_ns
        return found

    @property
    def seen(self) -> Mapping[str, Any]:
        """The names that an expression on the line sees."""
        return {**self.names, **self.local}

    def tasks(self) -> dict[str, Task]:
        """Give all tasks by their variables, qualified names, and short names that only one has."""
        held = {n: v for n, v in self.names.copy().items() if isinstance(v, TaskTemplate) and n[0] != "_"}
        qualified = {task.name: task for task in _defined()}
        shorts = [task.short_name for task in qualified.values()]
        unique = {task.short_name: task for task in qualified.values() if shorts.count(task.short_name) == 1}
        return {**unique, **qualified, **held}

    def task(self, name: str) -> Task:
        """Find a task.

        Raises:
            UsageError: there is none of that name.
        """
        known = self.tasks()
        if name in known:
            return known[name]
        close = get_close_matches(name, known, 1)
        hint = f". Did you mean {close[0]}?" if close else ""
        listed = ", ".join(known) or "none"
        raise UsageError(f"no task {name!r}; the notebook's tasks are {listed}{hint}")

    def show(self, data: dict[str, Any]) -> None:
        """Show a MIME bundle in the running cell."""
        self.shell.display_pub.publish(data=data)


def _defined() -> Iterator[Task]:
    for env in environments().values():
        if isinstance(env, TaskEnvironment):
            yield from env.tasks.values()
