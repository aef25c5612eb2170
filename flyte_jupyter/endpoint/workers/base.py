"""The interface of places where attempts run."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from flyte_jupyter.endpoint.values import Launch

Heard: TypeAlias = Callable[[str, str], None]
"""Takes what a worker prints: the stream, and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a worker ended: its exit status, CPU seconds and most memory in bytes."""

    code: int
    cpu: float = 0.0
    peak: int = 0


class Worker(Protocol):
    """One started attempt."""

    @property
    def pid(self) -> int:
        """Its process; 0 where there is none on this machine."""
        ...

    async def ended(self) -> Ending:
        """Wait for its end."""
        ...

    async def kill(self) -> None:
        """End it with everything that it started, and wait until it is gone."""
        ...


class Workers(Protocol):
    """A place where attempts run."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def start(self, launch: Launch, heard: Heard) -> Worker:
        """Start an attempt."""
        ...

    async def settle(self) -> None:
        """Note how what an earlier endpoint started has ended, and end what has not."""
        ...

    async def warm(self) -> None:
        """Get ready ahead of the first attempt."""
        ...

    async def close(self) -> None:
        """End everything that runs there."""
        ...


@dataclass(slots=True)
class Started:
    """What a place knows of one attempt that it started."""

    begun: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    gone: "asyncio.Future[Ending]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


def prepared(launch: Launch) -> Path:
    """Write a launch into its folder, with the whole environment; gives the file."""
    work = launch.folder / "work"
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    (launch.folder / "exit").unlink(missing_ok=True)
    path = launch.folder / "launch.json"
    content = {"argv": launch.argv, "env": dict(launch.env), "cwd": str(work)}
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
    return path
