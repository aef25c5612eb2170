"""Would a task's result be taken from the cache, and if not, what has changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from flyte_jupyter.backends.stamps import changed
from flyte_jupyter.engine.cached import explain, input_digests, key_of, stamps_of, version_of
from flyte_jupyter.engine.unkept import NOT_KEPT
from flyte_jupyter.ids import ActionID
from flyte_jupyter.notebook.render.text import ago, plural
from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import ContextData, RunScope
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]

LATEST = 100
"""So many runs are looked through for when a task asked the cache."""


def verdict(task: Task, store: RunStore, now: float) -> list[str]:
    """Say it for the task as it is now, whatever its inputs: one sentence a line."""
    spec = task.spec
    if not spec.cache.is_enabled:
        return [f"{task.name} is not cached: give it cache='auto'"]
    kept = ResultCache(store).entries(spec.name)
    if not kept:
        return [f"{task.name} would run: no result of it is kept", *_lately(task, store)]
    version = version_of(spec)
    fitting = [entry for entry in kept if entry.version == version]
    holding = [entry for entry in fitting if not changed(stamps_of(entry))]
    if holding:
        newest = f"the newest was made {ago(holding[0].created, now)} by run {holding[0].run}"
        return [
            f"{task.name} would take {plural(len(holding), 'result')} from the cache, for the same inputs",
            newest,
            *_beware(task),
        ]
    if fitting:
        then = ago(fitting[0].created, now)
        return [
            f"{task.name} would run: what it read for its result of {then} has changed",
            changed(stamps_of(fitting[0])),
        ]
    return [
        f"{task.name} would run: it has changed since its result of {ago(kept[0].created, now)}",
        *_lately(task, store),
        *_changes(task, kept[0]),
    ]


def verdict_for(
    task: Task, values: tuple[tuple[Any, ...], Mapping[str, Any]], store: RunStore, now: float
) -> list[str]:
    """Say it for a call with these inputs."""
    spec = task.spec
    if not spec.cache.is_enabled:
        return [f"{task.name} is not cached: give it cache='auto'"]
    results = ResultCache(store)
    action = ActionSpec(
        id=ActionID("why"),
        task=spec,
        inputs=spec.interface.to_literals(*values),
        run=RunScope(name="why"),
        context=ContextData(),
        version=version_of(spec),
    )
    digests = input_digests(action)
    found = results.get(key_of(action, digests))
    change = changed(stamps_of(found)) if found is not None else ""
    if found is not None and not change:
        made = f"made {ago(found.created, now)} by run {found.run}"
        return [f"{task.name} would take its result from the cache, {made}", *_beware(task)]
    reasons = [change] if change else explain(spec, digests, results).split("; ")
    return [f"{task.name} would run", *reasons, *_lately(task, store)]


def _beware(task: Task) -> list[str]:
    """Say what may have changed unseen; nothing where the version is given by hand."""
    if task.spec.cache.version_override is not None:
        return []
    unseen = slice_of(task.spec.func).unseen
    return [f"beware: {text}, and what it reaches in this way is not seen" for text in unseen]


def _lately(task: Task, store: RunStore) -> list[str]:
    """Say why the latest result was not kept, if the task itself is the reason."""
    reasons = [action.cache_reason for _, action in asked(store, task.spec.name, 1)]
    return [reason for reason in reasons if reason.startswith(NOT_KEPT)]


def _changes(task: Task, entry: Entry) -> list[str]:
    then = entry.parts.get("slice")
    changes = slice_of(task.spec.func).diff(then) if isinstance(then, Mapping) else []
    return [str(change) for change in changes] or ["the image or the options of the cache changed"]


def asked(where: RunStore, task: str, limit: int) -> Iterator[tuple[str, ActionState]]:
    """Find the latest actions of a task that asked the cache, each with its run, the newest first."""
    count = 0
    for row in where.runs(limit=LATEST):
        for action in reversed(where.state(row.name).actions.values()):
            if action.cache not in ("", "disabled") and task in (action.task, action.short):
                yield row.name, action
                count += 1
                if count >= limit:
                    return
