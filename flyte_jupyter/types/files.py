"""``File``: a file by its address, handed from task to task without copying it through memory."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from flyte_jupyter.blobs import BlobStore, digest_of, name_of, uri_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load, on_thread
from flyte_jupyter.types.awaitable import Awaitable
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit
from flyte_jupyter.types.holding import current_blobs, keep, raw_data
from flyte_jupyter.types.literal import Blob, Literal, LiteralType, Live, Value
from flyte_jupyter.types.places import copy_from, copy_to, exists_at, last_name, local_path, open_at

T = TypeVar("T")


class Place(Generic[T]):
    """Something at an address: what ``File`` and ``Dir`` have in common.

    Args:
        path: a local path, a ``blob://`` address of the run store, or a remote address.
        name: the name for people; the path's last part if empty.
        format: a word for the format, such as ``"csv"``.
        hash: a content hash that stands for the content in cache keys.
    """

    __flyte_plain__ = True

    def __init__(self, path: str, name: str = "", format: str = "", hash: str | None = None) -> None:  # noqa: A002 - the field's words
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be text or a path, got {path!r}")
        self.path = os.fspath(path)
        self.name = name or name_of(self.path) or last_name(self.path)
        self.format = format
        self.hash = hash
        self._blobs = current_blobs()

    def exists_sync(self) -> bool:
        """Say whether it is there."""
        return exists_at(self.path, self._blobs)

    async def exists(self) -> bool:
        """Say whether it is there."""
        return await on_thread(self.exists_sync)

    @property
    def local(self) -> Path | None:
        """The path on this machine, if it is a local file outside of the store."""
        return None if digest_of(self.path) else local_path(self.path)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let models have fields of this class: an instance, or its map."""
        return load("flyte_jupyter.types.pydantic_schemas:place_schema")(cls)

    def to_map(self) -> dict[str, Any]:
        """Write it as plain data."""
        return {"path": self.path, "name": self.name, "format": self.format, "hash": self.hash}

    @classmethod
    def of_map(cls, data: Any) -> "Place[T]":
        """Read what ``to_map`` wrote."""
        if not isinstance(data, dict) or not isinstance(data.get("path"), str):
            raise misfit(f"{cls.__name__} as a map with its path", data)
        return cls(data["path"], data.get("name") or "", data.get("format") or "", data.get("hash"))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Place) and other.to_map() == self.to_map()

    def __hash__(self) -> int:
        return hash((type(self), self.path, self.hash))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"


class File(Place[T]):
    """A file by its address.

    ::

        report = File.from_local_sync("report.csv")
        with report.open_sync("r") as lines: ...
        async with report.open("rb") as data: content = await data.read()
    """

    __flyte_builder__ = "files:build_file"

    @classmethod
    def new_remote(cls, file_name: str | None = None, hash_method: Any = None) -> "File[T]":
        """Name a new file to write to; nothing else has its address."""
        return cls(raw_data().get_random_remote_path(file_name or "file"), hash=_given(hash_method))

    named_remote = new_remote

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> "File[T]":
        """Refer to a file that is there already; ``file_cache_key`` stands for its content in cache keys."""
        return cls(remote_path, hash=file_cache_key)

    @classmethod
    def from_local_sync(
        cls, local_path: str | Path, remote_destination: str | None = None, hash_method: Any = None
    ) -> "File[T]":
        """Take a local file as it is now: copied to the run store, or to ``remote_destination``.

        Raises:
            FileNotFoundError: there is no such file.
        """
        source = Path(local_path).absolute()
        if not source.is_file():
            raise FileNotFoundError(f"there is no file {str(local_path)!r}")
        content = _hashed(source, hash_method)
        if remote_destination:
            copy_from(source, remote_destination)
            return cls(remote_destination, source.name, hash=content)
        if (blobs := current_blobs()) is None:
            return cls(str(source), hash=content)
        return cls(uri_of(blobs.put_file(source), source.name), hash=content)

    @classmethod
    async def from_local(
        cls, local_path: str | Path, remote_destination: str | None = None, hash_method: Any = None
    ) -> "File[T]":
        """Do what ``from_local_sync`` does, on a thread."""
        return await on_thread(cls.from_local_sync, local_path, remote_destination, hash_method)

    @contextmanager
    def open_sync(self, mode: str = "rb", **_options: Any) -> Iterator[IO[Any]]:
        """Open it. Options of other implementations, such as block sizes, are accepted and not needed."""
        with open_at(self.path, mode, self._blobs) as file:
            yield file

    @asynccontextmanager
    async def open(self, mode: str = "rb", **_options: Any) -> AsyncIterator[Any]:
        """Open it in ``async with``; what its methods return can be awaited or used at once."""
        file = await on_thread(open_at, self.path, mode, self._blobs)
        try:
            yield Awaitable(file)
        finally:
            await on_thread(file.close)

    def download_sync(self, local_path: str | Path | None = None) -> str:
        """Copy it to a local path (into it, if that is a folder) and return that path."""
        if local_path is None and self.local is not None:
            return str(self.local)
        target = (
            Path(local_path) if local_path else Path(raw_data().get_random_remote_path(self.name or "file"))
        )
        target = target / self.name if target.is_dir() else target
        copy_to(self.path, target, self._blobs)
        return str(target)

    async def download(self, local_path: str | Path | None = None) -> str:
        """Do what ``download_sync`` does, on a thread."""
        return await on_thread(self.download_sync, local_path)


