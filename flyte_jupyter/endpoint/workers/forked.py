"""Workers forked from a warm process: an attempt begins in milliseconds."""

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.endpoint.values import Launch
from flyte_jupyter.endpoint.workers.base import Ending, Heard, Started, prepared
from flyte_jupyter.endpoint.workers.pipes import Pipes
from flyte_jupyter.endpoint.workers.zygote import NO_SDK
from flyte_jupyter.errors import RuntimeSystemError

_KILLED = -9
_PACKET = 1 << 16
_SCRIPT = Path(__file__).with_name("zygote.py")


class Forked:
    """One process with the official SDK loaded, and the workers that it forks.

    Args:
        python: the interpreter that has the SDK.
        held: a locked descriptor, which stays locked for as long as one of the processes lives.
    """

    name = "forked"

    def __init__(self, python: str, held: int) -> None:
        self._python = python
        self._held = held
        self._process: asyncio.subprocess.Process | None = None
        self._link: socket.socket | None = None
        self._started: dict[str, Started] = {}
        self._starting = asyncio.Lock()

    async def start(self, launch: Launch, heard: Heard) -> "ForkedWorker":
        """Fork a worker.

        Raises:
            RuntimeSystemError: the warm process cannot be started.
        """
        prepared(launch)
        async with self._starting:
            link = await self._ready()
        one = self._started[str(launch.folder)] = Started()
        pipes = Pipes(heard)
        order = json.dumps({"folder": str(launch.folder)}).encode()
        try:
            socket.send_fds(link, [order], pipes.ends)
        except OSError:
            self._lost()
        pipes.handed_over()
        pid = await one.begun
        return ForkedWorker(pid, one, pipes)

    async def close(self) -> None:
        """End the warm process, which ends its workers."""
        if self._link is not None:
            self._lost()
        if self._process is not None:
            await self._process.wait()

    async def settle(self) -> None:
        """Nothing is left: workers end with their endpoint, and their lock is free."""

    async def warm(self) -> None:
        """Start the warm process ahead of the first attempt."""
        async with self._starting:
            await self._ready()

    async def _ready(self) -> socket.socket:
        if self._link is not None:
            return self._link
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setblocking(False)
        self._process = await asyncio.create_subprocess_exec(
            self._python, str(_SCRIPT), str(there.fileno()),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            pass_fds=(there.fileno(), self._held), start_new_session=True,
            env={**os.environ, "DO_NOT_TRACK": "1"},
        )  # fmt: skip
        there.close()
        loop = asyncio.get_running_loop()
        try:
            hello = await loop.sock_recv(here, _PACKET)
        except OSError:
            hello = b""
        except asyncio.CancelledError:
            here.close()  # the warm process ends by that
            raise
        if not hello:
            here.close()
            raise RuntimeSystemError("WorkerError", self._why(await self._process.wait()))
        self._link = here
        loop.add_reader(here, self._readable)
        return here

    def _why(self, code: int) -> str:
        if code == NO_SDK:
            install = f"{self._python} -m pip install 'flyte>=2.5.20,<3'"
            return f"{self._python}, which runs tasks, has not the official SDK. Run: {install}"
        return f"the warm process of {self._python} ended with status {code} when it started"

    def _readable(self) -> None:
        link = self._link
        if link is None:
            return
        try:
            data = link.recv(_PACKET)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._told(json.loads(data))

    def _told(self, message: dict[str, Any]) -> None:
        one = self._started.get(message["folder"])
        if one is None:
            return
        if "pid" in message:
            _settle(one.begun, message["pid"])
        else:
            del self._started[message["folder"]]
            _settle(one.gone, Ending(code=message["exit"], cpu=message["cpu"], peak=message["peak"]))

    def _lost(self) -> None:
        """The warm process is gone, and its workers with it; the next attempt starts another."""
        link, self._link = self._link, None
        if link is not None:
            asyncio.get_running_loop().remove_reader(link)
            link.close()
        lost, self._started = self._started, {}
        for one in lost.values():
            _settle(one.begun, 0)
            _settle(one.gone, Ending(code=_KILLED))


class ForkedWorker:
    """One worker.

    Args:
        pid: its process and its group.
        started: what comes of it.
        pipes: what it prints.
    """

    def __init__(self, pid: int, started: Started, pipes: Pipes) -> None:
        self.pid = pid
        self._started = started
        self._pipes = pipes

    async def ended(self) -> Ending:
        """Wait for its end, and for what it printed."""
        ending = await asyncio.shield(self._started.gone)
        await self._pipes.drained()
        return ending

    async def kill(self) -> None:
        """End its group at once; what it started elsewhere goes when it is buried."""
        if self.pid and not self._started.gone.done():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        await asyncio.shield(self._started.gone)
        await self._pipes.drained()


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)
