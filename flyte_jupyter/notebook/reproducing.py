"""An action of a run brought back into a notebook: its inputs as variables, its code as a cell."""

import inspect
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from flyte_jupyter.errors import ActionNotFoundError, CodeBundleError, Error, ResultNotKeptError
from flyte_jupyter.loading import load as loaded
from flyte_jupyter.notebook.render.phases import BAD, LOOKS
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.runs.code import parts_of
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.runs.values import AT_FAILURE, read
from flyte_jupyter.tasks.environment import find_task
from flyte_jupyter.tasks.source import Slice, slice_of
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.guessing import guess
from flyte_jupyter.types.literal import Blob, Literal, Map, StructuredDataset, Value, Variant
from flyte_jupyter.types.packed import pack, unpack

Task = TaskTemplate[..., Any]

_NARROW = 100


def load(run: Run, action: str) -> tuple[dict[str, Any], str]:
    """Bring back an action of a run.

    Args:
        run: the run.
        action: the action's name, the beginning of it, or its task; of several actions of a task, the one
            that failed.

    Returns:
        The inputs by name, and the text of a cell: the task's code, as far as it is known here, and the call
        that does again what the action did. What could not be brought back is told in comments.

    Raises:
        ActionNotFoundError: there is no such action, or there are several.
        ResultNotKeptError: nothing of its inputs was kept.
    """
    state = find(run, action)
    task = find_task(state.task)
    variables, lost = _inputs(run, state, task)
    head = "".join(f"# {line}\n" for line in _told(run, state, task, variables, lost))
    code = _code(task)
    return variables, "\n\n".join(part for part in (head + code, _call(state, task, variables, lost)) if part)


def find(run: Run, name: str) -> ActionState:
    """Find the action that a person means.

    Raises:
        ActionNotFoundError: there is none, or there are several.
    """
    actions = run.state.actions
    if name in actions:
        return actions[name]
    found = [a for a in actions.values() if name in (a.short, a.task)]
    found = found or [a for a in actions.values() if a.name.startswith(name)]
    bad = [a for a in found if a.phase in BAD]
    chosen = found if len(found) == 1 else bad
    if len(chosen) == 1:
        return chosen[0]
    tasks = sorted({a.short or a.task for a in actions.values()})
    if not found:
        close = get_close_matches(name, tasks, 1)
        hint = f". Did you mean {close[0]}?" if close else ""
        raise ActionNotFoundError(f"run {run.name} has no action {name!r}; it has {', '.join(tasks)}{hint}")
    listed = ", ".join(a.name for a in (bad or found)[:5])
    raise ActionNotFoundError(f"run {run.name} has {len(found)} actions {name!r}; name one of them: {listed}")


def _inputs(run: Run, state: ActionState, task: Task | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the inputs one by one; also say which ones are not there, and why."""
    if state.inputs is None:
        raise ResultNotKeptError(f"the inputs of {state.task} in run {run.name} were not kept")
    types = {p.name: p.type for p in task.interface.inputs} if task is not None else {}
    found: dict[str, Any] = {}
    lost: dict[str, str] = {}
    for name, literal in unpack(state.inputs).items():
        known = types[name] if name in types else _type_of(literal.value)
        try:
            found |= read(pack({name: literal}), {name: known}, run.store.blobs, "inputs")
        except Error as error:
            lost[name] = shorten(error, _NARROW)
    return found, lost


def _told(
    run: Run, state: ActionState, task: Task | None, found: Mapping[str, Any], lost: Mapping[str, str]
) -> Iterator[str]:
    yield shorten(f"{state.task} ({state.name[:10]}) of run {run.name}: {LOOKS[state.phase].word}", _NARROW)
    if state.failure is not None:
        yield shorten(f"{state.failure.code}: {state.failure.message}", _NARROW)
    if found:
        yield f"Its inputs, as recorded: {', '.join(found)}"
    late = [n for n, one in unpack(state.inputs or b"").items() if AT_FAILURE.items() <= one.metadata.items()]
    if late:
        yield f"Written when it had failed, and perhaps changed by it before: {', '.join(late)}"
    for name, why in lost.items():
        yield f"Not there: {name} ({why})"
    yield from _changes(run, state, task)


def _changes(run: Run, state: ActionState, task: Task | None) -> Iterator[str]:
    if task is None:
        yield f"{state.task} is not defined here: run the cell that defines it"
        return
    then = parts_of(run.state.seen.get(state.task), run.store.blobs)
    changes = _slice(task).diff(then) if then is not None else []
    for change in changes:
        yield shorten(f"Changed since: {change}", _NARROW)


def _code(task: Task | None) -> str:
    if task is None:
        return ""
    found = _slice(task)
    try:
        text = found.text()
    except CodeBundleError as error:
        return f"# The code is not written out: {shorten(error, _NARROW)}\n"
    bound = f"# This cell binds {task.spec.func.__name__} to the plain function; the task's own cell brings "
    return f"{bound}the task back.\n\n{text}"


def _call(state: ActionState, task: Task | None, found: Mapping[str, Any], lost: Mapping[str, str]) -> str:
    name = task.spec.func.__name__ if task is not None else state.short or "task"
    awaited = "await " if task is not None and inspect.iscoroutinefunction(task.spec.func) else ""
    only = inspect.Parameter.POSITIONAL_ONLY
    kinds = task.interface.signature.parameters if task is not None else {}
    given = [n if n in kinds and kinds[n].kind is only else f"{n}={n}" for n in (*found, *lost)]
    mark = "# " if lost or task is None else ""
    return f"{mark}{awaited}{name}({', '.join(given)})\n"


def _slice(task: Task) -> Slice:
    return slice_of(task.spec.func)


_PRIMITIVES = (bool, int, float, str, datetime, timedelta)


def _type_of(value: Value) -> Any:
    """Find a type that reads a recorded value where no task says what it is."""
    if isinstance(value, Literal):
        return _type_of(value.value)
    if isinstance(value, Variant):
        return guess(value.type)
    if isinstance(value, tuple | Map):
        kinds = {_type_of(item) for item in (value.values() if isinstance(value, Map) else value)}
        inner = kinds.pop() if len(kinds) == 1 else Any
        return dict[str, inner] if isinstance(value, Map) else list[inner]  # type: ignore[valid-type]
    return type(value) if isinstance(value, _PRIMITIVES) else _referred(value)


def _referred(value: Value) -> Any:
    if isinstance(value, StructuredDataset):
        return loaded("pandas:DataFrame")
    if isinstance(value, Blob):
        return loaded(f"flyte_jupyter.io:{'Dir' if value.multipart else 'File'}")
    return Any
