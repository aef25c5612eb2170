"""Reads what a worker prints, as it comes."""

import asyncio
import codecs
import os
from contextlib import suppress

from flyte_jupyter.endpoint.workers.base import Heard

_CHUNK = 1 << 16
_PATIENCE = 0.5  # seconds for what is left in the pipes when the worker has ended


class Pipes:
    """The two pipes of a worker: it writes to ``ends``, and what comes is told.

    Args:
        heard: is told.
    """

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._open: dict[str, int] = {}
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
        }
        self._done = self._loop.create_future()
        self.ends: list[int] = []
        for name in self._decoders:
            read, write = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(read, False)
            self._open[name] = read
            self.ends.append(write)
            self._loop.add_reader(read, self._readable, name)

    def handed_over(self) -> None:
        """Close the worker's ends here, when it has them."""
        while self.ends:
            os.close(self.ends.pop())

    async def drained(self) -> None:
        """Wait for the rest; not for long, as a process that the worker left may hold the pipes."""
        self.handed_over()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._done), _PATIENCE)
        self.close()

    def close(self) -> None:
        """Stop reading."""
        self.handed_over()
        for name in list(self._open):
            self._end(name)

    def _readable(self, name: str) -> None:
        try:
            data = os.read(self._open[name], _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if text := self._decoders[name].decode(data, final=not data):
            self._heard(name, text)
        if not data:
            self._end(name)

    def _end(self, name: str) -> None:
        read = self._open.pop(name, None)
        if read is not None:
            self._loop.remove_reader(read)
            os.close(read)
        if not self._open and not self._done.done():
            self._done.set_result(None)
