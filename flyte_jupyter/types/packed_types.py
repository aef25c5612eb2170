"""Literal types as plain data: lists of what is set, by number."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.literal import (
    LiteralType,
    Map,
    SimpleType,
)

PRIMITIVE = frozenset({type(None), bool, int, float, str, datetime, timedelta})


def to_type(data: Any) -> LiteralType:
    """Read a type from plain data; ``TypeTransformerFailedError`` if it is none."""
    literal_type: LiteralType = safely(data_type, data)
    return literal_type


def of_type(t: LiteralType) -> list[Any]:
    """Write a type as plain data: only what is set, by number."""
    dataset = t.dataset and [t.dataset[0], [(name, of_type(column)) for name, column in t.dataset[1]]]
    values = (
        None if t.simple is None else int(t.simple),
        t.collection and of_type(t.collection),
        t.map_value and of_type(t.map_value),
        t.blob,
        t.enum,
        dataset,
        None if t.union is None else [of_type(variant) for variant in t.union],
        None if t.metadata is None else dict(t.metadata),
        None if t.annotation is None else dict(t.annotation),
        t.tag or None,
    )
    return [part for number, value in enumerate(values) if value is not None for part in (number, value)]


def safely(read: Callable[[Any], Any], data: Any) -> Any:
    """Read foreign data; whatever goes wrong is ours."""
    try:
        return read(data)
    except TypeTransformerFailedError:
        raise
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, AttributeError) as error:
        raise TypeTransformerFailedError(f"damaged literals: {type(error).__name__}: {error}") from error
    except msgpack.UnpackException as error:
        raise TypeTransformerFailedError(f"damaged literals: {error}") from error


def require(condition: object, what: str) -> None:
    """Refuse data that is not what it must be."""
    if not condition:
        raise TypeTransformerFailedError(f"damaged literals: {what}")


def to_columns(data: Any) -> tuple[tuple[str, LiteralType], ...]:
    """Read the columns of a table."""
    require(all(type(name) is str for name, _ in data), "no columns")
    return tuple((name, data_type(column)) for name, column in data)


def data_type(data: Any) -> LiteralType:
    """Read a type; to be called within ``safely``."""
    require(type(data) is tuple and len(data) % 2 == 0, "no type")
    given = {}
    for number, value in zip(data[::2], data[1::2], strict=True):
        require(type(number) is int and 0 <= number < len(_PARTS), "an unknown kind of type")
        name, convert = _PARTS[number]
        given[name] = convert(value)
    return LiteralType(**given)


def to_text(data: Any) -> str:
    """Read a text."""
    require(type(data) is str, "no text")
    return str(data)


def _texts(data: Any) -> tuple[str, ...]:
    require(type(data) is tuple and {str}.issuperset(map(type, data)), "no texts")
    return tuple(data)


def _blob_type(data: Any) -> tuple[str, bool]:
    form, multipart = data
    require(type(form) is str and type(multipart) is bool, "no blob type")
    return form, multipart


def _dataset_type(data: Any) -> tuple[str, tuple[tuple[str, LiteralType], ...]]:
    form, columns = data
    return to_text(form), to_columns(columns)


def _json(data: Any) -> dict[str, Any]:
    require(type(data) is Map, "no JSON object")
    return {to_text(key): _json_value(value) for key, value in data.items()}


def _json_value(data: Any) -> Any:
    if type(data) is Map:
        return _json(data)
    if type(data) is tuple:
        return [_json_value(item) for item in data]
    require(type(data) in PRIMITIVE, "no JSON value")
    return data


_PARTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("simple", SimpleType),
    ("collection", data_type),
    ("map_value", data_type),
    ("blob", _blob_type),
    ("enum", _texts),
    ("dataset", _dataset_type),
    ("union", lambda data: tuple(data_type(item) for item in data)),
    ("metadata", _json),
    ("annotation", _json),
    ("tag", to_text),
)
