"""The many ways to write one type, and a key under which a type is remembered."""

import types
import typing
from typing import Annotated, Any, Final, ForwardRef, NewType, NotRequired, Required, TypeVar, Union

from flyte_jupyter.errors import TypeTransformerFailedError

UNIONS = (Union, types.UnionType)

_WRAPPERS = (Required, NotRequired, Final)


def spelled(python_type: Any) -> tuple[Any, tuple[Any, ...]]:
    """Resolve aliases and wrappers; returns the type and the metadata of its ``Annotated``.

    Raises:
        TypeTransformerFailedError: it is text that names no type, or no type at all.
    """
    metadata: tuple[Any, ...] = ()
    while (inner := _inner(python_type)) is not None:
        if typing.get_origin(python_type) is Annotated:
            metadata += python_type.__metadata__
        python_type = inner[0]
    if isinstance(python_type, str | ForwardRef):
        raise TypeTransformerFailedError(
            f"the annotation {python_type!r} names no type that can be found here"
        )
    return (type(None) if python_type is None else python_type), metadata


def _inner(python_type: Any) -> tuple[Any] | None:
    """Take one layer off."""
    origin = typing.get_origin(python_type)
    if origin is Annotated or origin in _WRAPPERS:
        return (python_type.__args__[0] if origin in _WRAPPERS else python_type.__origin__,)
    if isinstance(python_type, NewType):
        return (python_type.__supertype__,)
    if isinstance(python_type, TypeVar):
        return (Any if python_type.__bound__ is None else python_type.__bound__,)
    if type(python_type).__name__ == "TypeAliasType":
        return (python_type.__value__,)
    return None


def key_of(python_type: Any) -> Any:
    """Make a key that is equal only for the same type, written with the same parts in the same order.

    Python's own equality of types will not do: ``int | str == str | int``, yet their order decides.
    """
    if isinstance(python_type, type) and not hasattr(python_type, "__args__"):
        return python_type
    origin = typing.get_origin(python_type)
    if origin is None:
        return _hashable(python_type)
    metadata = tuple(map(_hashable, getattr(python_type, "__metadata__", ())))
    if origin is Annotated:
        return (Annotated, key_of(python_type.__origin__), metadata)
    return (origin, tuple(map(key_of, typing.get_args(python_type))))


def _hashable(thing: Any) -> Any:
    if isinstance(thing, list | tuple):
        return (type(thing), tuple(map(key_of, thing)))
    try:
        hash(thing)
    except TypeError:
        return (_Same, id(thing))
    return (type(thing), thing)


class _Same:
    """Marks the identity of a thing that has no hash; whoever keeps the key keeps the thing."""
