"""The files that a task reads besides its inputs: they count for its kept result."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

from flyte_jupyter.backends import callers
from flyte_jupyter.backends.opened import Files
from flyte_jupyter.backends.stamps import Here, Stamp, look
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.files import Place
from flyte_jupyter.types.literal import Blob, Literal, Live, Map, StructuredDataset, Value, Variant
from flyte_jupyter.types.places import local_path

_OURS = "flyte-"
_inside: ContextVar[tuple["Reads", ...]] = ContextVar("flyte_jupyter_reads", default=())


class Reads(Files):
    """Follows one attempt, and all that it calls.

    Args:
        spec: the attempt. What its inputs point to counts with them, and what lies in the folders of its run
            is made anew by each run.
        store: the folder in which results are kept.
    """

    def __init__(self, spec: ActionSpec, store: str = "") -> None:
        super().__init__(self._is_inside, store)
        self._spec = spec
        self._threads = {thread.ident for thread in threading.enumerate()}
        self._taken: dict[Stamp, None] = {}

    @cached_property
    def _given(self) -> frozenset[str]:
        run = self._spec.run
        folders = [str(folder) for folder in (run.base_dir, run.raw_dir) if folder is not None]
        given = (*_paths(self._spec.inputs.values()), *folders)
        return frozenset(os.path.abspath(one) for one in given)  # noqa: PTH100 - no links

    @contextmanager
    def following(self) -> Iterator[None]:
        """Take note of what is read in the block."""
        token = _inside.set((*_inside.get(), self))
        try:
            with super().following():
                yield
        finally:
            _inside.reset(token)

    def expect(self) -> None:
        """Look at the files whose paths are inputs: compiled libraries may read them without being heard."""
        for literal in self._spec.inputs.values():
            text = literal.value
            if isinstance(text, str) and text and "\0" not in text and Path(text).is_file():
                path = os.path.abspath(text)  # noqa: PTH100 - no links
                found = look(path)
                if found is not None:
                    self._read[path] = found
                    self._here = self._here or ("" if Path(text).is_absolute() else str(Path.cwd()))

    def is_machinery(self, path: str) -> bool:
        """Whether a file is none of the user's data, or counts as an input already."""
        return super().is_machinery(path) or any(map(self._given.__contains__, _upwards(path)))

    def take(self, stamps: Iterable[Stamp]) -> None:
        """Take over what was read elsewhere: by a worker, or when a kept result was made."""
        self._taken.update(dict.fromkeys(stamps))

    def stamps(self) -> tuple[Stamp, ...]:
        """Give what was read as it was before, without what the task has made or changed itself."""
        own = self._written.keys()
        read = [s for path, s in self._read.items() if s.holds() or own.isdisjoint(_upwards(path))]
        listed = [s for path, s in self._listed.items() if s.holds() or not _lie_in(path, own)]
        here = [Here(self._here)] if self._here and (read or listed) else []
        return tuple(dict.fromkeys((*read, *listed, *here, *self._taken)))

    def _note(self, event: str, args: tuple[Any, ...], frame: FrameType | None) -> None:
        if not callers.is_ours(frame):  # which reads inputs and the store
            super()._note(event, args, frame)

    def _open(self, event: str, args: tuple[Any, ...], path: str, frame: FrameType | None) -> None:
        super()._open(event, args, path, frame)
        if event == "sqlite3.connect":  # whether it writes is not heard: what has changed is its own doing
            self._written |= dict.fromkeys((path, f"{path}-wal"))

    def _is_inside(self) -> bool:
        """Whether what this thread does belongs to the attempt: threads that it starts know nothing of it."""
        inside = _inside.get()
        if inside:
            return self in inside
        here = threading.current_thread()
        return here.ident not in self._threads and not here.name.startswith(_OURS)


def is_followed() -> bool:
    """Whether anybody wants to know what is read here."""
    return bool(_inside.get())


def take(stamps: Iterable[Stamp]) -> None:
    """Let all that follow what is done here know of what was read elsewhere."""
    for reads in _inside.get():
        reads.take(stamps)


def _upwards(path: str) -> Iterator[str]:
    yield path
    yield from map(str, Path(path).parents)


def _lie_in(folder: str, paths: Iterable[str]) -> bool:
    """Whether a folder, or anything in it, is among the paths."""
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for path in paths) or any(
        one in paths for one in _upwards(folder)
    )


def _local(path: Path | None) -> Iterator[str]:
    if path is not None:
        yield str(path)


def _paths(values: Iterable[Value]) -> Iterator[str]:
    """Give the paths of this machine to which literals point."""
    for value in values:
        if isinstance(value, Blob | StructuredDataset):
            yield from _local(local_path(value.uri) if value.uri else None)
        elif isinstance(value, Live):
            yield from _local(value.value.local if isinstance(value.value, Place) else None)
        elif isinstance(value, Literal | Variant):
            yield from _paths((value.value,))
        elif isinstance(value, Map):
            yield from _paths(value.values())
        elif isinstance(value, tuple):
            yield from _paths(value)
