"""Lists and text-keyed maps of typed elements."""

from array import array
from collections.abc import Callable
from typing import Any, get_args

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit, within
from flyte_jupyter.types.literal import LiteralType, Map, Value


def _same(item: Codec) -> frozenset[type]:
    """Name the element type if its exact values stand for themselves in a literal."""
    return frozenset(kind for kind in (int, float, str, bool) if item.python_type is kind)


def build_list(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile ``list[T]``, or ``tuple[T, ...]``, whose values are tuples."""
    item = codec_of(get_args(python_type)[0])
    kind = getattr(python_type, "__origin__", list)
    same = _same(item)

    def write(value: Any) -> Value:
        if not isinstance(value, list | tuple):
            raise misfit(python_type, value)
        if _all_of(same, value):
            return tuple(value)
        return tuple(_each(item.write, value))

    def read(value: Value) -> Any:
        if type(value) is not tuple and type(value := bare(value)) is not tuple:
            raise misfit(python_type, value)
        if same and same.issuperset(map(type, value)):
            return kind(value)
        return kind(_each(item.read, value))

    return Codec(
        name="Typed List",
        python_type=python_type,
        type=LiteralType(collection=item.type),
        write=write,
        read=read,
        exact=lambda value: type(value) is kind and all(map(item.exact, value)),
    )


def _all_of(same: frozenset[type], values: list[Any] | tuple[Any, ...]) -> bool:
    return bool(same) and same.issuperset(map(type, values)) and (int not in same or _fit(values))


def _fit(values: list[int] | tuple[int, ...]) -> bool:
    try:
        array("q", values)
    except OverflowError:
        return False
    return True


def _each(convert: Callable[[Any], Any], values: list[Any] | tuple[Any, ...]) -> list[Any]:
    try:
        return list(map(convert, values))
    except TypeTransformerFailedError:
        for index, value in enumerate(values):
            try:
                convert(value)
            except TypeTransformerFailedError as error:
                raise within(f"item {index}", error) from error
        raise


def build_dict(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile ``dict[str, T]``."""
    item = codec_of(get_args(python_type)[1])
    same = _same(item)

    def write(value: Any) -> Value:
        if not isinstance(value, dict) or not {str}.issuperset(map(type, value)):
            value = _text_keyed(python_type, value)
        if _all_of(same, list(value.values())):
            return Map(value)
        return Map(_items(item.write, value))

    def read(value: Value) -> Any:
        if type(value) is not Map and type(value := bare(value)) is not Map:
            raise misfit(python_type, value)
        if same and same.issuperset(map(type, value.values())):
            return dict(value)
        return _items(item.read, value)

    return Codec(
        name="Typed Dict",
        python_type=python_type,
        type=LiteralType(map_value=item.type),
        write=write,
        read=read,
        exact=lambda value: (
            type(value) is dict
            and {str}.issuperset(map(type, value))
            and all(map(item.exact, value.values()))
        ),
    )


def _text_keyed(python_type: Any, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise misfit(python_type, value)
    for key in value:
        if not isinstance(key, str):
            raise within("key", misfit("str", key))
    return {str.__str__(key): item for key, item in value.items()}


def _items(convert: Callable[[Any], Any], values: dict[str, Any]) -> dict[str, Any]:
    try:
        return {key: convert(value) for key, value in values.items()}
    except TypeTransformerFailedError:
        for key, value in values.items():
            try:
                convert(value)
            except TypeTransformerFailedError as error:
                raise within(f"key {key!r}", error) from error
        raise
