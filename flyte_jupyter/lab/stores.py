"""The run stores that a server shows: the one of each notebook's folder, opened once."""

import threading
from collections.abc import Iterator
from pathlib import Path

from flyte_jupyter.config import Settings
from flyte_jupyter.ids import digest
from flyte_jupyter.runs.store import RunStore


class Stores:
    """Finds and opens run stores; for several threads.

    Args:
        root: the folder that the server serves; only notebooks below it are looked at.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._lock = threading.Lock()
        self._open: dict[Path, RunStore] = {}
        self._awaited: set[Path] = set()

    def near(self, path: str) -> RunStore | None:
        """Give the store that a notebook's kernel uses; None where nothing was recorded yet.

        Args:
            path: the notebook's path below the server's root, or empty for the root itself.

        Raises:
            ValueError: the path leads out of the root.
            StoreError: the store cannot be read.
        """
        home = self.home(path)
        with self._lock:
            if not _is_store(home):
                self._awaited.add(home)
                return None
            store = self._open.get(home)
            if store is None or store.gone:
                store = self._open[home] = RunStore.open(home)
            return store

    def arrived(self) -> list[RunStore]:
        """Open the stores that were asked for before they were there, and are there now."""
        with self._lock:
            homes = {home for home in self._awaited if _is_store(home)}
            self._awaited -= homes
            self._open |= {home: RunStore.open(home) for home in homes if home not in self._open}
            return [self._open[home] for home in homes]

    def home(self, path: str) -> Path:
        """Name the folder of the store that a notebook's kernel uses, whether or not it is there.

        Raises:
            ValueError: the path leads out of the root.
        """
        return Settings.load(self._folder(path)).home.resolve()

    def __iter__(self) -> Iterator[RunStore]:
        """Give the stores that are open and still there."""
        return (store for store in list(self._open.values()) if not store.gone)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _folder(self, path: str) -> Path:
        found = (self._root / path.lstrip("/")).resolve().parent if path else self._root
        if not found.is_relative_to(self._root):
            raise ValueError(f"{path!r} is outside of the folder that this server serves")
        return found


def _is_store(home: Path) -> bool:
    return (home / "runs.db").exists()


def identity_of(store: RunStore) -> str:
    """Name a store for front ends: equal for equal folders, and it tells nothing of the folder."""
    return digest("store", str(store.folder))[:16]
