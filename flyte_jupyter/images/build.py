"""``ImageBuildEngine``: sees that an image is there, and builds, pulls or pushes it once where it is not."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flyte_jupyter import redaction
from flyte_jupyter.container_engine import engine, place_of, said
from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.ids import digest
from flyte_jupyter.images import buildkit, classic
from flyte_jupyter.images.builders import Builder, builder
from flyte_jupyter.images.buildkit import Reveal
from flyte_jupyter.images.check import Found, ImageChecker
from flyte_jupyter.images.moving import pull, push
from flyte_jupyter.images.order import Order, usual_ca_bundle
from flyte_jupyter.images.registry import Reference, credentials_of
from flyte_jupyter.images.steps import Step, counted
from flyte_jupyter.runs.locks import acquire, release
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.secret import Secret

OnStep = Callable[[str, Step], None]
"""Is told of an image, by name, and what happens to it."""

OnLine = Callable[[str], None]

_LOOK = 0.1
_FRAMES = (
    "ERROR: ",
    "failed to solve: ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to create LLB definition: ",
    "rpc error: code = Unknown desc = ",
)
"""What BuildKit puts before a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """An image that is there.

    Args:
        uri: its name.
        id: its identity on the engine; empty if it is only in the registry.
        size: its size in bytes; 0 if that is not known.
        seconds: how long it took.
        built: whether it was built now.
        pushed: whether it was pushed now.
        steps: the steps of the build, if it was built now.
    """

    uri: str
    id: str = ""
    size: int = 0
    seconds: float = 0.0
    built: bool = False
    pushed: bool = False
    steps: tuple[Step, ...] = ()


def _unknown(secret: Secret) -> str:
    raise ImageBuildError(f"nobody can tell the secret {secret.key} here")


