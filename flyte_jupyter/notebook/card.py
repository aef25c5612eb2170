"""The card of a task: what it takes and gives, where it runs, how it is kept, and what it captures."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.objects import FRAME
from flyte_jupyter.notebook.render.text import duration, plural, shorten
from flyte_jupyter.tasks.cache import Cache, VersionParameters
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import Secret, secrets_of
from flyte_jupyter.tasks.source import Part, Slice, slice_of
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]

_VERSION = 10
"""So many characters of a version are shown; they tell versions apart."""

_LONG = 400
"""So many characters of a signature, or of what is captured, are shown."""

_SHOWN_KINDS = ("constant", "unknown", "function", "class", "module", "package")


def definitions(tasks: Iterable[Task]) -> Mapping[str, str]:
    """Show tasks that a cell has just defined, as a MIME bundle: three lines each."""
    found = [_lines(task) for task in tasks]
    html = [_compact(lines) for lines in found]
    text = [f"Task {name}{rest}\n  {facts}\n  {captures}" for name, rest, facts, captures in found]
    return {"text/html": str(join(html)), "text/plain": "\n".join(text)}


def _lines(task: Task) -> tuple[str, str, str, str]:
    """Write a task's definition: its name, its signature, its parameters, what it captures."""
    facts = task_facts(task)
    signature = shorten(facts.pop("Signature"), _LONG).removeprefix(task.short_name)
    cache = str(facts.pop("Cache"))
    words = [_words(name, value) for name, value in facts.items() if value]
    said = cache if cache.startswith("not") else f"cache {cache}"
    words.insert(3 if facts["Called"] else 2, said)
    captured = captures_of(task)
    beware = f" · beware: {captured['Beware']}" if captured.get("Beware") else ""
    return task.name, signature, " · ".join(words), f"captures {_said(captured.get('Captures'))}{beware}"


def _words(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{key} {inner}" for key, inner in value.items())
    return f"{name.lower()} {value}"


def _said(captured: object) -> str:
    """Write what is captured in one line."""
    if not isinstance(captured, Mapping):
        return str(captured or "nothing")
    values = [
        f"{n} = {shorten(v, 40)}"
        for what in captured.values()
        if isinstance(what, Mapping)
        for n, v in what.items()
    ]
    names = [str(what) for what in captured.values() if not isinstance(what, Mapping)]
    return shorten(" · ".join([*values, *names]), _LONG)


def _compact(lines: tuple[str, str, str, str]) -> Html:
    name, signature, facts, captures = lines
    code = tag("code", signature, style="background:none;padding:0")
    head = tag("div", tag("span", "Task ", style="opacity:.75"), tag("strong", name), code)
    return tag("div", head, note(facts), note(captures), style=f"{FRAME};margin:0 0 6px")


def task_facts(task: Task) -> dict[str, object]:
    """Give what a task's definition says."""
    env = task.parent_env
    return {
        "Signature": _told(lambda: _signature(task)),
        "Called": task.short_name if task.short_name != task.name.rpartition(".")[2] else None,
        "Environment": env.name if env is not None else None,
        "Image": image_word(task.image),
        "Resources": resources_facts(task.resources),
        "Cache": _told(lambda: _cache(task)),
        "Retries": getattr(task.retries, "count", 0) or None,
        "Time limits": _limits(task),
        "Variables": ", ".join(task.env_vars or {}),
        "Secrets": ", ".join(_secret(secret) for secret in secrets_of(task.secrets)),
        "Warm workers": _workers(task),
        "Report": "kept" if task.report else None,
    }


def captures_of(task: Task) -> dict[str, object]:
    """Give what a task takes from outside: values with their content in short, helpers, modules, packages."""
    found = _told(lambda: _slice(task))
    if not isinstance(found, Slice):
        return {}
    own = set(inspect.signature(task).parameters)
    functions = {part.name for part in found.parts if part.kind == "function"}
    parts = [p for p in found.parts[1:] if p.name not in own and p.name.rpartition(".")[0] not in functions]
    told = {_PLURALS[kind]: _names(parts, kind) for kind in _SHOWN_KINDS}
    return {
        "Captures": {what: names for what, names in told.items() if names} or "nothing",
        "Beware": "; ".join(found.warnings) or None,
    }


def image_word(image: Image | str | None) -> str:
    """Name an image without reading any of its files."""
    if not isinstance(image, Image):
        return str(image or "auto")
    base = image.base_image or f"Dockerfile {image.dockerfile}"
    return f"{base} + {plural(len(image.layers), 'layer')}" if image.layers else base


def resources_facts(resources: Resources | None) -> dict[str, object]:
    """Give the amounts that are set."""
    if resources is None:
        return {}
    names = {"CPU": "cpu", "Memory": "memory", "GPU": "gpu", "Disk": "disk", "Shared memory": "shm"}
    found = {label: getattr(resources, name) for label, name in names.items()}
    return {label: _amount(value) for label, value in found.items() if value is not None}


def _amount(value: object) -> str:
    return f"{value[0]} to {value[1]}" if isinstance(value, tuple) else str(value)


def _signature(task: Task) -> str:
    return f"{task.short_name}{inspect.signature(task)}"


def _cache(task: Task) -> str:
    cache = Cache.of(task.cache)
    if not cache.is_enabled:
        return "disabled"
    version = cache.get_version(VersionParameters(func=_function(task), image=task.image))
    ignored = f", ignores {', '.join(cache.ignored_inputs)}" if cache.ignored_inputs else ""
    return f"{cache.behavior}, version {shorten(version, _VERSION + 20)[:_VERSION]}{ignored}"


def _secret(secret: Secret) -> str:
    return f"{secret.group}/{secret.key}" if secret.group else secret.key


def _workers(task: Task) -> str | None:
    if task.reusable is None:
        return None
    many = task.reusable.replicas
    least, most = many if isinstance(many, tuple) else (many, many)
    return str(least) if least == most else f"{least} to {most}"


def _limits(task: Task) -> str:
    limits = {"one attempt": "max_runtime", "in the queue": "max_queued_time", "altogether": "deadline"}
    found = {what: getattr(task.timeout, name, None) for what, name in limits.items()}
    given = {what: duration(_seconds(v)).removesuffix(" 00 s") for what, v in found.items() if v is not None}
    return ", ".join(f"{what} {limit}" for what, limit in given.items())


def _seconds(value: Any) -> float:
    return float(value.total_seconds()) if hasattr(value, "total_seconds") else float(value)


def _slice(task: Task) -> Slice:
    return slice_of(_function(task))


def _function(task: Task) -> Callable[..., Any]:
    func: Callable[..., Any] = getattr(task, "func", task)
    return func


_PLURALS = {
    "constant": "Values",
    "unknown": "Unseen",
    "function": "Functions",
    "class": "Classes",
    "module": "Modules",
    "package": "Packages",
}


def _names(parts: Iterable[Part], kind: str) -> object:
    found = [part for part in parts if part.kind == kind]
    if kind in ("constant", "unknown"):
        return {part.name: part.text for part in found}
    if kind == "package":
        return ", ".join(f"{part.name} {part.text}" for part in found)
    return ", ".join(f"{part.name} ({part.where})" if part.where else part.name for part in found)


def _told(make: Callable[[], object]) -> object:
    """Make a fact; a definition that cannot tell it yet says why."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - a name of a later cell, a policy of the user's
        return f"not known yet ({type(error).__name__}: {shorten(error, 120)})"