def _given(method: Any) -> str | None:
    return method if isinstance(method, str) else None


def _hashed(path: Path, method: Any) -> str | None:
    """Hash a file with the user's method: a hash already made, a function of the path, or a hash object."""
    if method is None or isinstance(method, str):
        return method
    if not hasattr(method, "update"):
        return str(method(path))
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            method.update(data)
    result = method.hexdigest() if hasattr(method, "hexdigest") else method.result()
    return str(result)


def build_file(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile ``File``: an address as it is; a local file goes to the store when it leaves the process."""

    def settle(value: Any, blobs: BlobStore) -> Value:
        return Blob(uri_of(blobs.put_file(_there(value)), value.name), value.format)

    return place_codec(python_type, File, settle, _content)


def place_codec(
    python_type: Any,
    cls: type[Place[Any]],
    settle: Callable[[Any, BlobStore], Value],
    content: Callable[[Any], str],
) -> Codec:
    """Compile ``File`` or ``Dir``."""
    multipart = cls is not File
    form = _format(python_type)

    def write(value: Any) -> Value:
        if isinstance(value, os.PathLike) and not multipart:
            value = cls(os.fspath(value))
        if not isinstance(value, cls):
            raise misfit(cls, value)
        if value.local is not None:
            return Live(value, python_type)
        blob = Blob(value.path, value.format, multipart)
        return Literal(blob, value.hash) if value.hash else blob

    def read(value: Value) -> Any:
        content_hash = value.hash if isinstance(value, Literal) else None
        value = bare(value)
        if type(value) is Live and isinstance(value.value, cls):
            return value.value
        if not isinstance(value, Blob) or value.multipart is not multipart:
            raise misfit(f"a {cls.__name__}", value)
        return cls(value.uri, format=value.format, hash=content_hash or None)

    return Codec(
        name=cls.__name__,
        python_type=python_type,
        type=LiteralType(blob=(form, multipart)),
        write=write,
        read=read,
        exact=lambda value: type(value) is cls,
        settle=settle,
        digest=lambda value: value.hash or content(value),
    )


def _format(python_type: Any) -> str:
    arguments = getattr(python_type, "__args__", ())
    return arguments[0] if arguments and isinstance(arguments[0], str) else ""


def _there(value: Place[Any]) -> Path:
    """Return the local file; it must exist when it is passed on."""
    path = value.local
    if path is None or not path.is_file():
        raise TypeTransformerFailedError(f"there is no file {value.path!r}; write it before it is passed on")
    return path


def _content(value: Any) -> str:
    return digest("file", value.name, hash_file(_there(value)))


def hash_file(path: Path) -> str:
    """Hash a local file's content."""
    hasher = load("xxhash:xxh3_128")()
    with path.open("rb") as file:
        while data := file.read(1 << 22):
            hasher.update(data)
    return hasher.hexdigest()  # type: ignore[no-any-return]  # loaded by name


def plain_file(python_type: Any, plain_of: Any) -> Any:
    """Compile a ``File`` or ``Dir`` inside of a structure: a map."""
    plain = load("flyte_jupyter.types.plain:Plain")
    codec = plain_of.codec_of(python_type)
    cls = getattr(python_type, "__origin__", python_type)

    def dump(value: Any) -> dict[str, Any]:
        place = codec.read(written := codec.write(value))
        if type(written) is not Live:
            found: dict[str, Any] = place.to_map() | {"name": place.name}
            return found
        kept = keep(codec, place)
        return {**place.to_map(), "path": kept["uri"]} if "uri" in kept else kept

    def load_map(data: Any) -> Any:
        return cls.of_map(data) if isinstance(data, dict) and "path" in data else codec.read(_unboxed(data))

    schema = {"type": "object", "title": cls.__name__, "properties": {"path": {"type": "string"}}}
    return plain(dump=dump, load=load_map, exact=codec.exact, kinds=frozenset({dict}), schema=schema)


def _unboxed(data: Any) -> Value:
    found: Value = load("flyte_jupyter.types.leaves:unboxed")(data)
    return found
