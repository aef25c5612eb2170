"""Which builder there is: BuildKit through a docker client that has it, else the engine's classic one."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_USUAL = ("/usr/local/bin/docker", "/usr/bin/docker")
_BUILT_IN = range(19, 23)
"""Major versions of docker clients that have BuildKit built in; later ones need buildx."""

_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Builder:
    """A way to build images.

    Args:
        name: buildx, buildkit (built into the docker client) or classic.
        command: the beginning of its command line; empty for the classic one, which has an API.
    """

    name: str
    command: tuple[str, ...] = ()

    @property
    def is_buildkit(self) -> bool:
        """Whether it keeps caches, and hands secrets over without keeping them."""
        return bool(self.command)


CLASSIC = Builder("classic")


def builder() -> Builder:
    """Find the best builder of this machine."""
    return _found(os.environ.get("PATH", ""))


@cache
def _found(path: str) -> Builder:
    clients = tuple(_clients(path))
    for client in clients:
        if _answer(client, "buildx", "version") is not None:
            return Builder("buildx", (client, "buildx", "build"))
    for client in clients:
        version = re.match(r"(\d+)\.", _answer(client, "version", "--format", "{{.Client.Version}}") or "")
        if version and int(version[1]) in _BUILT_IN:
            return Builder("buildkit", (client, "build"))
    return CLASSIC


def _clients(path: str) -> Iterator[str]:
    """List the docker clients, each once: an older one may have what a newer one needs a plugin for."""
    seen = set()
    places = [shutil.which("docker", path=folder) for folder in path.split(os.pathsep) if folder]
    for place in (*places, *_USUAL):
        if place and os.access(place, os.X_OK) and (real := str(Path(place).resolve())) not in seen:
            seen.add(real)
            yield place


def _answer(*command: str) -> str | None:
    """Run a client; None if it fails. A version is told also where no engine answers."""
    try:
        done = subprocess.run(  # noqa: S603 - a docker client of this machine
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    out = done.stdout.strip()
    return out if done.returncode == 0 or (out and "version" in command) else None
