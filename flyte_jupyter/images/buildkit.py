"""Builds by BuildKit, through the docker client that has it."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.order import Order
from flyte_jupyter.images.steps import PlainReader, Step
from flyte_jupyter.tasks.secret import Secret

Reveal = Callable[[Secret], str]
Tell = Callable[["Step | str"], None]

_LOOK = 0.1
_KEPT = 10


def build(order: Order, reveal: Reveal, tell: Tell, stop: threading.Event) -> None:
    """Build an image; its steps and lines are told as they come.

    Raises:
        ImageBuildError: a step failed, with the builder's last lines; or it was stopped.
    """
    reader, last = PlainReader(order.instructions), deque[str](maxlen=_KEPT)
    with ExitStack() as stack:
        secrets = stack.enter_context(_files(order, reveal))
        client = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - a docker client of this machine
                _command(order, secrets), stdin=order.context(stack), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=_environment(order), text=True, errors="replace",
                start_new_session=True,  # an interrupt is this process's to handle
            )
        )  # fmt: skip
        stack.callback(client.kill)
        # The client takes its time when it is asked to end; without it the engine ends the build at once.
        stack.enter_context(watched(stop, client.kill))
        for line in client.stdout or ():
            if line.strip():
                last.append(line.rstrip())
            for found in reader.read(line):
                tell(found)
        status = client.wait()
    if stop.is_set():
        raise ImageBuildError(f"the build of {order.uri} was stopped")
    if status:
        raise ImageBuildError("\n".join(last))


def _command(order: Order, secrets: dict[str, Path]) -> list[str]:
    words = [*order.builder.command, "--progress=plain", "--tag", order.uri, "--file", order.file]
    if order.platforms:
        words += ["--platform", ",".join(order.platforms)]
    if order.fresh:
        words.append("--no-cache")
    for name, file in secrets.items():
        words += ["--secret", f"id={name},src={file}"]
    if order.builder.name == "buildx":
        words.append("--push" if order.push else "--load")
    return [*words, "-"]


def _environment(order: Order) -> dict[str, str]:
    found = {**os.environ, "DOCKER_BUILDKIT": "1", "NO_COLOR": "1"}
    if order.address:
        found["DOCKER_HOST"] = order.address
        found.pop("DOCKER_CONTEXT", None)
    return found


@contextmanager
def _files(order: Order, reveal: Reveal) -> Iterator[dict[str, Path]]:
    """Write the secrets where only this user and the client can read them, as long as the build goes on."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - private below
    folder = Path(tempfile.mkdtemp(prefix="flyte-build-", dir=memory))
    try:
        found = dict(order.secret_files)
        for number, (name, secret) in enumerate(order.secrets.items()):
            found[name] = folder / str(number)
            with os.fdopen(os.open(found[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(reveal(secret))
        yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def watched(stop: threading.Event, act: Callable[[], object]) -> Iterator[None]:
    """Act when the event is set while the block goes on, whatever the block waits for."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK):
            if stop.is_set():
                act()
                return

    thread = threading.Thread(target=watch, name="flyte-build", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
