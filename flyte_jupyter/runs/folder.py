"""The store's folder: made when first needed, private, on a disk that databases can live on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flyte_jupyter.errors import StoreError

_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse",
    "lustre", "gpfs", "beegfs", "ceph", "fuse.glusterfs", "glusterfs",
})  # fmt: skip
_MOUNTS = Path("/proc/self/mounts")
_HINT = "Set FLYTE_JUPYTER_HOME to a folder on a local disk that you can write to."


def prepare(folder: Path) -> None:
    """Make the folder and what belongs in it.

    Raises:
        StoreError: it cannot be made or written, or is on a network.
    """
    with writable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("journal", "locks"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            _write_new(folder / ".gitignore", b"*\n!config.yaml\n")
    if _MOUNTS.exists():
        kind = network(folder.resolve(), _MOUNTS.read_text(errors="replace"))
        if kind:
            raise StoreError(f"the run store {folder} is on a network folder ({kind}). {_HINT}")


def network(folder: Path, mounts: str) -> str:
    """Name the kind of network that ``folder`` is mounted from; empty if it is a local one.

    Args:
        folder: an absolute, resolved path.
        mounts: the text of ``/proc/self/mounts``.
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) > 2:  # noqa: PLR2004 - device, place, kind
            place = parts[1].replace("\\040", " ")
            if folder.is_relative_to(place) and len(place) >= best:
                best, kind = len(place), parts[2]
    return kind if kind in _NETWORK else ""


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Translate the operating system's refusals to the one error of a store."""
    try:
        yield
    except OSError as error:
        raise refused(folder, error) from error


def refused(folder: Path, error: OSError) -> StoreError:
    """Say that the folder cannot be written, why, and what to do."""
    reason = error.strerror or str(error)
    return StoreError(f"the run store {folder} cannot be written: {reason}. {_HINT}")


def identity(path: Path) -> tuple[int, int] | None:
    """Tell which file is at ``path``; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_new(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
