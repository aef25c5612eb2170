"""Results that are kept: found again by the protocol's key for as long as their files are there."""

import asyncio
import base64
import hashlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flyteidl2.core import interface_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.state import State


class Results:
    """The results of cached tasks.

    Args:
        state: where it is written which there are.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._reserved: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def find(self, key: str, max_age: float = 0.0) -> str | None:
        """Give the folder of the outputs for a key; None if there are none, or they are too old."""
        found = self._state.result(key)
        if found is None:
            return None
        folder, made = found
        if (max_age and time.time() - made > max_age) or not (Path(folder) / "outputs.pb").is_file():
            return None
        return folder

    def keep(self, key: str, folder: str) -> None:
        """Keep the outputs for a key."""
        self._state.put_result(key, folder)

    @asynccontextmanager
    async def reserved(self, key: str, *, serialize: bool) -> AsyncIterator[None]:
        """Let only one action at a time make the result for a key, if its task wants that."""
        if not serialize:
            yield
            return
        lock = self._reserved[key]
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not getattr(lock, "_waiters", None):
                self._reserved.pop(key, None)


def root_key(template: Any, inputs_hash: str) -> str:
    """Make the key of a run's root, as the protocol's clients make those of its children."""
    meta = template.metadata
    if not meta.discoverable:
        return ""
    return _hash(f"{inputs_hash}{template.id.name}{_interface(template.interface)}{meta.discovery_version}")


def inputs_hash(inputs: Any, ignored: tuple[str, ...] = ()) -> str:
    """Hash a ``task.Inputs`` message, without the variables that its task ignores."""
    parts = []
    for entry in inputs.literals:
        if entry.name not in ignored:
            value = entry.value.hash.encode() or entry.value.SerializeToString(deterministic=True)
            parts.append(entry.name.encode() + b":" + value + b";")
    return _hash(b"".join(parts))


def _interface(interface: Any) -> str:
    message: Any = interface_pb2.TypedInterface()
    message.CopyFrom(interface)
    for side in (message.inputs, message.outputs):
        entries = sorted(side.variables, key=lambda entry: entry.key)
        if entries:
            del side.variables[:]
            side.variables.extend(entries)
    return _hash(message.SerializeToString(deterministic=True))


def _hash(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.b64encode(hashlib.sha256(raw).digest()).decode()
