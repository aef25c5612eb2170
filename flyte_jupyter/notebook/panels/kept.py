"""The form of the cache: what is kept, why it was or was not used, and its removal."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.panels.form import Answer, Field, Values
from flyte_jupyter.notebook.readers import seconds
from flyte_jupyter.notebook.render.marks import called_with
from flyte_jupyter.notebook.render.text import ago, plural, size
from flyte_jupyter.notebook.why import asked
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.rows import Entry

_COLUMNS = ("Task", "Inputs", "Version", "Made", "Used", "Size", "By run")
_ASKED = ("Run", "When", "Cache", "Why")
_SHOWN = 200
_RUNS = 20
"""Of so many runs, the newest, the inputs are looked up."""
_VERDICTS = 10
_VERSION = 10


@dataclass(frozen=True, slots=True)
class CachePanel:
    """What is kept, to look through."""

    title: str = "Kept results"
    buttons: tuple[str, ...] = ("Show", "Remove chosen", "Remove all of the task", "Remove older")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The filter, and the entries that it leaves."""
        tasks = tuple(sorted({entry.task for entry in _cache().entries()}))
        return (
            Field(name="task", label="Task", choices=tasks, help="Empty: all"),
            Field(name="older", label="Older than", help="7d; for Remove older"),
            _table(""),
            _asked(""),
        )

    def answer(self, values: Values) -> Answer:
        """Show the entries of a task."""
        task = str(values["task"]).strip()
        code = f"%flyte cache clear --task {task}" if task else "%flyte cache ls"
        return Answer(code=code, said=_said(task), fields=(_table(task, values["chosen"]), _asked(task)))

    def press(self, button: str, values: Values) -> Answer:
        """Remove what is chosen, or all of a task."""
        task = str(values["task"]).strip()
        if button == "Show":
            return self.answer(values)
        if button == "Remove chosen":
            count = sum(_cache().clear(key=str(key)) for key in values["chosen"] or ())
        elif button == "Remove older":
            count = _cache().clear(task=task or None, older_than=seconds(str(values["older"])))
        elif task:
            count = _cache().clear(task=task)
        else:
            return Answer(problem="Name a task first; all results are removed by: %flyte cache clear --all")
        shown = self.answer({**values, "chosen": []})
        return Answer(code=shown.code, said=f"Removed {plural(count, 'result')}.", fields=shown.fields)


def _cache() -> ResultCache:
    return ResultCache(process.setup.store())


def _asked(task: str) -> Field:
    """Show when a task asked for results lately, and why it got one or none."""
    now = time.time()
    found = asked(process.setup.store(), task, _VERDICTS) if task else ()
    rows = tuple(
        (f"{n}", (run, ago(action.queued or now, now), action.cache, action.cache_reason))
        for n, (run, action) in enumerate(found)
    )
    label = "Why results were taken or not" if task else "Why results were taken or not: choose a task"
    return Field(name="asked", label=label, kind="shown", columns=_ASKED, rows=rows)


def _table(task: str, chosen: object = ()) -> Field:
    entries = _cache().entries(task or None)[:_SHOWN]
    inputs = _inputs(entries)
    rows = tuple((entry.key, _cells(entry, inputs.get(entry.key, ""))) for entry in entries)
    keys = {key for key, _ in rows}
    kept = [key for key in chosen if key in keys] if isinstance(chosen, list | tuple) else []
    return Field(name="chosen", label="Results", kind="table", columns=_COLUMNS, rows=rows, value=kept)


def _inputs(entries: list[Entry]) -> dict[str, str]:
    """Write with what results were made, by their keys, as far as the newest of their runs can tell."""
    runs: dict[str, Any] = dict.fromkeys(entry.run for entry in entries)
    for run in list(runs)[:_RUNS]:
        with suppress(Error):
            runs[run] = process.setup.store().state(run).actions
    made = {entry.key: (runs[entry.run] or {}).get(entry.action) for entry in entries}
    return {key: called_with(action) for key, action in made.items() if action is not None}


def _cells(entry: Entry, inputs: str) -> tuple[str, ...]:
    made = ago(entry.created, time.time())
    return (
        entry.task,
        inputs,
        entry.version[:_VERSION],
        made,
        plural(entry.hits, "time"),
        size(entry.size),
        entry.run,
    )


def _said(task: str) -> str:
    found = _cache().entries(task or None)
    return f"{plural(len(found), 'result')}, {size(sum(entry.size for entry in found))}"
