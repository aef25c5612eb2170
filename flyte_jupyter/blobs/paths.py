"""Where a task's raw data goes: a folder that hands out names nobody uses yet."""

import os
from dataclasses import dataclass
from pathlib import Path

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load


@dataclass(frozen=True, slots=True)
class RawDataPath:
    """A folder (or address prefix) under which outputs find a place of their own.

    Args:
        path: the folder, or a prefix such as ``s3://bucket/prefix``.
    """

    path: str

    def __post_init__(self) -> None:
        if not isinstance(self.path, str):
            raise TypeError(f"path must be text, got {self.path!r}")
        if not self.path:
            raise DefinitionError("path is empty; give a folder or an address prefix")

    @classmethod
    def from_local_folder(cls, local_folder: str | Path | None = None) -> "RawDataPath":
        """Use a local folder, made on first use; without one, a private temporary folder."""
        if local_folder is None:
            return cls(load("tempfile:mkdtemp")(prefix="flyte-jupyter-"))
        return cls(str(Path(local_folder).absolute()))

    def get_random_remote_path(self, file_name: str | None = None) -> str:
        """Name a new file (with ``file_name`` as its last part) or folder that nothing else uses."""
        place = f"{self.path.rstrip('/')}/{os.urandom(8).hex()}"
        return f"{place}/{_plain(file_name)}" if file_name else place


def _plain(name: str) -> str:
    if name in {".", ".."} or "/" in name or "\\" in name or "\0" in name:
        raise DefinitionError(f"file_name must be one plain name without separators, got {name!r}")
    return name
