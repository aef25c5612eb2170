"""The context of a build as a tar: the Dockerfile and what it copies, without what differs by chance."""

import io
import os
import stat
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.tasks.contents import Files

_SMALL = 1 << 24
"""Up to so many bytes a context stays in memory."""


def packed(files: Files) -> IO[bytes]:
    """Write a context; who takes it closes it.

    Owners and times are left out: an image is the same wherever and whenever it is built.

    Args:
        files: by name; a name that ends in ``/`` is an empty folder.

    Raises:
        ImageBuildError: a file cannot be read.
    """
    out: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_SMALL)  # noqa: SIM115 - handed over
    try:
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, source in files.items():
                _add(tar, name, source)
    except OSError as error:
        out.close()
        raise ImageBuildError(
            f"{error.filename or 'the context'}: {error.strerror or error}; an image needs it"
        ) from None
    out.seek(0)
    return out


def _add(tar: tarfile.TarFile, name: str, source: Path | bytes) -> None:
    entry = tarfile.TarInfo(os.fsdecode(name.rstrip("/")) or ".")
    if isinstance(source, bytes):
        entry.size, entry.mode = len(source), 0o644
        tar.addfile(entry, io.BytesIO(source))
        return
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.fspath(source.readlink())
        tar.addfile(entry)
    elif stat.S_ISDIR(mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    else:
        entry.size, entry.mode = source.stat().st_size, 0o755 if mode & stat.S_IXUSR else 0o644
        with source.open("rb") as file:
            tar.addfile(entry, file)
