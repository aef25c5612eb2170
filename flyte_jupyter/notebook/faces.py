"""How each kind of object of ours is drawn: facts as HTML and as text."""

import functools
import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flyte_jupyter.notebook.card import image_word, resources_facts, task_facts
from flyte_jupyter.notebook.render.objects import Facts, object_html, object_text
from flyte_jupyter.notebook.render.phases import look
from flyte_jupyter.notebook.render.text import duration, moment, plural, shorten, size
from flyte_jupyter.notebook.shown import bundle_of
from flyte_jupyter.runs.rows import Entry
from flyte_jupyter.runs.run import Action, Run
from flyte_jupyter.tasks.environment import Environment, TaskEnvironment
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import secrets_of
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.files import File, Place

_LAYER = 160


@functools.singledispatch
def face(value: Any) -> Mapping[str, Any]:
    """Make the MIME bundle of an object of ours."""
    return {"text/plain": repr(value)}


@face.register
def _(value: Run) -> Mapping[str, Any]:
    return bundle_of(value)


@face.register
def _(value: Action) -> Mapping[str, Any]:
    state = value.state
    seen = look(state)
    cached = f"{state.cache}: {state.cache_reason}" if state.cache else None
    facts = {
        "State": f"{seen.symbol} {seen.word}",
        "Run": value.run_name,
        "Started": moment(state.started) if state.started else None,
        "Took": duration(value.runtime) if state.started else None,
        "Attempts": len(state.attempts) or None,
        "Place": state.place,
        "Cache": cached,
        "Error": f"{state.failure.code}: {state.failure.message}" if state.failure else None,
        "Called by": _caller(value),
        "Group": state.group,
        "Calls": len(value.children) or None,
    }
    return _drawn(state.task or value.name, facts, "Action", state.failure.traceback if state.failure else "")


@face.register
def _(value: TaskTemplate) -> Mapping[str, Any]:  # type: ignore[type-arg] # a class without parameters is dispatched on
    return _drawn(value.name, task_facts(value), "Task", _source(value))


@face.register
def _(value: Environment) -> Mapping[str, Any]:
    tasks = [task.short_name for task in value.tasks.values()] if isinstance(value, TaskEnvironment) else []
    cache = getattr(value, "cache", None)
    facts = {
        "Description": value.description,
        "Image": image_word(value.image),
        "Resources": resources_facts(value.resources),
        "Cache": cache.behavior if cache is not None and cache.is_enabled else None,
        "Variables": ", ".join(value.env_vars or {}),
        "Secrets": ", ".join(secret.key for secret in secrets_of(value.secrets)),
        "Depends on": [env.name for env in value.depends_on],
        "Tasks": tasks,
    }
    return _drawn(value.name, facts, "Environment")


@face.register
def _(value: Image) -> Mapping[str, Any]:
    facts = {
        "Base": value.base_image or f"Dockerfile {value.dockerfile}",
        "Python": ".".join(map(str, value.python_version)) if value.python_version else None,
        "Platform": list(value.platform),
        "Registry": value.registry,
        "Layers": {f"{at}": _layer(layer) for at, layer in enumerate(value.layers, 1)},
    }
    return _drawn(value.name or "without a name", facts, "Image")


@face.register
def _(value: Resources) -> Mapping[str, Any]:
    return _drawn("Resources", resources_facts(value) or {"Limits": "none"})


@face.register
def _(value: Place) -> Mapping[str, Any]:  # type: ignore[type-arg] # likewise
    facts = {"Path": value.path, "Format": value.format, "Size": _size(value), "Hash": value.hash}
    return _drawn(value.name, facts, "File" if isinstance(value, File) else "Folder")


@face.register
def _(value: Entry) -> Mapping[str, Any]:
    facts = {
        "Key": value.key,
        "Version": value.version,
        "Made": moment(value.created),
        "By run": value.run,
        "Used": plural(value.hits, "time"),
        "Size": size(value.size),
    }
    return _drawn(value.task, facts, "Kept result")


def _drawn(title: str, facts: Facts, kind: str = "", code: str = "") -> Mapping[str, Any]:
    html = object_html(title, facts, kind=kind, code=code)
    return {"text/html": str(html), "text/plain": object_text(title, facts, kind=kind)}


def _source(task: Any) -> str:
    try:
        return inspect.getsource(task.func)
    except (AttributeError, OSError, TypeError):
        return ""


def _caller(action: Action) -> str | None:
    parent = action.run.state.actions.get(action.state.parent or "")
    return None if parent is None else parent.short or parent.task or parent.name


def _layer(layer: Any) -> str:
    """Say what a layer adds: its kind, and what it was given."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(layer).__name__).lower()
    given = [getattr(layer, f.name) for f in fields(layer) if f.repr and getattr(layer, f.name) != f.default]
    shown = (
        ", ".join(map(str, v)) if isinstance(v, tuple) else str(v)
        for v in given
        if v not in (None, (), False)
    )
    return shorten(f"{words}: {'; '.join(shown)}", _LAYER)


def _size(place: Any) -> str | None:
    """Tell the size of a local file, which costs no reading."""
    path = place.local
    try:
        return size(path.stat().st_size) if path is not None and path.is_file() else None
    except OSError:
        return None
