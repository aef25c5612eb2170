"""Which builder compiles which type. What needs a heavy library is found by name and loaded on demand."""

import dataclasses
import typing
from enum import Enum
from typing import Any, get_args, get_origin

from flyte_jupyter.loading import load
from flyte_jupyter.types.codec import Builder
from flyte_jupyter.types.containers import build_dict, build_list
from flyte_jupyter.types.enums import build_choice, build_enum
from flyte_jupyter.types.scalars import SCALARS
from flyte_jupyter.types.spelling import UNIONS
from flyte_jupyter.types.unions import build_union

_HERE = "flyte_jupyter.types."

_BY_NAME = {
    ("pandas", "DataFrame"): "frames:build_frame",
    ("polars", "DataFrame"): "frames:build_frame",
    ("pyarrow", "Table"): "frames:build_frame",
    ("numpy", "ndarray"): "arrays:build_array",
}


def builder_of(python_type: Any) -> Builder:
    """Find the builder of a type that nobody registered a transformer for."""
    if _hashable(python_type) and (known := SCALARS.get(python_type)) is not None:
        return known
    return _of_generic(python_type) or _of_class(python_type) or leaf("pickled:build_pickled")


def leaf(path: str) -> Builder:
    """Load a builder by the name of its module."""
    builder: Builder = load(_HERE + path)
    return builder


def _hashable(python_type: Any) -> bool:
    try:
        hash(python_type)
    except TypeError:
        return False
    return True


def _of_generic(python_type: Any) -> Builder | None:
    origin, args = get_origin(python_type), get_args(python_type)
    if origin in UNIONS:
        return build_union
    if origin is typing.Literal:
        texts = all(type(choice) is str for choice in args)
        return build_choice if texts else leaf("choices:build_any_choice")
    if origin is tuple:
        return build_list if args[-1:] == (...,) else _structure("TUPLE")
    if origin is dict:
        return build_dict if args[0] is str else _structure("UNTYPED_DICT")
    if origin in {set, frozenset}:
        return leaf("pickled:build_set")
    return build_list if origin is list else None


def _structure(form: str) -> Builder:
    module = load(_HERE + "structures")
    builder: Builder = module.builder_of(getattr(module, form))
    return builder


def _of_class(python_type: Any) -> Builder | None:
    cls = get_origin(python_type) or python_type
    if not isinstance(cls, type):
        return None
    if issubclass(cls, Enum):
        return build_enum
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _structure("NAMED_TUPLE")
    if typing.is_typeddict(cls):
        return _structure("TYPED_DICT")
    return _of_known(cls) or (_structure("DATACLASS") if dataclasses.is_dataclass(cls) else None)


def is_model(cls: type) -> bool:
    """Say whether a class is a pydantic model, without loading pydantic."""
    return any(
        base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in cls.__mro__[1:]
    )


def _of_known(cls: type) -> Builder | None:
    """Find the builder by the class's name, so that its library is loaded only if it is in use already."""
    if cls in _PLAIN:
        return leaf(_PLAIN[cls])
    if hasattr(cls, "__flyte_builder__"):
        return leaf(cls.__flyte_builder__)
    if is_model(cls):
        return leaf("pydantic_models:build_model")
    top = cls.__module__.partition(".")[0]
    if top == "numpy" and any(base.__name__ == "generic" for base in cls.__mro__):
        return leaf("arrays:build_scalar")
    path = _BY_NAME.get((top, cls.__name__))
    return leaf(path) if path else None


_PLAIN: dict[type, str] = {
    bytes: "pickled:build_bytes",
    dict: "untyped:build_untyped_dict",
    set: "pickled:build_set",
    frozenset: "pickled:build_set",
}
