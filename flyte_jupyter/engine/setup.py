"""What this process is connected to: its store, and the place that *there* means."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.config import Settings
from flyte_jupyter.engine import connecting
from flyte_jupyter.engine.connecting import There
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.places import place_of
from flyte_jupyter.runs.store import RunStore

if TYPE_CHECKING:
    from flyte_jupyter.runs.run import Run

Observer = Callable[["Run"], Any]
"""Is told of each run that begins; returns something with ``close``, called when the run ends, or None."""


_LOOK = 1.0
"""Seconds between looks at whether the store is still there."""


class _Open:
    """The store that is open."""

    def __init__(self) -> None:
        self._store: RunStore | None = None
        self._looked = 0.0
        self._settings: Settings | None = None
        self._isolation = ""
        self._there: Backend | None = None

    def get(self, folder: Path | None) -> RunStore:
        """Give the store; looks from time to time whether it is still there."""
        now = time.monotonic()
        if self._store is None or (now - self._looked > _LOOK and self._store.gone):
            self._store = RunStore.open(folder)
        self._looked = now
        return self._store

    @property
    def is_open(self) -> bool:
        """Whether there is one."""
        return self._store is not None

    def settings(self) -> Settings:
        """Give what the project or the environment sets."""
        self._settings = self._settings or Settings.load()
        return self._settings

    def isolation(self) -> str:
        """Give the isolation that they set."""
        if not self._isolation:
            found = self.settings().isolation or "auto"
            self._isolation = str(RunOptions(isolation=found).isolation)
        return self._isolation

    def there(self) -> Backend | None:
        """Give the place that they name, if they name one."""
        if self._there is None and (text := self.settings().backend):
            self._there = place_of(text)
        return self._there

    def close(self) -> None:
        """Let go of it."""
        store, self._store = self._store, None
        if store is not None:
            store.close()


@dataclass(frozen=True, slots=True)
class Setup:
    """The connections of this process.

    Args:
        there: the place to run that the modes hybrid and remote mean.
        folder: the store's folder; found by the settings if None.
        chosen: the mode of runs that do not say one; that of the settings if empty.
        around: the isolation of runs that do not say one; likewise.
        observers: are told of each run that begins.
        source: tells where a run is started from: the notebook and the cell.
        interactive: whether this process is a notebook's kernel.
    """

    there: Backend | None = None
    folder: Path | None = None
    chosen: str = ""
    around: str = ""
    observers: tuple[Observer, ...] = ()
    source: Callable[[], Mapping[str, str]] = dict
    interactive: bool = False
    _open: _Open = field(default_factory=_Open, repr=False)
    _found: There = field(default_factory=There, repr=False)

    @property
    def mode(self) -> str:
        """The mode of runs that do not say one."""
        return self.chosen or self._open.settings().mode

    @property
    def isolation(self) -> str:
        """What surrounds the bodies of runs that do not say it."""
        return self.around or self._open.isolation()

    def store(self) -> RunStore:
        """Give the store; opened by the first run, and again if somebody removed it."""
        return self._open.get(self.folder)

    @property
    def is_connected(self) -> bool:
        """Whether it is known which store is meant: one was named, or one is open."""
        return self.folder is not None or self._open.is_open

    def close(self) -> None:
        """Let go of the store, if it is open."""
        self._open.close()

    def place(self) -> Backend:
        """Give the connected place; by default the endpoint of the settings, else that of the store.

        Raises:
            InitializationError: there is none, and none can be started.
        """
        there = self.there or self._open.there()
        return there or self._found.get(self._open.settings(), self.store().folder)


class Process:
    """The one mutable cell that holds the setup in force."""

    def __init__(self) -> None:
        self.setup = Setup()

    def change(self, **changes: Any) -> None:
        """Put a changed setup in force."""
        self.setup = replace(self.setup, **changes)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell ``observer`` of each run that begins; gives the undo."""
        self.change(observers=(*self.setup.observers, observer))

        def undo() -> None:
            self.change(observers=tuple(o for o in self.setup.observers if o is not observer))

        return undo


process = Process()


def init(
    *,
    backend: Backend | str | None = None,
    endpoint: str | None = None,
    store: Path | str | None = None,
    mode: str | None = None,
    isolation: str | None = None,
    **options: Any,
) -> None:
    """Connect this process; what is not given stays as it is.

    Args:
        backend: the place to run that the modes hybrid and remote mean: a place, or "ray" for Ray on this
            machine, "ray:auto" or "ray:HOST:PORT" for a Ray cluster.
        endpoint: the URL of a Flyte 2 endpoint that they mean, such as http://host:port, https://host or
            dns:///host; needs flyte-jupyter[flyte].
        store: the folder of the run store.
        mode: the mode of runs that do not say one: local, hybrid or remote.
        isolation: what surrounds bodies on this machine in runs that do not say it: auto, thread, process or
            container.
        **options: of the endpoint: project, domain, org, and what the official ``flyte.init`` takes for
            authentication, storage and images.

    Raises:
        TypeError: the backend has not the shape of one; both it and an endpoint; options without an endpoint.
        DefinitionError: an unknown mode, isolation or word for a backend, or no URL.
        InitializationError: the extra is missing.
    """
    if endpoint is not None:
        if backend is not None:
            raise TypeError("init takes a backend or an endpoint, not both")
        backend = connecting.endpoint(endpoint, options)
    elif options:
        raise TypeError(f"init takes {', '.join(options)} together with endpoint=... only")
    if isinstance(backend, str):
        backend = place_of(backend)
    if backend is not None:
        if not isinstance(backend, Backend):
            raise TypeError(f"backend={backend!r} is no place to run: it has no name, run and close")
        process.change(there=backend)
    if store is not None:
        process.change(folder=Path(store), _open=_Open())
    if mode is not None:
        process.change(chosen=RunOptions(mode=mode).mode)
    if isolation is not None:
        process.change(around=RunOptions(isolation=isolation).isolation)
