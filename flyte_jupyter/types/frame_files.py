"""Frames on disk: which form a frame is written in, and how each form is read."""

from collections.abc import Callable, Mapping
from typing import Any

from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.loading import load
from flyte_jupyter.types.codec import misfit
from flyte_jupyter.types.frame_engine import decoded, decoder_of, encoded, encoder_of
from flyte_jupyter.types.holding import fetch
from flyte_jupyter.types.literal import StructuredDataset
from flyte_jupyter.types.pickles import pickle_of, read_signed

LIBRARIES = ("pandas", "polars", "pyarrow")


def library_of(kind: type) -> str:
    """Name the library of a frame class; empty for other classes."""
    for base in kind.__mro__:
        top = base.__module__.partition(".")[0]
        if top in LIBRARIES and base.__name__ in {"DataFrame", "Table"}:
            return top
    return ""


def write_frame(frame: Any, form: str, blobs: BlobStore) -> StructuredDataset:
    """Write a frame in a form: Arrow by default, or a signed pickle where Arrow would change it."""
    if (encoder := encoder_of(type(frame), form)) is not None:
        return encoded(encoder, frame, form)
    form = form or "arrow"
    if form not in _WRITE:
        raise TypeTransformerFailedError(
            f"no writer for frames of format {form!r}; known are {', '.join(_WRITE)}"
        )
    form, digest = _WRITE[form](frame, blobs)
    return StructuredDataset(uri_of(digest), form)


def _write_arrow(frame: Any, blobs: BlobStore) -> tuple[str, str]:
    if (table := exact_table(frame)) is None:
        return _write_pickle(frame, blobs)
    pyarrow = load("pyarrow")
    with blobs.writer() as out, pyarrow.ipc.new_file(out, table.schema) as file:
        file.write_table(table)
    return "arrow", out.digest


def _write_pickle(frame: Any, blobs: BlobStore) -> tuple[str, str]:
    data = pickle_of(frame)
    with blobs.writer() as out:
        out.write(blobs.sign(data))
        out.write(data)
    return "pickle", out.digest


def _write_parquet(frame: Any, blobs: BlobStore) -> tuple[str, str]:
    parquet = load("pyarrow.parquet")
    with blobs.writer() as out:
        parquet.write_table(plain_table(frame), out)
    return "parquet", out.digest


def _write_csv(frame: Any, blobs: BlobStore) -> tuple[str, str]:
    pandas = load("pandas")
    with blobs.writer() as out:
        out.write(converted(frame, pandas.DataFrame).to_csv(index=False).encode())
    return "csv", out.digest


_WRITE: Mapping[str, Callable[[Any, BlobStore], tuple[str, str]]] = {
    "arrow": _write_arrow,
    "parquet": _write_parquet,
    "csv": _write_csv,
    "pickle": _write_pickle,
}


def exact_table(frame: Any) -> Any:
    """Make the Arrow table that gives the frame back exactly; None where there is none."""
    library = library_of(type(frame))
    if library == "pandas":
        module = load("flyte_jupyter.types.pandas_frames")
        try:
            return module.to_arrow(frame)
        except module.Inexact:
            return None
    if library == "polars":
        return _exact_polars(frame)
    return frame if library == "pyarrow" else None


def _exact_polars(frame: Any) -> Any:
    polars, pyarrow = load("polars"), load("pyarrow")
    try:
        table = frame.to_arrow()
        same = polars.from_arrow(table.slice(0, 0)).schema == frame.schema
    except (polars.exceptions.PolarsError, pyarrow.ArrowException, TypeError, ValueError):
        return None
    return table if same else None


def plain_table(frame: Any) -> Any:
    """Make an Arrow table that other programs read best."""
    pyarrow = load("pyarrow")
    library = library_of(type(frame))
    if library == "pandas":
        return pyarrow.Table.from_pandas(frame)
    return frame.to_arrow() if library == "polars" else frame