def _quiet(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuildEngine:
    """Builds images: with BuildKit where there is one, else with the engine's classic builder.

    Args:
        address: the engine that builds, as in DOCKER_HOST (``tcp://builder:2376``, ``ssh://me@builder``); the
            usual one if empty.
        builder: who builds; the best one of this machine if None.
        ca_bundle: a file of certificates for downloads in builds; they are in no layer where BuildKit builds.
            By default that of SSL_CERT_FILE or REQUESTS_CA_BUNDLE.
        reveal: finds the values of secrets.
        on_step: is told of each step.
        on_line: is told of each line of output, secrets redacted.
        stop: ends what goes on, when it is set.
    """

    address: str = ""
    builder: Builder | None = None
    ca_bundle: Path | None = field(default_factory=usual_ca_bundle)
    reveal: Reveal = _unknown
    on_step: OnStep = _quiet
    on_line: OnLine = _quiet
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def checker(self) -> ImageChecker:
        """Tells where images are already."""
        return ImageChecker(self.address)

    def build(self, image: Image, *, force: bool = False, here: bool = True) -> ImageBuild:
        """See that an image is there: on the engine, and in its registry if it has one.

        Nothing that is there already is built or pushed again; of several processes that ask for the same
        image at once, one builds it and the others wait.

        Args:
            image: the image.
            force: build it also if it is there, without what earlier builds left.
            here: whether it has to be on the engine, or in the registry only.

        Raises:
            InitializationError: no engine answers.
            ImageBuildError: a step failed, and the message says which, of which layer, and its last lines; or
                the image cannot be described, pulled or pushed.
            RuntimeSystemError: the engine stopped answering.
        """
        if self.ca_bundle is not None and not self.ca_bundle.is_file():
            raise ImageBuildError(f"ca_bundle={str(self.ca_bundle)!r}: no such file")
        begun = time.monotonic()
        uri = image.uri
        done = None if force else self._there(image, uri, here=here)
        if done is None:
            with self._alone(uri):
                done = None if force else self._there(image, uri, here=here)
                done = done or self._made(image, uri, force=force)
        return replace(done, seconds=round(time.monotonic() - begun, 3))

    # Inside

    def _there(self, image: Image, uri: str, *, here: bool) -> ImageBuild | None:
        """Find it where it has to be; None if something has to be done."""
        found = self.checker.here(uri)
        if image.registry and image.is_built:
            there = self.checker.there(uri, self._credentials(image))
            return _as_built(uri, found) if there and (found or not here) else None
        return _as_built(uri, found) if found else None

    def _made(self, image: Image, uri: str, *, force: bool) -> ImageBuild:
        found, credentials = None if force else self.checker.here(uri), self._credentials(image)
        if not image.is_built:
            return self._pulled(uri, credentials)
        if not found and not force and image.registry and self.checker.there(uri, credentials):
            return self._pulled(uri, credentials)
        made = self._built(image, uri, fresh=force) if found is None else _as_built(uri, found)
        if image.registry and not made.pushed and (force or not self.checker.there(uri, credentials)):
            self._moved("pushing", uri, push, credentials)
            made = replace(made, pushed=True)
        return made

    def _built(self, image: Image, uri: str, *, fresh: bool) -> ImageBuild:
        client = engine(self.address)
        who = self.builder or builder()
        order = Order.of(image, uri, who, address=self.address, ca_bundle=self.ca_bundle, fresh=fresh)
        steps: dict[int, Step] = {}

        def tell(found: Step | str) -> None:
            if isinstance(found, str):
                self.on_line(redaction.redact(found))
                return
            step = replace(found, command=redaction.redact(found.command))
            steps[step.number] = step
            self.on_step(uri, step)

        begun = time.monotonic()
        self.on_step(uri, _whole("building"))
        try:
            if who.is_buildkit:
                buildkit.build(order, self.reveal, tell, self.stop)
            else:
                classic.build(client, order, tell, self.stop)
        except ImageBuildError as error:
            self.on_step(uri, _whole("failed"))
            raise _failure(uri, steps, str(error)) from None
        if order.push:
            return ImageBuild(uri=uri, built=True, pushed=True, steps=tuple(steps.values()))
        return self._told(client, uri, order, tuple(steps.values()), time.monotonic() - begun)

    def _told(
        self, client: Any, uri: str, order: Order, steps: tuple[Step, ...], seconds: float
    ) -> ImageBuild:
        """Say how large the image is, and each of its steps."""
        found = self.checker.here(uri)
        if found is None:
            raise ImageBuildError(f"{uri} was built and is not on the engine at {place_of(client)}")
        sized = _with_sizes(client, uri, order, steps)
        for step in sized:
            if step.size:
                self.on_step(uri, step)
        self.on_step(uri, _whole("built", round(seconds, 3), found.size))
        return ImageBuild(uri=uri, id=found.id, size=found.size, built=True, steps=sized)

    def _pulled(self, uri: str, credentials: Mapping[str, str] | None) -> ImageBuild:
        self._moved("pulling", uri, pull, credentials)
        found = self.checker.here(uri)
        if found is None:
            raise ImageBuildError(f"{uri} was pulled and is not on the engine")
        return _as_built(uri, found)

    def _moved(self, doing: str, uri: str, move: Any, credentials: Mapping[str, str] | None) -> None:
        begun = time.monotonic()
        self.on_step(uri, _whole(doing))
        try:
            move(engine(self.address), uri, credentials, self.stop)
        except BaseException:
            self.on_step(uri, _whole("failed"))
            raise
        self.on_step(uri, _whole(doing.removesuffix("ing") + "ed", round(time.monotonic() - begun, 3)))

    def _credentials(self, image: Image) -> dict[str, str] | None:
        if image.registry_secret is None:
            return None
        return credentials_of(self.reveal(image.registry_secret), Reference.of(image.uri).registry)

    @contextmanager
    def _alone(self, uri: str) -> Iterator[None]:
        """Keep out everybody else of this machine who wants the same image."""
        folder = Path(tempfile.gettempdir()) / f"flyte-jupyter-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / digest("image lock", self.address, uri)
        lock = acquire(path, wait=False)
        while lock is None:
            if self.stop.wait(_LOOK):
                raise ImageBuildError(f"the build of {uri} was stopped")
            lock = acquire(path, wait=False)
        try:
            yield
        finally:
            release(lock, path)


def _whole(status: str, seconds: float = 0.0, size: int = 0) -> Step:
    return Step(number=0, count=0, status=status, command="", seconds=seconds, size=size)


def _as_built(uri: str, found: Found | None) -> ImageBuild:
    return ImageBuild(uri=uri, id=found.id if found else "", size=found.size if found else 0)


def _with_sizes(client: Any, uri: str, order: Order, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Add to each step what the engine says that it made."""
    with said(client, f"looking at {uri}"):
        history = list(reversed(client.api.history(uri)))
    own = order.instructions[1:]
    if not own or len(history) < len(own):
        return steps
    sizes = {id(one): int(layer["Size"]) for one, layer in zip(own, history[-len(own) :], strict=True)}
    numbered = counted(order.instructions) if order.builder.is_buildkit else order.instructions
    if any(step.number > len(numbered) for step in steps):
        return steps
    return tuple(replace(step, size=sizes.get(id(numbered[step.number - 1]), 0)) for step in steps)


def _failure(uri: str, steps: Mapping[int, Step], said_last: str) -> ImageBuildError:
    """Say which step failed, of which layer, and its last lines."""
    failed = next((step for step in steps.values() if step.status == "failed"), None)
    if failed is None:
        return ImageBuildError(redaction.redact(f"{uri} cannot be built: {_reason(said_last)}"))
    of = f" of layer {failed.place}, {failed.described}," if failed.place else ""
    why = _reason(said_last)
    lines = "".join(f"\n    {line}" for line in failed.lines)
    return ImageBuildError(
        redaction.redact(
            f"{uri} cannot be built: step {failed.number} of {failed.count}{of} failed: {failed.command}\n"
            f"  {why}; its last lines:{lines or ' none'}"
        )
    )


def _reason(said_last: str) -> str:
    """Give the builder's own reason, without the command that it repeats."""
    last = said_last.strip().splitlines()[-1] if said_last.strip() else "it ended"
    for word in _FRAMES:
        last = last.removeprefix(word)
    _, found, code = last.rpartition("exit code: ")
    if not found:
        _, found, code = last.rpartition("non-zero code: ")
    return f"it exited with status {code}" if found else last
