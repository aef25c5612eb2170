"""Where the endpoint keeps things: everything is below one folder of the store."""

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from flyte_jupyter.errors import DefinitionError, StoreError
from flyte_jupyter.runs.folder import prepare, refused

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")


class Folders:
    """The endpoint's folders in a store; made when first needed, readable by their owner only.

    Args:
        store: the store's folder.

    Raises:
        StoreError: they cannot be made.
    """

    def __init__(self, store: Path) -> None:
        self.store = store.resolve()
        self.root = self.store / "endpoint"
        self.data = self.root / "data"
        self.attempts = self.root / "attempts"
        self.state = self.root / "state.db"
        self.lock = self.root / "lock"
        self.workers_lock = self.root / "workers.lock"
        self.note = self.store / "endpoint.json"

    def make(self) -> None:
        """Make them."""
        prepare(self.store)
        try:
            for folder in (self.root, self.data, self.attempts):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise refused(self.store, error) from error

    def secret(self) -> str:
        """Give the word that stands in the URL of this endpoint, the same for as long as the store lives."""
        path = self.root / "secret"
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(24))
        if path.stat().st_mode & 0o077:
            raise StoreError(f"{path} is readable by others; remove it, and the endpoint makes a new one")
        return path.read_text().strip()

    def inside(self, uri: str) -> Path:
        """Check that a place named by a client is below the endpoint's data.

        Raises:
            DefinitionError: it is not.
        """
        path = Path(uri.removeprefix("file://"))
        if ".." in path.parts or not path.resolve().is_relative_to(self.data) or not path.is_absolute():
            raise DefinitionError(f"{uri!r} is not below {self.data}, where this endpoint keeps data")
        return path

    @staticmethod
    def named(what: str, name: str) -> str:
        """Check a name that becomes that of a folder.

        Raises:
            DefinitionError: it cannot be one.
        """
        if not _NAME.fullmatch(name):
            raise DefinitionError(
                f"{what} name {name!r}; letters, digits, and - _ . between them are accepted"
            )
        return name

    def upload(self, root: str, name: str) -> Path:
        """Name the file for an upload, in a folder of uploads.

        Raises:
            DefinitionError: a name that leads out of it.
        """
        folder = self.data / "uploads" / root
        path = self.inside(str(folder / name))
        if not path.is_relative_to(self.data / "uploads") or path == folder:
            raise DefinitionError(f"{name!r} is no name of a file to upload")
        return path

    @staticmethod
    def keep_inputs(file: Path, folder: Path) -> Path:
        """Copy the inputs of an action, once, and give the copy.

        A parent that starts over writes the inputs of its actions again, while these may be reading them.
        """
        kept = folder / "inputs" / "inputs.pb"
        if kept.exists() or not file.is_file():
            return kept if kept.exists() else file
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = kept.with_name(f"{secrets.token_hex(6)}.draft")
        shutil.copyfile(file, draft)
        draft.replace(kept)
        return kept

    def run(self, name: str) -> Path:
        """Name the folder of a run's inputs and outputs."""
        return self.data / "runs" / name

    def remove_runs(self, names: Sequence[str]) -> None:
        """Remove what is left of runs: inputs and outputs that are below them, and what was printed."""
        for name in names:
            for folder in (self.run(name), self.attempts / name):
                shutil.rmtree(folder, ignore_errors=True)

    def attempt(self, run: str, action: str, number: int) -> Path:
        """Name the folder where an attempt works."""
        return self.attempts / run / action / str(number)
