"""``flyte.build``: builds an image now, as a run whose only action is the build."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.engine.imaging import brought, builder_address, image_in, recorded
from flyte_jupyter.engine.scoped import environment, named
from flyte_jupyter.engine.scoped import process as this_process
from flyte_jupyter.engine.setup import process
from flyte_jupyter.images.build import ImageBuild, OnLine, OnStep
from flyte_jupyter.images.steps import Step
from flyte_jupyter.loading import asyncio, on_thread
from flyte_jupyter.runs.events import (
    ROOT,
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptStarted,
    RunStarted,
)
from flyte_jupyter.runs.failures import failure_of
from flyte_jupyter.runs.run import driven
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.template import TaskTemplate

TASK = "flyte.build"
"""The task of runs that build an image."""


class Builds:
    """Call it, or its ``aio``, with an image or with what has one."""

    def __call__(
        self,
        what: Image | Environment | TaskTemplate[..., Any] | str,
        *,
        force: bool = False,
        builder: str | None = None,
        on_step: OnStep = lambda _image, _step: None,
        on_line: OnLine = lambda _line: None,
    ) -> ImageBuild:
        """Build an image and wait for the end; nothing is built or pushed that is there already.

        What was built is a run on record: its steps, which of them were cached, their seconds and sizes, and
        what they printed.

        Args:
            what: an image, its URI, or an environment or task that has one.
            force: build it also if it is there.
            builder: the engine that builds, as in DOCKER_HOST; that of the settings if None.
            on_step: is told the image's name and each step.
            on_line: is told each line that a step prints.

        Raises:
            InitializationError: no container engine answers.
            ImageBuildError: a step failed, or the image cannot be described, pulled or pushed.
            TypeError: it has no image.
        """
        return _built(what, _Record(process.setup.store(), on_step, on_line), force=force, builder=builder)

    async def aio(
        self,
        what: Image | Environment | TaskTemplate[..., Any] | str,
        *,
        force: bool = False,
        builder: str | None = None,
        on_step: OnStep = lambda _image, _step: None,
        on_line: OnLine = lambda _line: None,
    ) -> ImageBuild:
        """Do the same without blocking the event loop that is running; cancelling it stops the build."""
        record = _Record(process.setup.store(), on_step, on_line)
        try:
            return await on_thread(_built, what, record, force=force, builder=builder)
        except asyncio.CancelledError:
            record.stop("it was cancelled")
            raise

    def __repr__(self) -> str:
        return "flyte.build"


build = Builds()


def _built(what: Any, record: "_Record", *, force: bool, builder: str | None) -> ImageBuild:
    image, address = image_in(what), builder_address() if builder is None else builder
    with record.kept(image):
        return brought(
            image, address, record.on_step, on_line=record.on_line, stop=record.stopped, force=force
        )


class _Record:
    """A build as a run.

    Args:
        store: where it is recorded.
        on_step: is told each step, too.
        on_line: is told each line, too.
    """

    def __init__(self, store: RunStore, on_step: OnStep, on_line: OnLine) -> None:
        self.stopped = threading.Event()
        self._store = store
        self._also, self._also_line = on_step, on_line
        self._ended = threading.Event()
        self._run = ""
        self._reason = ""

    @contextmanager
    def kept(self, image: Image) -> Iterator[None]:
        """Record what goes on in the block, and how it ends."""
        store = self._store
        with named(store, None) as self._run:
            self._begin(image)
        forget = driven(store, self._run, self)
        try:
            yield
        except Exception as error:
            if self.stopped.is_set():
                store.append(self._event(ActionAborted, reason=self._reason))
            else:
                store.append(self._event(ActionFailed, failure=failure_of(error)))
            raise
        except BaseException as error:
            self.stopped.set()
            store.append(self._event(ActionAborted, reason=type(error).__name__))
            raise
        else:
            store.append(self._event(ActionSucceeded))
        finally:
            forget()
            self._ended.set()

    def on_step(self, image: str, step: Step) -> None:
        """Record a step."""
        recorded(self._run, ROOT, self._store.append)(image, step)
        self._also(image, step)

    def on_line(self, line: str) -> None:
        """Record a line of output."""
        self._store.log(self._run, ROOT, 1, "stdout", redaction.redact(line) + "\n")
        self._also_line(line)

    def stop(self, reason: str) -> None:
        """End the build."""
        self._reason = reason
        self.stopped.set()

    def wait(self, timeout: float | None) -> bool:
        """Wait for its end; False if the time is up before."""
        return self._ended.wait(timeout)

    def result(self) -> None:
        """Give what the run gives: nothing."""

    def _begin(self, image: Image) -> None:
        append = self._store.append
        source = {**this_process(), **process.setup.source()}
        append(self._event(RunStarted, task=TASK, source=source, environment=environment()))
        append(self._event(ActionQueued, task=TASK, name=f"build {image.name or image.uri}"))
        append(self._event(AttemptStarted, attempt=1, place="image builder"))

    def _event(self, kind: Any, **values: Any) -> Any:
        return kind(run=self._run, action=ROOT, time=time.time(), **values)
