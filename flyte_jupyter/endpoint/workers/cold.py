"""Workers started from nothing: seconds slower than forked ones, for where those cannot be."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from flyte_jupyter.endpoint.values import Launch
from flyte_jupyter.endpoint.workers.base import Ending, Heard, prepared
from flyte_jupyter.endpoint.workers.pipes import Pipes

_SCRIPT = Path(__file__).with_name("zygote.py")


class Cold:
    """A new interpreter for each attempt.

    Args:
        python: the interpreter that has the SDK.
        held: a locked descriptor, which stays locked for as long as one of the processes lives.
    """

    name = "cold"

    def __init__(self, python: str, held: int) -> None:
        self._python = python
        self._held = held
        self._running: set[ColdWorker] = set()

    async def settle(self) -> None:
        """Nothing is left: workers end with their endpoint, and their lock is free."""

    async def warm(self) -> None:
        """Nothing can be done ahead."""

    async def start(self, launch: Launch, heard: Heard) -> "ColdWorker":
        """Start an interpreter."""
        prepared(launch)
        pipes = Pipes(heard)
        process = await asyncio.create_subprocess_exec(
            self._python, str(_SCRIPT), str(launch.folder), str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL, stdout=pipes.ends[0], stderr=pipes.ends[1],
            pass_fds=(self._held,), start_new_session=True,
        )  # fmt: skip
        pipes.handed_over()
        worker = ColdWorker(process, pipes)
        self._running.add(worker)
        worker.over.add_done_callback(lambda _: self._running.discard(worker))
        return worker

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(worker.kill() for worker in list(self._running)))


class ColdWorker:
    """One interpreter.

    Args:
        process: it.
        pipes: what it prints.
    """

    def __init__(self, process: asyncio.subprocess.Process, pipes: Pipes) -> None:
        self.pid = process.pid
        self._process = process
        self._pipes = pipes
        self.over = asyncio.ensure_future(self._over())

    async def ended(self) -> Ending:
        """Wait for its end, and for what it printed."""
        return await asyncio.shield(self.over)

    async def kill(self) -> None:
        """End its group at once."""
        self._end_group()
        await asyncio.shield(self.over)

    async def _over(self) -> Ending:
        code = await self._process.wait()
        self._end_group()
        await self._pipes.drained()
        return Ending(code=code)

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
