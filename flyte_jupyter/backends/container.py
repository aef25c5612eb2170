"""Containers as a place to run: each task in its own image, with our worker inside."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from flyte_jupyter.backends.container_labels import sweep
from flyte_jupyter.backends.container_plan import Plan
from flyte_jupyter.backends.container_process import Container
from flyte_jupyter.backends.container_refusals import NO_IMAGE
from flyte_jupyter.backends.container_start import started
from flyte_jupyter.backends.cores import threads_of
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.gpus import VISIBLE
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.records import levels
from flyte_jupyter.backends.replicas import Size
from flyte_jupyter.backends.secrets import FOLDER_VARIABLE, resolve
from flyte_jupyter.backends.threads import threads
from flyte_jupyter.backends.warm import NOTHING, Breed, WarmBackend, usual_size
from flyte_jupyter.container_engine import engine
from flyte_jupyter.errors import RuntimeSystemError
from flyte_jupyter.loading import on_thread
from flyte_jupyter.runs.events import Emit
from flyte_jupyter.tasks.secret import FOLDER
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.holding import current_blobs
from flyte_jupyter.types.literal import Literals


class Provide(Protocol):
    """Sees that images are there."""

    def __call__(self, spec: ActionSpec, emit: Emit, stop: threading.Event, *, again: bool = False) -> str:
        """See that an action's image is on this machine's engine and give its name; the event stops that."""


class ContainerBackend(WarmBackend):
    """Bodies run in containers of this machine's engine.

    A container is used again by the tasks of its environment that ask for the same: image, limits, network,
    secrets and folders. What a body leaves in its file system is there for the next one, until it goes.

    Args:
        provide: gives the name of an action's image, builds or pulls it first where needed.
    """

    name = "container"
    on_this_machine = True

    def __init__(self, provide: Provide) -> None:
        super().__init__()
        self._provide = provide
        self._swept = False

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one attempt of one action in a container.

        Raises:
            InitializationError: there is no container engine, or it has not what the task asks for.
            ImageBuildError: its image cannot be had.
            RuntimeSystemError: its image cannot run here, or the container ended while the body ran.
        """
        try:
            try:
                return await super().run(spec, emit)
            except RuntimeSystemError as error:
                if error.code != NO_IMAGE:
                    raise
            await self._image(spec, emit, again=True)  # somebody removed it since it was last seen
            return await super().run(spec, emit)
        except ModuleNotFoundError as error:
            if error.name and not any("image" in note for note in getattr(error, "__notes__", ())):
                error.add_note(
                    f"{error.name} may be missing in the image of {spec.task.name}; add it there with "
                    "with_pip_packages()"
                )
            raise

    async def prepare(self, spec: ActionSpec, emit: Emit) -> None:
        """See that an action's image is there, before the action holds anything of this machine."""
        await self._image(spec, emit)

    # Inside

    def _inside(self, spec: ActionSpec) -> ActionSpec:
        """Leave out which GPUs of this machine it has: in a container they are all, and numbered anew."""
        if VISIBLE not in spec.run.env_vars or not spec.task.resources.gpu:
            return spec
        seen = {name: value for name, value in spec.run.env_vars.items() if name != VISIBLE}
        return replace(spec, run=replace(spec.run, env_vars=seen))

    async def _breed(self, spec: ActionSpec, emit: Emit) -> Breed:
        image = await self._image(spec, emit)
        task, policy = spec.task, spec.task.reusable
        plan = Plan.of(task, image, _folders(spec), spec.run.env_vars.get(VISIBLE, ""))
        run = spec.run.name if policy and policy.scope == "run" else ""
        size = Size.of(policy) if policy else usual_size()
        key = (task.name.partition(".")[0], policy, plan, tuple(task.secrets) if plan.secrets else (), run)
        start = partial(threads.begin, partial(self._started, plan))
        variables = threads_of(task.resources)
        return Breed(key=key, size=size, start=start, threads=variables, image=image)

    async def _image(self, spec: ActionSpec, emit: Emit, *, again: bool = False) -> str:
        """Get the image; who is stopped meanwhile stops that."""
        stop = threading.Event()
        try:
            return await on_thread(self._provide, spec, emit, stop, again=again)
        finally:
            stop.set()

    def _started(self, plan: Plan) -> Process:
        client = engine()
        if not self._swept:
            sweep(client)
            self._swept = True
        return started(client, plan)

    def _secrets(self, spec: ActionSpec, process: Process) -> AbstractContextManager[Mapping[str, str]]:
        return _handed_over(spec, process) if spec.task.secrets else NOTHING

    def _tell(self, process: Process, *, shared: bool) -> None:
        """Send what is in force there anyway, and the levels of logs."""
        level = logging.root.level
        if process.world != level and isinstance(process, Container):
            process.world = level
            about = {name: process.about[name] for name in ("folder", "path", "environ")}
            process.send(("world", {**about, "own": (TOKEN,), "levels": levels(), "shared": shared}))


@contextmanager
def _handed_over(spec: ActionSpec, process: Process) -> Iterator[Mapping[str, str]]:
    """Give the variables that carry the secrets; files are in the container as long as the body runs."""
    variables, files = {}, {}
    for secret in spec.task.secrets:
        value = resolve(secret)
        if secret.as_env_var:
            variables[secret.as_env_var] = value
        if secret.file is not None:
            files[str(secret.file)] = value
            variables[FOLDER_VARIABLE] = str(FOLDER)
    if not isinstance(process, Container):
        raise RuntimeSystemError("Secrets", f"{process} is no container", "container")
    with process.holding(files):
        yield variables


def _folders(spec: ActionSpec) -> tuple[str, ...]:
    """List the kernel's folders that a body reads and writes: kept values and the run's own files."""
    run, store = spec.run, current_blobs()
    found: list[Any] = [run.folder, run.own_folder, run.raw_dir, store.folder if store is not None else None]
    wanted = sorted({str(path.absolute()) for path in found if path is not None and "://" not in str(path)})
    return tuple(path for path in wanted if not any(path.startswith(f"{other}/") for other in wanted))
