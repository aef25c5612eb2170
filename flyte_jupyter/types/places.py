"""Reading and writing at an address: a blob, a local path, or a remote store through Arrow's file systems."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from flyte_jupyter.blobs import BlobStore, digest_of
from flyte_jupyter.errors import StoreError, TypeTransformerFailedError
from flyte_jupyter.loading import load, shutil
from flyte_jupyter.types.holding import held


def local_path(uri: str) -> Path | None:
    """Return the path that an address names on this machine; None for other addresses."""
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else Path(uri)


def last_name(uri: str) -> str:
    """Return the last part of an address."""
    return PurePosixPath(uri.rstrip("/")).name


def blob_path(uri: str, blobs: BlobStore | None) -> Path | None:
    """Return where a blob's file is; None for other addresses.

    Raises:
        StoreError: the blob is gone.
    """
    if (digest := digest_of(uri)) is None:
        return None
    path = (blobs or held()).path(digest)
    if not path.is_file():
        raise StoreError(f"the file with the address {uri} is no longer in the store")
    return path


def path_of(uri: str, blobs: BlobStore | None) -> Path | None:
    """Return the file on this machine that an address names; None if it is elsewhere."""
    return blob_path(uri, blobs) or local_path(uri)


def open_at(uri: str, mode: str, blobs: BlobStore | None) -> IO[Any]:
    """Open an address like a file; blobs can only be read."""
    writing = any(letter in mode for letter in "wax+")
    if writing and digest_of(uri) is not None:
        raise TypeTransformerFailedError(
            f"{uri} is kept by its content and cannot be written; use File.new_remote()"
        )
    if (path := path_of(uri, blobs)) is not None:
        if writing:
            path.parent.mkdir(parents=True, exist_ok=True)
        file: IO[Any] = path.open(mode, encoding=None if "b" in mode else "utf-8")
        return file
    return _open_remote(uri, mode)


def _open_remote(uri: str, mode: str) -> IO[Any]:
    system, place = load("pyarrow.fs:FileSystem").from_uri(uri)
    opened = system.open_output_stream(place) if "w" in mode else system.open_input_file(place)
    wrapped: IO[Any] = opened if "b" in mode else load("io:TextIOWrapper")(opened, encoding="utf-8")
    return wrapped


def exists_at(uri: str, blobs: BlobStore | None) -> bool:
    """Say whether something is at an address."""
    if (digest := digest_of(uri)) is not None:
        return digest in (blobs or held())
    if (path := local_path(uri)) is not None:
        return path.exists()
    system, place = load("pyarrow.fs:FileSystem").from_uri(uri)
    return system.get_file_info(place).type != load("pyarrow.fs:FileType").NotFound  # type: ignore[no-any-return]


def copy_to(uri: str, target: Path, blobs: BlobStore | None) -> None:
    """Copy a file from an address to a local path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_at(uri, "rb", blobs) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)


def copy_from(source: Path, uri: str) -> None:
    """Copy a local file to an address."""
    with source.open("rb") as file, open_at(uri, "wb", None) as out:
        shutil.copyfileobj(file, out, 1 << 20)


def files_below(uri: str) -> Iterator[tuple[str, str]]:
    """List the files below a folder: the path relative to it and the address, in order of the paths."""
    if (folder := local_path(uri)) is not None:
        found = (path for path in folder.rglob("*") if path.is_file())
        yield from sorted((path.relative_to(folder).as_posix(), str(path)) for path in found)
        return
    system, place = load("pyarrow.fs:FileSystem").from_uri(uri)
    selector = load("pyarrow.fs:FileSelector")(place, recursive=True)
    scheme = uri.partition("://")[0]
    for info in sorted(system.get_file_info(selector), key=lambda info: info.path):
        if info.is_file:
            yield info.path.removeprefix(place).lstrip("/"), f"{scheme}://{info.path}"
