"""The form of the cache: what is kept, why it was or was not used, and its removal."""

import time
from dataclasses import dataclass

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.render.text import ago, plural, size
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.rows import Entry

_COLUMNS = ("Task", "Version", "Made", "Used", "Size", "By run")
_SHOWN = 200
_VERSION = 10


@dataclass(frozen=True, slots=True)
class CachePanel:
    """What is kept, to look through."""

    title: str = "Kept results"
    buttons: tuple[str, ...] = ("Show", "Remove chosen", "Remove all of the task")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The filter, and the entries that it leaves."""
        tasks = tuple(sorted({entry.task for entry in _cache().entries()}))
        return (Field(name="task", label="Task", choices=tasks, help="Empty: all"), _table(""))

    def answer(self, values: Values) -> Answer:
        """Show the entries of a task."""
        task = str(values["task"]).strip()
        code = f"%flyte cache clear --task {task}" if task else "%flyte cache ls"
        return Answer(code=code, said=_said(task), fields=(_table(task, values["chosen"]),))

    def press(self, button: str, values: Values) -> Answer:
        """Remove what is chosen, or all of a task."""
        task = str(values["task"]).strip()
        if button == "Show":
            return self.answer(values)
        if button == "Remove chosen":
            count = sum(_cache().clear(key=str(key)) for key in values["chosen"] or ())
        elif task:
            count = _cache().clear(task=task)
        else:
            return Answer(problem="Name a task first; all results are removed by: %flyte cache clear --all")
        shown = self.answer({**values, "chosen": []})
        return Answer(code=shown.code, said=f"Removed {plural(count, 'result')}.", fields=shown.fields)


def _cache() -> ResultCache:
    return ResultCache(process.setup.store())


def _table(task: str, chosen: object = ()) -> Field:
    rows = tuple((entry.key, _cells(entry)) for entry in _cache().entries(task or None)[:_SHOWN])
    keys = {key for key, _ in rows}
    kept = [key for key in chosen if key in keys] if isinstance(chosen, list | tuple) else []
    return Field(name="chosen", label="Results", kind="table", columns=_COLUMNS, rows=rows, value=kept)


def _cells(entry: Entry) -> tuple[str, ...]:
    made = ago(entry.created, time.time())
    return (
        entry.task,
        entry.version[:_VERSION],
        made,
        plural(entry.hits, "time"),
        size(entry.size),
        entry.run,
    )


def _said(task: str) -> str:
    found = _cache().entries(task or None)
    return f"{plural(len(found), 'result')}, {size(sum(entry.size for entry in found))}"
