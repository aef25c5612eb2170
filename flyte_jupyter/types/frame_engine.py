"""The registry of your own readers and writers of frames, by class and format."""

from typing import Any, ClassVar

from flyte_jupyter.errors import DefinitionError, TypeTransformerFailedError
from flyte_jupyter.types.codec import name_of
from flyte_jupyter.types.dispatch import leaf
from flyte_jupyter.types.engine import use_builder
from flyte_jupyter.types.handles import DataFrame
from flyte_jupyter.types.literal import LiteralType, StructuredDataset
from flyte_jupyter.types.transformer import drive


class _Handler:
    """A reader or writer of one class of frames in one format.

    Args:
        python_type: the class of frames.
        protocol: the scheme of the addresses it is for; empty for all.
        supported_format: the format; empty for any.
    """

    def __init__(
        self, python_type: type, protocol: str | None = None, supported_format: str | None = None
    ) -> None:
        self.python_type = python_type
        self.protocol = (protocol or "").removesuffix("://")
        self.supported_format = supported_format or ""


class DataFrameEncoder(_Handler):
    """Writes frames; override ``encode``, which may be ``async``."""

    def encode(self, dataframe: DataFrame, structured_literal_type: LiteralType) -> Any:
        """Write ``dataframe.value`` somewhere and return a ``StructuredDataset`` with its address."""
        raise NotImplementedError


class DataFrameDecoder(_Handler):
    """Reads frames; override ``decode``, which may be ``async``."""

    def decode(self, flyte_value: StructuredDataset, current_task_metadata: LiteralType) -> Any:
        """Read the frame at ``flyte_value.uri``."""
        raise NotImplementedError


class DataFrameTransformerEngine:
    """The registry of frame readers and writers."""

    encoders: ClassVar[dict[tuple[type, str], DataFrameEncoder]] = {}
    decoders: ClassVar[dict[tuple[type, str], DataFrameDecoder]] = {}

    @classmethod
    def register(
        cls,
        handler: DataFrameEncoder | DataFrameDecoder,
        default_for_type: bool = True,
        override: bool = False,
        default_format_for_type: bool = False,
        default_storage_for_type: bool = False,  # noqa: ARG003 - part of the protocol's signature
    ) -> None:
        """Use a reader or writer.

        Args:
            handler: the reader or writer.
            default_for_type: use it for its class also where no format is asked for.
            override: replace one that is registered for the same class and format.
            default_format_for_type: the same as ``default_for_type``.
            default_storage_for_type: accepted; storage is the run's own.

        Raises:
            DefinitionError: there is one for the same class and format.
        """
        known: Any = cls.encoders if isinstance(handler, DataFrameEncoder) else cls.decoders
        forms = {handler.supported_format} | ({""} if default_for_type or default_format_for_type else set())
        key = (handler.python_type, handler.supported_format)
        if key in known and not override and not _again(known[key], handler):
            raise DefinitionError(
                f"{name_of(handler.python_type)} has a {type(handler).__bases__[0].__name__} for the format "
                f"{handler.supported_format!r} already; override=True replaces it"
            )
        known.update({(handler.python_type, form): handler for form in forms})
        use_builder(handler.python_type, leaf("frames:build_frame"))


def _again(known: object, new: object) -> bool:
    """Whether a notebook cell that registers a handler ran again."""
    a, b = type(known), type(new)
    return a is not b and (a.__module__, a.__qualname__) == (b.__module__, b.__qualname__)


def encoder_of(kind: type, form: str) -> DataFrameEncoder | None:
    """Find the writer that is registered for a class and format."""
    return DataFrameTransformerEngine.encoders.get((kind, form))


def decoder_of(kind: type, form: str) -> DataFrameDecoder | None:
    """Find the reader that is registered for a class and format."""
    exact = DataFrameTransformerEngine.decoders.get((kind, form))
    return exact or DataFrameTransformerEngine.decoders.get((kind, "")) if form not in _BUILT_IN else exact


_BUILT_IN = frozenset({"arrow", "parquet", "csv", "pickle"})


def encoded(encoder: DataFrameEncoder, frame: Any, form: str) -> StructuredDataset:
    """Write a frame with a registered writer."""
    result = drive(encoder.encode(DataFrame.from_df(frame), LiteralType(dataset=(form, ()))))
    if not isinstance(result, StructuredDataset):
        raise TypeTransformerFailedError(
            f"{type(encoder).__name__}.encode must return a StructuredDataset, got {result!r}"
        )
    form = result.format or encoder.supported_format or form
    return StructuredDataset(result.uri, form, result.columns)


def decoded(decoder: DataFrameDecoder, dataset: StructuredDataset) -> Any:
    """Read a frame with a registered reader."""
    return drive(decoder.decode(dataset, LiteralType(dataset=(dataset.format, dataset.columns))))
