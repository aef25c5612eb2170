"""NumPy arrays and scalars: live in this process, ``.npy`` files on disk."""

import io
from collections.abc import Callable
from typing import Any, get_args, get_origin

import numpy as np

from flyte_jupyter.blobs import BlobStore, digest_of, uri_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.canonical import content_of
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit
from flyte_jupyter.types.holding import fetch
from flyte_jupyter.types.literal import Blob, LiteralType, Live, SimpleType, Value
from flyte_jupyter.types.pickled import build_pickled
from flyte_jupyter.types.pickles import read_object, settle_object

FORMAT = "NumpyArray"

_FIXED = frozenset("biufcmMSU")


def build_array(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile ``numpy.ndarray``, with or without a dtype."""
    cls = get_origin(python_type) or python_type

    def accept(value: Any) -> Any:
        if not isinstance(value, cls):
            raise misfit(python_type, value)
        return value

    return Codec(
        name=FORMAT,
        python_type=python_type,
        type=LiteralType(blob=(FORMAT, False)),
        write=lambda value: Live(accept(value), python_type),
        read=lambda value: accept(_read(bare(value))),
        exact=lambda value: type(value) is cls,
        settle=_settle,
        digest=content_of,
    )


def _settle(value: Any, blobs: BlobStore) -> Value:
    """Write plain arrays as they lie in memory, others as objects."""
    if type(value) is not np.ndarray or value.dtype.kind not in _FIXED:
        return settle_object(value, blobs)
    if not (value.flags.c_contiguous or value.flags.f_contiguous):
        value = np.ascontiguousarray(value)
    with blobs.writer() as out:
        header = io.BytesIO()
        np.lib.format.write_array_header_2_0(header, np.lib.format.header_data_from_array_1_0(value))
        out.write(header.getvalue())
        if value.size:
            out.write(value.ravel("K").view(np.uint8))
    return Blob(uri_of(out.digest), FORMAT)


def _read(value: Value) -> Any:
    if type(value) is Live or not (isinstance(value, Blob) and value.format == FORMAT):
        return read_object(value)
    if (digest := digest_of(value.uri)) is None:
        raise misfit("an array in the store", value)
    return _view(fetch(digest, "array", writable=True))


def _view(memory: memoryview) -> Any:
    """View an array in the memory of its file; writes stay private to it."""
    file = io.BytesIO(memory[:_HEADER])
    try:
        np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        if dtype.hasobject:
            raise misfit("an array of numbers or texts", dtype)
        flat = np.frombuffer(memory, dtype, count=int(np.prod(shape)), offset=file.tell())
    except (ValueError, TypeError, EOFError, OverflowError) as error:
        raise TypeTransformerFailedError(f"damaged array: {error}") from error
    return flat.reshape(shape, order="F" if fortran else "C")


_HEADER = 1 << 20


def build_scalar(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile a NumPy scalar class; those that a simple type holds exactly travel as one."""
    found = next((kind for kind in _SIMPLE if issubclass(python_type, kind)), None)
    if found is None or get_args(python_type) or np.dtype(python_type).itemsize > 8:  # noqa: PLR2004 - 64 bits
        return build_pickled(python_type, codec_of)
    simple, native = _SIMPLE[found]
    plain = codec_of(native)

    return Codec(
        name="numpy",
        python_type=python_type,
        type=LiteralType(simple=simple),
        write=lambda value: plain.write(_exactly(python_type, value).item()),
        read=_scalar_reader(python_type, plain.read),
        exact=lambda value: type(value) is python_type,
    )


def _scalar_reader(python_type: Any, read: Callable[[Value], Any]) -> Callable[[Value], Any]:
    return lambda value: _exactly(python_type, read(value))


def _exactly(python_type: Any, value: Any) -> Any:
    """Accept a scalar of the class, or a number that it holds without loss."""
    if isinstance(value, python_type):
        return value
    if not isinstance(value, int | float | str | bool | np.generic):
        raise misfit(python_type, value)
    concrete = np.dtype(python_type).type
    try:
        made = concrete(value)
    except (OverflowError, ValueError, TypeError) as error:
        raise misfit(python_type, value) from error
    if made != value and value == value:  # noqa: PLR0124 - NaN is held by every float
        raise misfit(f"{concrete.__name__} (it would not hold the value exactly)", value)
    return made


_SIMPLE: dict[type, tuple[SimpleType, type]] = {
    np.bool_: (SimpleType.BOOLEAN, bool),
    np.integer: (SimpleType.INTEGER, int),
    np.floating: (SimpleType.FLOAT, float),
    np.str_: (SimpleType.STRING, str),
}
