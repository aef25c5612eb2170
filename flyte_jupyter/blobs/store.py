"""A folder of blobs: each file is named by the hash of what it holds."""

import errno
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from xxhash import xxh3_128, xxh3_128_hexdigest

from flyte_jupyter.blobs.addresses import is_digest
from flyte_jupyter.errors import StoreError
from flyte_jupyter.loading import load

Data = bytes | bytearray | memoryview

_CHUNK = 1 << 22


class Writer:
    """A file to stream into; after the ``with`` block ``digest`` names what was written."""

    def __init__(self, store: "BlobStore") -> None:
        self._store = store
        self._hash = xxh3_128()
        self.size = 0
        self.digest = ""
        self._temporary = store.temporary()
        self._file: BinaryIO = _private(self._temporary)

    def write(self, data: Data) -> int:
        """Append ``data`` and return its size in bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        done = 0
        try:
            while done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            raise _unwritable(self._store.folder, error) from error
        self.size += done
        return done

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file.closed

    def tell(self) -> int:
        """Tell how many bytes were written."""
        return self.size

    def flush(self) -> None:
        """Do nothing: writes are not buffered here."""

    def readable(self) -> bool:
        """Say no."""
        return False

    def seekable(self) -> bool:
        """Say no."""
        return False

    def writable(self) -> bool:
        """Say yes."""
        return True

    def close(self) -> None:
        """Close the file; the blob exists once the ``with`` block has ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None:
            self._temporary.unlink(missing_ok=True)
            return
        self.digest = self._hash.hexdigest()
        self._store.adopt(self._temporary, self.digest)


class BlobStore:
    """Blobs in a private folder.

    Files appear whole (written under a temporary name, then renamed) and are verified when they are read,
    so a crash or a damaged disk makes a blob missing, never wrong.

    Args:
        folder: where the files are; made on first use, readable by its owner only.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._key = b""

    def put(self, data: Data) -> str:
        """Keep ``data`` and return its digest."""
        digest: str = xxh3_128_hexdigest(data)
        path = self.path(digest)
        if not (_holds(path, memoryview(data).nbytes) and _freshened(path)):
            with self.writer() as out:
                out.write(data)
        return digest

    def put_file(self, path: Path | str) -> str:
        """Keep a copy of a file's content and return its digest."""
        with Path(path).open("rb") as source, self.writer() as out:
            while data := source.read(_CHUNK):
                out.write(data)
        return out.digest

    def writer(self) -> Writer:
        """Open a new blob to stream into; use it in a ``with`` block and then read its ``digest``."""
        return Writer(self)

    def path(self, digest: str) -> Path:
        """Tell where the blob is, or would be."""
        if not is_digest(digest):
            raise KeyError(digest)
        return self.folder / digest[:2] / digest[2:]

    def get(self, digest: str) -> bytes:
        """Read a blob.

        Raises:
            KeyError: it is not there, or it was damaged (the damaged file is set aside).
        """
        try:
            data = self.path(digest).read_bytes()
        except OSError as error:
            raise self._missing(digest, error) from error
        self._verify(digest, data)
        return data

    def open_mapped(self, digest: str, *, writable: bool = False) -> memoryview:
        """Map a blob into memory without copying it.

        Args:
            digest: which blob.
            writable: let the view be written to; writes stay private to this view and never reach the file.

        Raises:
            KeyError: it is not there, or it was damaged (the damaged file is set aside).
        """
        try:
            view = _map(self.path(digest), writable=writable)
        except OSError as error:
            raise self._missing(digest, error) from error
        self._verify(digest, view)
        return view

    def size(self, digest: str) -> int:
        """Tell a blob's size in bytes; KeyError if it is not there."""
        try:
            return self.path(digest).stat().st_size
        except OSError as error:
            raise self._missing(digest, error) from error

    def delete(self, digest: str) -> None:
        """Remove a blob, if it is there."""
        self.path(digest).unlink(missing_ok=True)

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, str) and is_digest(digest) and self.path(digest).is_file()

    def __iter__(self) -> Iterator[str]:
        for path in self.folder.glob("??/*"):
            if is_digest(digest := path.parent.name + path.name):
                yield digest

    def __repr__(self) -> str:
        return f"BlobStore({str(self.folder)!r})"

    def sign(self, data: Data) -> bytes:
        """Make the 32 bytes that prove that this store's owner wrote ``data``."""
        return hmac.digest(self.key(), data, "sha256")

    def signed(self, signature: Data, data: Data) -> bool:
        """Say whether ``signature`` proves that this store's owner wrote ``data``."""
        return hmac.compare_digest(bytes(signature), self.sign(data))

    def key(self) -> bytes:
        """Read the store's secret key; make one for a new store.

        Raises:
            StoreError: the key file belongs to somebody else or others can read it.
        """
        if not self._key:
            self._key = _read_key(self.folder / "key", self.temporary)
        return self._key

    def temporary(self) -> Path:
        """Name a file in the folder that no one else uses."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return self.folder / f".{os.getpid()}-{os.urandom(8).hex()}"

    def adopt(self, temporary: Path, digest: str) -> None:
        """Give a finished temporary file its name."""
        path = self.path(digest)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise _unwritable(self.folder, error) from error

    def _verify(self, digest: str, data: Data) -> None:
        if xxh3_128_hexdigest(data) != digest:
            with suppress(OSError):
                self.path(digest).replace(self.folder / f"damaged-{digest}")
            raise KeyError(f"blob {digest} was damaged and is set aside")

    def _missing(self, digest: str, error: OSError) -> Exception:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return KeyError(digest)
        return StoreError(f"cannot read blob {digest} in {self.folder}: {error.strerror}")


def _freshened(path: Path) -> bool:
    """Make a blob young again, as what removes old ones goes by its time; False if it is gone."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _holds(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _private(path: Path) -> BinaryIO:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    return os.fdopen(handle, "wb", buffering=0)


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write to {folder}: {error.strerror}. Make room or set FLYTE_JUPYTER_HOME")


def _map(path: Path, *, writable: bool) -> memoryview:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(bytearray() if writable else b"")
        mmap = load("mmap")
        access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
        return memoryview(mmap.mmap(file.fileno(), 0, access=access))


def _read_key(path: Path, temporary: Callable[[], Path]) -> bytes:
    if not path.exists():
        _make_key(path, temporary())
    status = path.stat()
    if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
        raise StoreError(f"{path} must belong to you and be readable by you only; its values are not trusted")
    return path.read_bytes()


def _make_key(path: Path, draft: Path) -> None:
    # Two processes may make a key at once: a link appears whole and only one of them wins.
    with _private(draft) as file:
        file.write(os.urandom(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.rename(path)
    draft.unlink(missing_ok=True)
