"""Compiles the plain forms of types: which builder serves which type, and recursion."""

import dataclasses
import typing
from enum import Enum
from typing import Any, NoReturn, get_args, get_origin

from flyte_jupyter.loading import load
from flyte_jupyter.types.codec import CodecOf, misfit
from flyte_jupyter.types.dispatch import is_model
from flyte_jupyter.types.leaves import plain_leaf
from flyte_jupyter.types.named import is_named_tuple, plain_named_tuple, plain_typed_dict
from flyte_jupyter.types.plain import ALL, NONE, Dialect, Plain, PlainBuilder
from flyte_jupyter.types.plain_containers import (
    plain_any,
    plain_dict,
    plain_list,
    plain_optional,
    plain_tuple,
    plain_union,
)
from flyte_jupyter.types.plain_scalars import PLAIN_SCALARS, plain_choice, plain_enum
from flyte_jupyter.types.records import plain_dataclass
from flyte_jupyter.types.spelling import UNIONS, key_of, spelled

_UNTYPED = frozenset({Any, object, list, dict})


class Compiler:
    """Compiles the plain forms within one structure; a type that contains itself is compiled once.

    Args:
        dialect: how the outermost structure writes special values.
        codec_of: the engine, for parts that are kept elsewhere.
    """

    def __init__(self, dialect: Dialect, codec_of: CodecOf) -> None:
        self.dialect = dialect
        self.codec_of = codec_of
        self._known: dict[Any, Plain] = {}

    def __call__(self, python_type: Any) -> Plain:
        """Compile a type, once."""
        bare_type, metadata = spelled(python_type)
        if any(hasattr(item, "to_python_value") for item in metadata):
            return plain_leaf(python_type, self)
        key = key_of(bare_type)
        if key not in self._known:
            real: list[Plain] = []
            self._known[key] = _later(real)
            real.append(_builder(bare_type)(bare_type, self))
            self._known[key] = real[0]
        return self._known[key]


def _later(real: list[Plain]) -> Plain:
    """Stand in for a type that is being compiled: forwards to the real one once that exists."""

    # While it is being compiled, only the defaults of its fields are tried, and none of them is of this type.
    def dump(value: Any) -> Any:
        return real[0].dump(value) if real else _unready(value)

    def load(data: Any) -> Any:
        return real[0].load(data) if real else _unready(data)

    def exact(value: Any) -> bool:
        return bool(real) and real[0].exact(value)

    return Plain(dump=dump, load=load, exact=exact, kinds=ALL, schema={"type": "object"})


def _unready(value: Any) -> NoReturn:
    raise misfit("another type", value)


def _builder(python_type: Any) -> PlainBuilder:
    if _is_in(python_type, PLAIN_SCALARS):
        return PLAIN_SCALARS[python_type]
    if _is_in(python_type, _UNTYPED):
        return plain_any
    return _of_generic(python_type) or _of_class(python_type) or plain_leaf


def _is_in(python_type: Any, known: Any) -> bool:
    try:
        return python_type in known
    except TypeError:
        return False


def _of_generic(python_type: Any) -> PlainBuilder | None:
    origin, args = get_origin(python_type), get_args(python_type)
    if origin in UNIONS:
        return plain_optional if len(args) == 2 and NONE in args else plain_union  # noqa: PLR2004 - Optional
    if origin in {list, set, frozenset} or (origin is tuple and args[-1:] == (...,)):
        return plain_list
    if origin is typing.Literal:
        return plain_choice
    return {tuple: plain_tuple, dict: plain_dict}.get(origin) if origin in {tuple, dict} else None


def _of_class(python_type: Any) -> PlainBuilder | None:
    cls = get_origin(python_type) or python_type
    if not isinstance(cls, type):
        return None
    if issubclass(cls, Enum):
        return plain_enum
    if is_named_tuple(cls):
        return plain_named_tuple
    if typing.is_typeddict(cls):
        return plain_typed_dict
    return _of_known(cls) or (plain_dataclass if dataclasses.is_dataclass(cls) else None)


def _of_known(cls: type) -> PlainBuilder | None:
    """Load the builder of what this package or pydantic defines."""
    path = None
    if hasattr(cls, "__flyte_plain__"):
        path = "files:plain_file"
    elif is_model(cls):
        path = "pydantic_models:plain_model"
    builder: PlainBuilder | None = load(f"flyte_jupyter.types.{path}") if path else None
    return builder