def read_frame(uri: str, form: str, wanted: type) -> Any:
    """Read a frame as an instance of ``wanted``.

    Raises:
        TypeTransformerFailedError: the format is unknown or the file is damaged.
        StoreError: the blob is gone.
    """
    if (decoder := decoder_of(wanted, form)) is not None:
        return decoded(decoder, StructuredDataset(uri, form))
    form = form or "parquet"
    if form not in _READ:
        raise TypeTransformerFailedError(
            f"no reader for frames of format {form!r}; known are {', '.join(_READ)}"
        )
    try:
        return converted(_READ[form](uri, wanted), wanted)
    except TypeTransformerFailedError:
        raise
    except _damage() as error:
        raise TypeTransformerFailedError(f"the {form} frame at {uri} cannot be read: {error}") from error


def _damage() -> tuple[type[Exception], ...]:
    return (load("pyarrow").ArrowException, ValueError, KeyError, EOFError, OSError)


def _read_arrow(uri: str, wanted: type) -> Any:
    pyarrow = load("pyarrow")
    memory = _bytes_at(uri, writable=library_of(wanted) == "pandas")
    table = pyarrow.ipc.open_file(pyarrow.py_buffer(memory)).read_all()
    if b"flyte_jupyter.pandas" in (table.schema.metadata or {}):
        return load("flyte_jupyter.types.pandas_frames:of_arrow")(
            table, memory if library_of(wanted) == "pandas" else None
        )
    return table


def _read_pickle(uri: str, _wanted: type) -> Any:
    return read_signed(_bytes_at(uri), "frame")


def _read_parquet(uri: str, wanted: type) -> Any:
    parquet = load("pyarrow.parquet")
    if digest_of(uri) is not None:
        table = parquet.read_table(load("pyarrow").BufferReader(load("pyarrow").py_buffer(_bytes_at(uri))))
    else:
        system, path = _system(uri)
        table = parquet.read_table(path, filesystem=system)
    return table.to_pandas() if library_of(wanted) == "pandas" else table


def _read_csv(uri: str, _wanted: type) -> Any:
    return load("pandas").read_csv(load("io:BytesIO")(_bytes_at(uri)))


_READ: Mapping[str, Callable[[str, type], Any]] = {
    "arrow": _read_arrow,
    "parquet": _read_parquet,
    "csv": _read_csv,
    "pickle": _read_pickle,
}


def _bytes_at(uri: str, *, writable: bool = False) -> memoryview:
    if (digest := digest_of(uri)) is not None:
        return fetch(digest, "frame", writable=writable)
    system, path = _system(uri)
    with system.open_input_file(path) as file:
        data = file.readall()
    return memoryview(bytearray(data) if writable else data)


def _system(uri: str) -> tuple[Any, str]:
    """Find the file system of an address; a path without scheme is local."""
    fs = load("pyarrow.fs")
    if "://" not in uri:
        return fs.LocalFileSystem(), uri
    system, path = fs.FileSystem.from_uri(uri)
    return system, path


def converted(frame: Any, wanted: type) -> Any:
    """Turn a frame of one library into one of another."""
    if isinstance(frame, wanted):
        return frame
    source, target = library_of(type(frame)), library_of(wanted)
    if not source or not target or wanted.__module__.partition(".")[0] != target:
        raise misfit(wanted, frame)
    table = plain_table(frame)
    return _OF_TABLE[target](table) if target in _OF_TABLE else table


def _to_pandas(table: Any) -> Any:
    return table.to_pandas()


def _to_polars(table: Any) -> Any:
    return load("polars").from_arrow(table)


_OF_TABLE: Mapping[str, Callable[[Any], Any]] = {"pandas": _to_pandas, "polars": _to_polars}


def selected(frame: Any, names: list[str]) -> Any:
    """Keep the declared columns only, in the declared order."""
    have = list(frame.column_names) if library_of(type(frame)) == "pyarrow" else list(frame.columns)
    if missing := [name for name in names if name not in have]:
        raise TypeTransformerFailedError(
            f"the table has no column {missing[0]!r}; it has {', '.join(map(str, have))}"
        )
    if have == names:
        return frame
    return frame[names] if library_of(type(frame)) == "pandas" else frame.select(names)
