"""Warm worker processes as a place to run."""

import logging
import os
import secrets as tokens
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from flyte_jupyter.backends import limits
from flyte_jupyter.backends.cores import threads_of
from flyte_jupyter.backends.forking import ForkServer
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.limits import Limits, enforced
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.records import levels
from flyte_jupyter.backends.replicas import Size
from flyte_jupyter.backends.secrets import injected
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.backends.warm import NOTHING, Breed, WarmBackend, usual_size
from flyte_jupyter.backends.wire import Wire
from flyte_jupyter.loading import on_thread
from flyte_jupyter.runs.events import Emit
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What a worker takes over from the kernel: folder, path, environment, level of logs."""

    folder: str
    path: tuple[str, ...]
    environ: Any
    level: int

    def content(self, shared: bool) -> dict[str, Any]:
        """Write it for the wire."""
        return {
            "folder": self.folder,
            "path": self.path,
            "environ": {name: value for name, value in os.environ.items() if name != TOKEN},
            "own": (TOKEN,),
            "levels": levels(),
            "shared": shared,
        }


class PoolBackend(WarmBackend):
    """Bodies run in warm processes of this machine, which are forked from one that has libraries loaded."""

    name = "process"
    on_this_machine = True

    def __init__(self) -> None:
        super().__init__()
        self._forks = ForkServer()
        self._world: World | None = None
        self._kinds: WeakKeyDictionary[TaskSpec, Breed] = WeakKeyDictionary()

    @staticmethod
    def blocks(task: TaskSpec) -> bool:
        """Whether a thread without an event loop can run it: not where attempts share a worker."""
        return task.reusable is None or task.reusable.concurrency == 1

    async def close(self) -> None:
        """End all workers; a closed pool may be used again."""
        await super().close()
        await on_thread(self._forks.close)

    # Inside

    async def _breed(self, spec: ActionSpec, emit: Emit) -> Breed:
        """Find the workers for an action: those of its environment, with its limits."""
        del emit
        kind, policy = self._kinds.get(spec.task), spec.task.reusable
        if kind is None:
            kind = self._kinds[spec.task] = self._kind(spec.task)
        if policy is None or policy.scope != "run":
            return kind
        return replace(kind, key=(*kind.key, spec.run.name))

    def _kind(self, task: TaskSpec) -> Breed:
        policy, asked = task.reusable, Limits.of(task.resources)
        size = Size.of(policy) if policy else usual_size()
        variables = threads_of(task.resources)
        start = partial(threads.begin, partial(self._started, asked))
        key = (task.name.partition(".")[0], policy, asked, frozenset(variables.items()))
        return Breed(key=key, size=size, start=start, threads=variables)

    def _started(self, asked: Limits) -> Process:
        token = tokens.token_hex(8)
        pid, sock, out, err = self._forks.fork(token)
        return Process(self._forks, pid, Wire(sock), out, err, enforced(pid, asked))

    def _secrets(self, spec: ActionSpec, process: Process) -> AbstractContextManager[Mapping[str, str]]:
        del process
        return injected(spec.task.secrets) if spec.task.secrets else NOTHING

    def _tell(self, process: Process, *, shared: bool) -> None:
        """Send the folder, path and environment of this process, if they have changed."""
        world = self._world
        environ: Any = getattr(os.environ, "_data", None) or dict(os.environ)
        folder, path = os.getcwd(), tuple(sys.path)  # noqa: PTH109 - once for each attempt: it counts
        level = logging.root.level
        now = (folder, path, level)
        if world is None or (world.folder, world.path, world.level) != now or world.environ != environ:
            world = self._world = World(folder, path, dict(environ), level)
        if process.world is not world:
            process.world = world
            process.send(("world", world.content(shared)))

    def _sweep_once(self) -> None:
        limits.sweep()
