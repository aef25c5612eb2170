"""``Dir``: a folder by its address; in the store it is a list of the blobs of its files."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import on_thread
from flyte_jupyter.types.codec import Codec, CodecOf
from flyte_jupyter.types.files import File, Place, hash_file, place_codec
from flyte_jupyter.types.holding import current_blobs, held, holding, raw_data
from flyte_jupyter.types.literal import Blob, Value
from flyte_jupyter.types.places import copy_from, copy_to, files_below

T = TypeVar("T")


class Dir(Place[T]):
    """A folder by its address.

    ::

        images = Dir.from_local_sync("images")
        for file in images.walk_sync(): ...
    """

    __flyte_builder__ = "folders:build_dir"

    @classmethod
    def new_remote(cls, dir_name: str | None = None) -> "Dir[T]":
        """Name a new folder to write to; it is made, if it is local, and nothing else has its address."""
        made = cls(raw_data().get_random_remote_path(dir_name))
        if made.local is not None:
            made.local.mkdir(parents=True)
        return made

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> "Dir[T]":
        """Refer to a folder that is there already; ``dir_cache_key`` stands for its content in cache keys."""
        return cls(remote_path, hash=dir_cache_key)

    @classmethod
    def from_local_sync(
        cls, local_path: str | Path, remote_destination: str | None = None, dir_cache_key: str | None = None
    ) -> "Dir[T]":
        """Take a local folder as it is now: copied to the run store in a run, or to ``remote_destination``.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        source = Path(local_path).absolute()
        if not source.is_dir():
            raise NotADirectoryError(f"there is no folder {str(local_path)!r}")
        if remote_destination:
            for name, path in files_below(str(source)):
                copy_from(Path(path), f"{remote_destination.rstrip('/')}/{name}")
            return cls(remote_destination, source.name, hash=dir_cache_key)
        if (blobs := current_blobs()) is None:
            return cls(str(source), hash=dir_cache_key)
        return cls(uri_of(_listed(source, blobs), source.name), hash=dir_cache_key)

    @classmethod
    async def from_local(
        cls, local_path: str | Path, remote_destination: str | None = None, dir_cache_key: str | None = None
    ) -> "Dir[T]":
        """Do what ``from_local_sync`` does, on a thread."""
        return await on_thread(cls.from_local_sync, local_path, remote_destination, dir_cache_key)

    def walk_sync(
        self, recursive: bool = True, max_depth: int | None = None, file_pattern: str = "*"
    ) -> Iterator[File[Any]]:
        """Go through the files, in order of their paths; ``max_depth`` 1 is the folder itself."""
        depth = max_depth if recursive else 1
        for name, uri in self._entries():
            path = PurePosixPath(name)
            if (depth is None or len(path.parts) <= depth) and path.match(file_pattern):
                with holding(self._blobs):
                    yield File(uri, path.name)

    async def walk(
        self, recursive: bool = True, max_depth: int | None = None, file_pattern: str = "*"
    ) -> AsyncIterator[File[Any]]:
        """Go through the files, in order of their paths."""
        for file in await on_thread(list, self.walk_sync(recursive, max_depth, file_pattern)):
            yield file

    def list_files_sync(self) -> list[File[Any]]:
        """List the files of the folder itself."""
        return list(self.walk_sync(recursive=False))

    async def list_files(self) -> list[File[Any]]:
        """List the files of the folder itself."""
        return await on_thread(self.list_files_sync)

    def get_file_sync(self, file_name: str) -> File[Any] | None:
        """Find one file by its path in the folder; None if there is none."""
        uri = dict(self._entries()).get(file_name)
        with holding(self._blobs):
            return None if uri is None else File(uri, PurePosixPath(file_name).name)

    async def get_file(self, file_name: str) -> File[Any] | None:
        """Find one file by its path in the folder; None if there is none."""
        return await on_thread(self.get_file_sync, file_name)

    def download_sync(self, local_path: str | Path | None = None) -> str:
        """Copy the files to a local folder and return its path."""
        if local_path is None and self.local is not None:
            return str(self.local)
        target = (
            Path(local_path) if local_path else Path(raw_data().get_random_remote_path(self.name or None))
        )
        target.mkdir(parents=True, exist_ok=True)
        for name, uri in self._entries():
            copy_to(uri, target / _inside(name), self._blobs)
        return str(target)

    async def download(self, local_path: str | Path | None = None) -> str:
        """Do what ``download_sync`` does, on a thread."""
        return await on_thread(self.download_sync, local_path)

    def is_empty(self) -> bool:
        """Say whether it has no files."""
        return next(self._entries(), None) is None

    empty = is_empty

    def _entries(self) -> Iterator[tuple[str, str]]:
        if (kept := digest_of(self.path)) is None:
            return files_below(self.path)
        return iter(entries(kept, self._blobs or held()))


def _listed(folder: Path, blobs: BlobStore) -> str:
    """Keep a folder's files and the list of them."""
    listed = [[name, blobs.put_file(path)] for name, path in files_below(str(folder))]
    return blobs.put(json.dumps(listed).encode())


def entries(kept: str, blobs: BlobStore) -> list[tuple[str, str]]:
    """Read the list of a kept folder's files: their paths in it, and their addresses."""
    try:
        listed = json.loads(blobs.get(kept))
        return [(_inside(name), uri_of(content, PurePosixPath(name).name)) for name, content in listed]
    except KeyError as error:
        raise TypeTransformerFailedError(
            f"the folder with the address {uri_of(kept)} is no longer in the store"
        ) from error
    except (ValueError, TypeError) as error:
        raise TypeTransformerFailedError(f"the list of a folder's files is damaged: {error}") from error


def _inside(name: str) -> str:
    """Refuse a path that leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise TypeTransformerFailedError(f"the path {name!r} leads out of the folder")
    return name


def build_dir(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile ``Dir``: an address as it is; a local folder goes to the store when it leaves the process."""

    def settle(value: Any, blobs: BlobStore) -> Value:
        return Blob(uri_of(_listed(_there(value), blobs), value.name), value.format, multipart=True)

    return place_codec(python_type, Dir, settle, _content)


def _there(value: Any) -> Path:
    path: Path | None = value.local
    if path is None or not path.is_dir():
        raise TypeTransformerFailedError(f"there is no folder {value.path!r}; make it before it is passed on")
    return path


def _content(value: Any) -> str:
    found = (part for name, path in files_below(str(_there(value))) for part in (name, hash_file(Path(path))))
    return digest("dir", value.name, *found)
