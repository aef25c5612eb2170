"""Workers in containers of this machine's engine: each attempt in its task's image, within its limits."""

import asyncio
import codecs
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.secrets import FOLDER_VARIABLE
from flyte_jupyter.container_engine import engine, remove, said
from flyte_jupyter.endpoint.values import Launch
from flyte_jupyter.endpoint.workers.base import Ending, Heard, prepared
from flyte_jupyter.endpoint.workers.zygote import note
from flyte_jupyter.errors import RuntimeSystemError
from flyte_jupyter.tasks.secret import FOLDER

_ATTEMPT, _ENDPOINT = "flyte_jupyter.attempt", "flyte_jupyter.endpoint"
"""Labels of containers: the folder of the attempt, and that of the endpoint's workers."""

_KILLED = 137


class Containers:
    """Starts a container for each attempt.

    The containers share the machine's network, as the endpoint listens on the loopback only.

    Args:
        python: of no use here: the image has its own.
        held: a locked descriptor; its file tells whose the containers are.
    """

    name = "container"

    def __init__(self, python: str, held: int) -> None:
        del python
        self._endpoint = str(Path(f"/proc/self/fd/{held}").resolve().parent)
        self._running: set[ContainerWorker] = set()

    async def settle(self) -> None:
        """Note how the containers of an earlier endpoint have ended; end those that have not."""
        await asyncio.to_thread(self._settle)

    async def warm(self) -> None:
        """Nothing can be done ahead."""

    async def start(self, launch: Launch, heard: Heard) -> "ContainerWorker":
        """Start a container.

        Raises:
            InitializationError: no container engine answers.
            RuntimeSystemError: the engine refuses; it has not the image, for one.
        """
        prepared(launch).unlink()  # the engine is told directly
        made = await asyncio.to_thread(_started, launch, self._endpoint)
        worker = ContainerWorker(*made, launch, heard)
        self._running.add(worker)
        worker.over.add_done_callback(lambda _: self._running.discard(worker))
        return worker

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(worker.kill() for worker in list(self._running)))

    def _settle(self) -> None:
        with suppress(RuntimeSystemError), said(client := engine(), "looking for containers that were left"):
            found = client.api.containers(all=True, filters={"label": f"{_ENDPOINT}={self._endpoint}"})
            for one in found:
                state = client.api.inspect_container(one["Id"])["State"]
                if not state["Running"]:
                    note(one["Labels"][_ATTEMPT], state["ExitCode"])
                remove(client, one["Id"])


class ContainerWorker:
    """One container.

    Args:
        client: the engine.
        container: its id.
        output: what it prints.
        launch: what it was started with.
        heard: is told what it prints.
    """

    pid = 0

    def __init__(self, client: Any, container: str, output: Any, launch: Launch, heard: Heard) -> None:
        self._client = client
        self._container = container
        self._loop = asyncio.get_running_loop()
        self._heard = heard
        self._folder = str(launch.folder)
        self._is_killed = False
        self.over = asyncio.ensure_future(self._over(output))

    async def ended(self) -> Ending:
        """Wait for its end, and for what it printed."""
        return await asyncio.shield(self.over)

    async def kill(self) -> None:
        """End it."""
        self._is_killed = True
        if not self.over.done():
            await asyncio.to_thread(remove, self._client, self._container)
        await asyncio.shield(self.over)

    async def _over(self, output: Any) -> Ending:
        await asyncio.to_thread(self._read, output)
        code = await asyncio.to_thread(self._code)
        return Ending(code=code)

    def _read(self, output: Any) -> None:
        """Pass on what it prints, up to its end."""
        names = ("stdout", "stderr")
        decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in names]
        with suppress(OSError):
            for parts in output:
                for name, decoder, part in zip(names, decoders, parts, strict=True):
                    if part and (text := decoder.decode(part)):
                        self._loop.call_soon_threadsafe(self._heard, name, text)

    def _code(self) -> int:
        try:
            with said(self._client, "waiting for a container"):
                code: int = self._client.api.wait(self._container)["StatusCode"]
        except RuntimeSystemError:
            return _KILLED  # it was removed while it ran
        if not self._is_killed:  # by itself
            note(self._folder, code)
        remove(self._client, self._container)
        return code


def _started(launch: Launch, endpoint: str) -> tuple[Any, str, Any]:
    client = engine()
    with said(client, f"starting a container of {launch.image}"):
        made = client.api.create_container_from_config(_config(launch, endpoint))["Id"]
        try:
            output = client.api.attach(made, stdout=True, stderr=True, stream=True, demux=True, logs=True)
            client.api.start(made)
        except BaseException:
            remove(client, made)
            raise
    return client, made, output


def _config(launch: Launch, endpoint: str) -> dict[str, Any]:
    """Write what the engine is asked for."""
    return {
        "Image": launch.image,
        "Cmd": list(launch.argv),
        "Env": [f"{name}={value}" for name, value in _variables(launch)],
        "User": f"{os.getuid()}:{os.getgid()}",
        "WorkingDir": str(launch.folder / "work"),
        "Labels": {_ATTEMPT: str(launch.folder), _ENDPOINT: endpoint},
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": _host(launch),
    }


def _variables(launch: Launch) -> Iterator[tuple[str, str]]:
    """Give what was added to the endpoint's own variables: the image has its own PATH and the like."""
    if os.getuid():
        yield "HOME", "/tmp"  # noqa: S108 - the image knows no home of the caller
    for name, value in launch.env.items():
        if os.environ.get(name) != value:
            yield name, str(FOLDER) if name == FOLDER_VARIABLE else value


def _host(launch: Launch) -> dict[str, Any]:
    most = launch.most
    mounts = [_mount(str(folder), str(folder)) for folder in (launch.data, launch.folder)]
    if secrets := launch.env.get(FOLDER_VARIABLE):
        mounts.append(_mount(secrets, str(FOLDER)) | {"ReadOnly": True})
    config: dict[str, Any] = {"Mounts": mounts, "NetworkMode": "host"}
    if most.memory:
        config |= {"Memory": most.memory, "MemorySwap": most.memory}
    if most.cpu:
        config["NanoCpus"] = most.cpu * 1_000_000
    if most.gpus:
        config["DeviceRequests"] = [{"Driver": "", "Count": most.gpus, "Capabilities": [["gpu"]]}]
    return config


def _mount(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target}
