"""Which blob store the values at hand are written to and read from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from flyte_jupyter.blobs import BlobStore, RawDataPath
from flyte_jupyter.errors import InitializationError, StoreError, TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec

_blobs: ContextVar[BlobStore | None] = ContextVar("blobs", default=None)
_raw: ContextVar[RawDataPath | None] = ContextVar("raw", default=None)
_trusting: ContextVar[bool] = ContextVar("trusting", default=False)
_keeper: ContextVar["Keeper | None"] = ContextVar("keeper", default=None)

Keeper = Callable[[Codec, Any], dict[str, Any]]
"""Takes a heavy part of a structure away and returns the map that stands for it."""


class NeedsStoreError(TypeTransformerFailedError):
    """A structure holds a part that can only be written to a store; until then it travels live."""


class holding:  # noqa: N801 - used like a function; each body has one, so it is no generator
    """Use ``blobs`` for the ``blob://`` addresses of the block, and ``raw`` for new files, if it is given."""

    __slots__ = ("_blobs", "_raw", "_raw_token", "_token")

    def __init__(self, blobs: BlobStore | None, raw: RawDataPath | None = None) -> None:
        self._blobs = blobs
        self._raw = raw

    def __enter__(self) -> None:
        self._token = _blobs.set(self._blobs)
        self._raw_token = _raw.set(self._raw) if self._raw is not None else None

    def __exit__(self, *_error: object) -> None:
        if self._raw_token is not None:
            _raw.reset(self._raw_token)
        _blobs.reset(self._token)


def held() -> BlobStore:
    """Return the store in use.

    Raises:
        InitializationError: the code runs outside of any ``holding`` block.
    """
    if (blobs := _blobs.get()) is None:
        raise InitializationError("no blob store is open here; read and write kept values within a run")
    return blobs


def current_blobs() -> BlobStore | None:
    """Return the store in use, if one is."""
    return _blobs.get()


def raw_data() -> RawDataPath:
    """Return where new files go: the run's place, else this process's private temporary folder."""
    return _raw.get() or _own_raw()


@cache
def _own_raw() -> RawDataPath:
    return RawDataPath.from_local_folder()


@contextmanager
def trusting() -> Iterator[None]:
    """Unpickle in the block also what this store did not sign. Only for values whose author you trust."""
    token = _trusting.set(True)
    try:
        yield
    finally:
        _trusting.reset(token)


def trusted() -> bool:
    """Say whether unsigned pickles may be read here."""
    return _trusting.get()


@contextmanager
def keeping(keeper: Keeper) -> Iterator[None]:
    """Give heavy parts of structures to ``keeper`` in the block."""
    token = _keeper.set(keeper)
    try:
        yield
    finally:
        _keeper.reset(token)


def keep(codec: Codec, value: Any) -> dict[str, Any]:
    """Write a heavy part of a structure with the keeper in use."""
    if (keeper := _keeper.get()) is None:
        raise NeedsStoreError("this structure holds a part that has to be written to a store")
    return keeper(codec, value)


def fetch(digest: str, what: str, *, writable: bool = False) -> memoryview:
    """Map a blob of the store in use; ``what`` names the value in the error if it is gone."""
    try:
        return held().open_mapped(digest, writable=writable)
    except KeyError as error:
        raise StoreError(f"the {what} with the address blob://{digest} is no longer in the store") from error
