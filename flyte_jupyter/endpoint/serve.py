"""Serves one store: starts the parts, tells where it is, and stops them."""

import asyncio
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from flyte_jupyter import __version__
from flyte_jupyter.config import Settings
from flyte_jupyter.endpoint.app import App
from flyte_jupyter.endpoint.attempts import Attempts
from flyte_jupyter.endpoint.bells import Bells
from flyte_jupyter.endpoint.engine import Engine
from flyte_jupyter.endpoint.folders import Folders
from flyte_jupyter.endpoint.found import Found, find
from flyte_jupyter.endpoint.gates import Gates
from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.links import Links
from flyte_jupyter.endpoint.messages import Messages
from flyte_jupyter.endpoint.output import Output
from flyte_jupyter.endpoint.recorder import Recorder
from flyte_jupyter.endpoint.slots import Slots
from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.workers.base import Workers
from flyte_jupyter.endpoint.workers.cold import Cold
from flyte_jupyter.endpoint.workers.containers import Containers
from flyte_jupyter.endpoint.workers.forked import Forked
from flyte_jupyter.errors import Error, StoreError
from flyte_jupyter.runs.locks import acquire
from flyte_jupyter.runs.store import RunStore

_PATIENCE = 1.0  # seconds for answers in progress when the endpoint stops
_GOING = 15.0  # seconds for workers of an earlier endpoint to end
_STEP = 0.05
_LOOK = 5.0  # seconds between looks whether there is anything to do
_FILES = 1 << 16  # descriptors: each running task has about four

WORKERS: Mapping[str, Callable[[str, int], Workers]] = {
    "forked": Forked,
    "cold": Cold,
    "container": Containers,
}
"""The places where attempts run, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How an endpoint is to serve.

    Args:
        store: the store's folder.
        port: the port; 0 for the one of last time, else any.
        slots: how many attempts run at once; 0 for as many as there are cores.
        python: the interpreter of the workers, which has the official SDK.
        workers: how they are started: "forked" from a warm process, "cold",
            or in a "container" of their task's image each.
        idle: after so many seconds without a request and without anything to run it ends; 0 for never.
        strict: whether answers are checked against the protocol's rules.
    """

    store: Path
    port: int = 0
    slots: int = 0
    python: str = sys.executable
    workers: str = "forked"
    idle: float = 0.0
    strict: bool = False


def serve(how: Serving, told: Callable[[Found, bool], None]) -> int:
    """Serve until interrupted.

    Args:
        how: which store, and how.
        told: is called with where it is, and with whether another process serves already.

    Raises:
        StoreError: the store cannot be used.
    """
    folders = Folders(how.store)
    folders.make()
    _many_files()
    lock = acquire(folders.lock, wait=False)
    if lock is None:
        told(_other(folders), True)
        return 0
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(how, folders, lambda found: told(found, False)))
    finally:
        os.close(lock)
    return 0


@asynccontextmanager
async def started(how: Serving, folders: Folders, url: str) -> AsyncIterator[App]:
    """Start the parts of an endpoint, and stop them in the end."""
    bells, secret = Bells(), folders.secret()
    links = Links(folders, secret)
    links.origin = url.rpartition("/")[0]
    store = RunStore.open(folders.store)
    state, output = State(folders.state, bells), Output(folders, bells)
    held = await _earlier_gone(folders)
    workers = WORKERS[how.workers](how.python, held)
    recorder = Recorder(store, state)
    attempts = Attempts(state, folders, output, workers, recorder)
    attempts.url = url
    gates = Gates(state, Slots(how.slots or os.cpu_count() or 1))
    engine = Engine(state, attempts, gates, recorder)
    hub = Hub(
        folders=folders, bells=bells, state=state, engine=engine, output=output,
        messages=Messages(state), links=links, recorder=recorder,
    )  # fmt: skip
    try:
        await workers.settle()
        warming = asyncio.ensure_future(_warmed(workers))
        await _swept(state, folders)
        recorder.resumed()
        engine.resume()
        yield App(hub, secret, strict=how.strict)
        warming.cancel()
    finally:
        await engine.close()
        await workers.close()
        os.close(held)
        output.close()
        state.close()
        store.close()


async def _warmed(workers: Workers) -> None:
    """Get ready; where that fails, the first attempt tells why."""
    with suppress(Error):
        await workers.warm()


async def _swept(state: State, folders: Folders) -> None:
    """Forget runs that the settings do not keep."""
    old = state.old_runs(Settings.load().keep_runs)
    for name in old:
        state.forget_run(name)
    await asyncio.to_thread(folders.remove_runs, old)


async def _earlier_gone(folders: Folders) -> int:
    """Wait until no worker of an earlier endpoint is left; they end by themselves. Gives the held lock."""
    end = time.monotonic() + _GOING
    while (held := acquire(folders.workers_lock, wait=False)) is None:
        if time.monotonic() > end:
            raise StoreError(
                f"workers of an earlier endpoint of {folders.store} are still there; end the processes that "
                f"have FLYTE_JUPYTER_WORKER in their environment, and try again"
            )
        await asyncio.sleep(_STEP)
    return held


async def _serve(how: Serving, folders: Folders, told: Callable[[Found], None]) -> None:
    with _bound(how.port, folders) as listening:
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}/{folders.secret()}"
        async with started(how, folders, url) as app:
            config = uvicorn.Config(
                app, log_level="warning", lifespan="off", timeout_graceful_shutdown=int(_PATIENCE), ws="none"
            )
            found = Found(url=url, pid=os.getpid(), started=time.time())
            _write(folders.note, found)
            told(found)
            try:
                server = _Server(config, app)
                leaving = asyncio.ensure_future(_leave_when_idle(server, app, how.idle))
                await server.serve([listening])
                leaving.cancel()
            finally:
                folders.note.unlink(missing_ok=True)


async def _leave_when_idle(server: uvicorn.Server, app: App, seconds: float) -> None:
    """Stop when nobody has asked for anything for so long, and nothing runs."""
    while seconds:
        await asyncio.sleep(min(seconds, _LOOK))
        if app.idle() >= seconds:
            server.should_exit = True


class _Server(uvicorn.Server):
    """The HTTP server: it stops those who watch before it waits for answers."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in good order when interrupted or terminated."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _leave(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop serving."""
        self._app.close()
        await super().shutdown(sockets)


def _bound(port: int, folders: Folders) -> socket.socket:
    """Listen on the port that is asked for, else on that of last time, else on any."""
    last = folders.root / "port"
    remembered = int(last.read_text()) if last.exists() and not port else 0
    for wanted in [port] if port else [remembered, 0]:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", wanted))
        except OSError as error:
            listening.close()
            if port:
                raise StoreError(
                    f"port {port} cannot be had: {error.strerror}. Name another, or none"
                ) from None
            continue
        listening.listen(512)
        last.write_text(str(listening.getsockname()[1]))
        return listening
    raise StoreError("no port of 127.0.0.1 can be had")


def _many_files() -> None:
    """Allow as many open files as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _other(folders: Folders) -> Found:
    end = time.monotonic() + _GOING
    while (found := find(folders.store)) is None and time.monotonic() < end:
        time.sleep(_STEP)  # it is just starting
    if found is None:
        raise StoreError(
            f"another process is starting or stopping the endpoint of {folders.store}; try again"
        )
    return found


def _write(path: Path, found: Found) -> None:
    """Write where the endpoint is, readable by the store's owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    content = {"url": found.url, "pid": found.pid, "started": found.started, "version": __version__}
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
    draft.replace(path)
