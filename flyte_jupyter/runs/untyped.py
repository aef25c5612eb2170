"""Recorded values read without the task's types: it is defined elsewhere, or differently by now."""

from typing import Any

from flyte_jupyter.loading import load
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.literal import Binary, Blob, Literal, Map, StructuredDataset, Value, Variant

_BLOBS = {"NumpyArray": "numpy:ndarray", "PythonPickle": "typing:Any"}


def untyped(value: Value) -> Any:
    """Give the plainest Python value: lists, dicts (also for dataclasses and models), frames, files.

    Raises:
        TypeTransformerFailedError: it cannot be read.
    """
    if isinstance(value, tuple):
        return [untyped(item) for item in value]
    if isinstance(value, Map):
        return {key: untyped(item) for key, item in value.items()}
    if isinstance(value, Literal | Variant):
        return untyped(value.value)
    kind = _kind(value)
    return value if kind is None else TypeEngine.to_python_value(Literal(value), kind)


def _kind(value: Value) -> Any:
    """Find a Python type to read a value with; None for one that is a Python value already."""
    if isinstance(value, Binary):
        return dict if value.tag == "msgpack" else Any
    if isinstance(value, StructuredDataset):
        return load("pandas:DataFrame")
    if isinstance(value, Blob):
        folder, file = "flyte_jupyter.types.folders:Dir", "flyte_jupyter.types.files:File"
        return load(_BLOBS.get(value.format, folder if value.multipart else file))
    return None
