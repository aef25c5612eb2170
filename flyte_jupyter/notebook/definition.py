"""From the options of a line to the parameters of a task: the environment, and what goes before it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from IPython.core.error import UsageError

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.notebook.options import Line
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.environment import TaskEnvironment, environments
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.policies import ReusePolicy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import Secret

T = TypeVar("T")

ENVIRONMENT = "notebook"
"""The environment of tasks whose line names none."""

_AMOUNTS = ("cpu", "memory", "gpu", "disk", "shm")


def usage(make: Callable[[], T]) -> T:
    """Make something of the user's values, and say in one line what is wrong with them.

    Raises:
        UsageError: a value cannot be.
    """
    try:
        return make()
    except (DefinitionError, TypeError) as error:
        raise UsageError(" ".join(str(error).split())) from None


def environment_of(line: Line, names: Mapping[str, Any]) -> TaskEnvironment:
    """Find the environment that a line names, by its name or by a variable that holds it, or make it.

    Raises:
        UsageError: the name is that of something else, or cannot be one.
    """
    name = line.get("env", ENVIRONMENT)
    found = names.get(name)
    if not isinstance(found, TaskEnvironment):
        found = environments().get(name)
    if found is None:
        return usage(lambda: TaskEnvironment(name))
    if not isinstance(found, TaskEnvironment):
        raise UsageError(
            f"--env {name}: {type(found).__name__} {name!r} has no tasks; name a TaskEnvironment"
        )
    return found


def parameters_of(line: Line, env: TaskEnvironment, names: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters that a line sets, for ``env.task``; what it does not name is the environment's.

    Raises:
        UsageError: a value cannot be.
    """
    found = {
        "short_name": line.name,
        "image": _image(line.get("image"), names),
        "resources": usage(lambda: _resources(line, env)),
        "cache": usage(lambda: _cache(line)),
        "retries": line.get("retries"),
        "timeout": _timeout(line),
        "reusable": usage(lambda: ReusePolicy(replicas=line.get("reuse"))) if line.get("reuse") else None,
        "secrets": usage(lambda: tuple(map(_secret, line.get("secret", ())))),
        "env_vars": dict(line.get("env_var", ())),
        "report": line.get("report"),
    }
    return {name: value for name, value in found.items() if value not in (None, (), {})}


def _image(text: str | None, names: Mapping[str, Any]) -> Image | str | None:
    held = names.get(text) if text else None
    return held if isinstance(held, Image) else text


def _resources(line: Line, env: TaskEnvironment) -> Resources | None:
    """Set the amounts that the line names; the others stay those of the environment."""
    given = {name: line.get(name) for name in _AMOUNTS if line.get(name) is not None}
    if not given:
        return None
    base = env.resources or Resources()
    return Resources(**{**{name: getattr(base, name) for name in _AMOUNTS}, **given})


def _cache(line: Line) -> Cache | None:
    how, version, ignored = line.get("cache"), line.get("cache_version"), line.get("ignore", ())
    if how is None and version is None and not ignored:
        return None
    return Cache(how or "auto", version_override=version, ignored_inputs=ignored)


def _timeout(line: Line) -> Timeout | None:
    runtime, queued = line.get("timeout"), line.get("queued_timeout")
    return (
        None if runtime is None and queued is None else Timeout(max_runtime=runtime, max_queued_time=queued)
    )


def _secret(text: str) -> Secret:
    group, slash, key = text.rpartition("/")
    return Secret(key, group) if slash else Secret(text)
