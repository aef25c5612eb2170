"""Where each action runs: by the mode of the run and by what has to surround a body on this machine."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import cast

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.backends.local import LocalBackend
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec

Route = Callable[[ActionSpec], Backend]
"""Gives the place for an action."""

Here = Callable[[ActionSpec], Backend]

_THREAD = LocalBackend()


def route_of(mode: str, isolation: str, there: Callable[[], Backend]) -> Route:
    """Make the route of a run.

    Args:
        mode: local, hybrid or remote.
        isolation: auto, thread, process or container, for what runs here.
        there: gives the connected place.
    """
    return MODES[mode](HERE[isolation], there)


@lru_cache(256)
def needs_process(task: TaskSpec) -> bool:
    """Whether a task asks for something that only a process of its own can give.

    That is a limit on the run time of a synchronous body, a limit of memory or CPU given as the second of a
    pair, or warm workers.
    """
    limited = bool(task.timeout.max_runtime or task.timeout.deadline) and not task.is_async
    return limited or task.reusable is not None or _is_limited(task.resources)


def _is_limited(resources: Resources) -> bool:
    return isinstance(resources.memory, tuple) or isinstance(resources.cpu, tuple)


@cache
def pool() -> Backend:
    """Give the warm processes of this process."""
    return cast("Backend", load("flyte_jupyter.backends.pool:PoolBackend")())


@cache
def containers() -> Backend:
    """Give the containers of this process."""
    provide = load("flyte_jupyter.engine.imaging:provided")
    return cast("Backend", load("flyte_jupyter.backends.container:ContainerBackend")(provide))


def _auto(spec: ActionSpec) -> Backend:
    return pool() if needs_process(spec.task) else _THREAD


HERE: Mapping[str, Here] = MappingProxyType(
    {
        "auto": _auto,
        "thread": lambda _spec: _THREAD,
        "process": lambda _spec: pool(),
        "container": lambda _spec: containers(),
    }
)


def _local(here: Here, _there: Callable[[], Backend]) -> Route:
    return here


def _hybrid(here: Here, there: Callable[[], Backend]) -> Route:
    place = cache(there)  # needed by the first call of another task, if there is one
    return lambda spec: here(spec) if spec.parent is None else place()


def _remote(_here: Here, there: Callable[[], Backend]) -> Route:
    place = there()
    return lambda _spec: place


MODES: Mapping[str, Callable[[Here, Callable[[], Backend]], Route]] = MappingProxyType(
    {"local": _local, "hybrid": _hybrid, "remote": _remote}
)
"""A mode is a function from a spec to the place where it runs."""
