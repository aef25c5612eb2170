"""Frames of pandas, polars and Arrow: live in this process, files on disk."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_origin

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.types.canonical import content_of
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit
from flyte_jupyter.types.engine import codec
from flyte_jupyter.types.frame_engine import encoder_of
from flyte_jupyter.types.frame_files import converted, library_of, selected, write_frame
from flyte_jupyter.types.handles import DataFrame
from flyte_jupyter.types.literal import Literal, LiteralType, Live, StructuredDataset, Value

NAME = "DataFrame Transformer"


def build_frame(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile a frame class of one of the libraries."""
    return _codec(python_type, python_type, "", ())


def annotated(python_type: Any, cls: Any, metadata: tuple[Any, ...]) -> Codec:
    """Compile ``Annotated[frame class, columns or format]``."""
    columns: tuple[tuple[str, LiteralType], ...] = ()
    form = ""
    for item in metadata:
        if isinstance(item, Mapping):
            columns = tuple((name, codec(kind).type) for name, kind in item.items())
        elif isinstance(item, str):
            form = item
    return _codec(python_type, cls, form, columns)


def _codec(python_type: Any, cls: Any, form: str, columns: tuple[tuple[str, LiteralType], ...]) -> Codec:
    cls = get_origin(cls) or cls
    names = [name for name, _ in columns]
    handle = cls is DataFrame
    accept = _handle_acceptor(names) if handle else _acceptor(cls, names)

    def settle(value: Any, blobs: BlobStore) -> Value:
        stored = write_frame(value.value if handle else value, form, blobs)
        return replace(stored, columns=columns) if isinstance(stored, StructuredDataset) else stored

    return Codec(
        name=NAME,
        python_type=python_type,
        type=LiteralType(dataset=(form, columns), tag="" if handle else _tag(cls)),
        write=_handle_writer(accept, python_type)
        if handle
        else lambda value: Live(accept(value), python_type),
        read=_reader(accept),
        exact=lambda value: type(value) is cls,
        settle=settle,
        digest=lambda value: content_of(value.value if isinstance(value, DataFrame) else value),
    )


def _tag(cls: type) -> str:
    """Name the class as the protocol does."""
    known = {"pandas": "pandas.DataFrame", "pyarrow": "pyarrow.lib.Table"}
    return known.get(cls.__module__.partition(".")[0], f"{cls.__module__}.{cls.__qualname__}")


def _acceptor(cls: type, names: list[str]) -> Callable[[Any], Any]:
    def accept(value: Any) -> Any:
        if isinstance(value, DataFrame):
            value = value.loaded(cls)
        if not isinstance(value, cls):
            value = converted(value, cls)
        return selected(value, names) if names else value

    return accept


def _handle_acceptor(names: list[str]) -> Callable[[Any], Any]:
    def accept(value: Any) -> Any:
        handle = value if isinstance(value, DataFrame) else DataFrame.from_df(value)
        return handle.with_columns(names) if names else handle

    return accept


def _handle_writer(accept: Callable[[Any], Any], python_type: Any) -> Callable[[Any], Value]:
    def write(value: Any) -> Value:
        if not (isinstance(value, DataFrame) or library_of(type(value)) or encoder_of(type(value), "")):
            raise misfit(python_type, value)
        handle = accept(value)
        if handle.value is not None:
            return Live(handle, python_type)
        if not handle.uri:
            raise misfit("a DataFrame that has a value or an address", value)
        dataset = StructuredDataset(handle.uri, handle.format)
        return Literal(dataset, handle.hash) if handle.hash else dataset

    return write


def _reader(accept: Callable[[Any], Any]) -> Callable[[Value], Any]:
    def read(value: Value) -> Any:
        content = value.hash if isinstance(value, Literal) else ""
        value = bare(value)
        if type(value) is Live:
            return accept(value.value)
        if not isinstance(value, StructuredDataset):
            raise misfit("a table", value)
        return accept(DataFrame.stored(value.uri, value.format, content))

    return read
