"""``DataFrame``: a table by its address, opened as the class that you ask for."""

from collections.abc import AsyncIterator, Mapping
from copy import copy
from typing import Any

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.loading import load, on_thread
from flyte_jupyter.types.holding import current_blobs, holding


class DataFrame:
    """A table that is somewhere: in this process, in the run store, or at an address.

    It costs nothing until it is opened::

        frame = await table.open(pandas.DataFrame).all()
        frame = table.open(pandas.DataFrame).all_sync()

    Args:
        uri: where it is; empty while it is only in this process.
        format: ``"parquet"``, ``"csv"`` or ``"arrow"``; ``"parquet"`` if empty.
        hash: a content hash that stands for it in cache keys.
        val: the frame itself, of pandas, polars or Arrow.
    """

    __flyte_builder__ = "frames:build_frame"

    def __init__(self, uri: str = "", format: str = "", hash: str = "", val: Any = None) -> None:  # noqa: A002 - the field's words
        self.uri = uri
        self.format = format
        self.hash = hash
        self.value = val
        self._blobs = current_blobs()
        self._columns: list[str] = []
        self._wanted: type | None = None

    @property
    def val(self) -> Any:
        """The frame itself, if it is in this process."""
        return self.value

    @classmethod
    def from_df(cls, val: Any, uri: str | None = None) -> "DataFrame":
        """Wrap a frame, without copying it."""
        return cls(uri or "", val=val)

    wrap_df = from_df

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None) -> "DataFrame":  # noqa: A002 - as above
        """Refer to a table that is there already."""
        return cls(remote_path, format or _format_of(remote_path))

    @classmethod
    def from_local_sync(
        cls,
        df: Any,
        columns: Mapping[str, Any] | None = None,
        remote_destination: str | None = None,
        hash_method: Any = None,
    ) -> "DataFrame":
        """Wrap a frame; ``columns`` selects some, ``hash_method`` is its hash or makes it."""
        made = cls(remote_destination or "", hash=_hashed(df, hash_method), val=df)
        return made.with_columns(list(columns)) if columns else made

    @classmethod
    async def from_local(
        cls,
        df: Any,
        columns: Mapping[str, Any] | None = None,
        remote_destination: str | None = None,
        hash_method: Any = None,
    ) -> "DataFrame":
        """Do what ``from_local_sync`` does."""
        return cls.from_local_sync(df, columns, remote_destination, hash_method)

    @classmethod
    def stored(cls, uri: str, form: str, content: str = "") -> "DataFrame":
        """Refer to a table that a run keeps; it stays readable after the run."""
        return cls(uri, form, content)

    def with_columns(self, names: list[str]) -> "DataFrame":
        """Keep only these columns when it is opened."""
        return self._copy(columns=list(names))

    def open(self, dataframe_type: type) -> "DataFrame":
        """Say as what it is to be read."""
        return self._copy(wanted=dataframe_type)

    def all_sync(self) -> Any:
        """Read all of it."""
        return self.loaded(self._wanted or load("pandas:DataFrame"))

    async def all(self) -> Any:
        """Read all of it, on a thread."""
        return await on_thread(self.all_sync)

    async def iter(self) -> AsyncIterator[Any]:
        """Read it piece by piece; today one piece."""
        yield await self.all()

    def loaded(self, wanted: type) -> Any:
        """Read all of it as ``wanted``."""
        files = load("flyte_jupyter.types.frame_files")
        if self.value is not None:
            found = files.converted(self.value, wanted)
        elif self.uri:
            with holding(self._blobs or current_blobs()):
                found = files.read_frame(self.uri, self.format, wanted)
        else:
            raise TypeTransformerFailedError("this DataFrame has neither a value nor an address")
        return files.selected(found, self._columns) if self._columns else found

    def _copy(self, columns: list[str] | None = None, wanted: type | None = None) -> "DataFrame":
        made = copy(self)
        vars(made).update(
            _columns=self._columns if columns is None else columns, _wanted=wanted or self._wanted
        )
        return made

    def __repr__(self) -> str:
        what = "in this process" if self.value is not None else self.uri or "empty"
        return f"DataFrame({what}{', ' + self.format if self.format else ''})"


def _format_of(path: str) -> str:
    """Guess a format by the end of a name."""
    end = path.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    return {"csv": "csv", "arrow": "arrow", "feather": "arrow"}.get(end, "parquet")


def _hashed(value: Any, method: Any) -> str:
    if method is None or isinstance(method, str):
        return method or ""
    return str(method(value))
