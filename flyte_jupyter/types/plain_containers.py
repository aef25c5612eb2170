"""The plain forms of collections, maps, unions and whatever has no declared type, inside of structures."""

from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

import msgpack  # type: ignore[import-untyped]  # the library has no types

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import misfit, within
from flyte_jupyter.types.holding import NeedsStoreError
from flyte_jupyter.types.leaves import plain_leaf
from flyte_jupyter.types.plain import ALL, NONE, Dialect, Plain, PlainOf, copied, is_plain

VARIANT = "__variant__"
"""The key that says which variant a union's value is, where the data alone would not tell."""


def plain_list(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a list, set, frozenset or ``tuple[T, ...]``."""
    kind = get_origin(python_type)
    item = plain_of(get_args(python_type)[0])
    same = frozenset({item.inline} if item.inline else ())
    ordered = kind not in {set, frozenset}
    accepted = (list, tuple) if ordered else (set, frozenset)

    def dump(value: Any) -> Any:
        if not isinstance(value, accepted):
            raise misfit(python_type, value)
        data = list(value) if same and same.issuperset(map(type, value)) else _each(item.dump, value)
        return data if ordered else sorted(data, key=msgpack.packb)

    def load(data: Any) -> Any:
        if type(data) is not list:
            raise misfit(python_type, data)
        return kind(data if same and same.issuperset(map(type, data)) else _each(item.load, data))

    schema = {"type": "array", "items": item.schema} | ({} if ordered else {"uniqueItems": True})
    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is kind and all(map(item.exact, value)),
        kinds=frozenset({list}),
        schema=schema,
        heavy=item.heavy,
    )


def _each(convert: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    done: list[Any] = []
    try:
        for value in values:
            done.append(convert(value))  # noqa: PERF401 - its length is the place of the error
    except NeedsStoreError:
        raise
    except TypeTransformerFailedError as error:
        raise within(f"item {len(done)}", error) from error
    return done


def plain_tuple(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile ``tuple[A, B]``: an array of that length."""
    items = [plain_of(part) for part in get_args(python_type) if part != ()]

    def convert(functions: list[Callable[[Any], Any]], values: Any) -> list[Any]:
        if len(values) != len(functions):
            raise misfit(f"{python_type} with {len(functions)} items", values)
        return [function(value) for function, value in zip(functions, values, strict=True)]

    dumps, loads = [item.dump for item in items], [item.load for item in items]

    def dump(value: Any) -> Any:
        if not isinstance(value, tuple):
            raise misfit(python_type, value)
        return convert(dumps, value)

    def load(data: Any) -> Any:
        if type(data) is not list:
            raise misfit(python_type, data)
        return tuple(convert(loads, data))

    return Plain(
        dump=dump,
        load=load,
        exact=lambda v: (
            type(v) is tuple
            and len(v) == len(items)
            and all(item.exact(x) for item, x in zip(items, v, strict=True))
        ),
        kinds=frozenset({list}),
        schema={
            "type": "array",
            "maxItems": len(items),
            "minItems": len(items),
            "prefixItems": [i.schema for i in items],
        },
        heavy=any(item.heavy for item in items),
    )


def plain_dict(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile ``dict[K, V]``: a map, or an array of pairs where a key's data cannot be one."""
    key, value = (plain_of(part) for part in get_args(python_type))
    same = frozenset({value.inline} if value.inline else ())
    key_dump, key_load, pairs = _keys(key, plain_of.dialect)
    plain_key = key.inline is str

    def dump(values: Any) -> Any:
        if not isinstance(values, dict):
            raise misfit(python_type, values)
        if plain_key and same and same.issuperset(map(type, values.values())) and _texts(values):
            return dict(values)
        entries = [(key_dump(k), _at(k, value.dump, v)) for k, v in values.items()]
        return [list(entry) for entry in entries] if pairs else _unique(entries)

    wanted: Any = list if pairs else dict

    def load(data: Any) -> Any:
        if type(data) is not wanted:
            raise misfit(python_type, data)
        if plain_key and same and same.issuperset(map(type, data.values())) and _texts(data):
            return dict(data)
        return {
            _hashable(key_load(k)): _at(k, value.load, v)
            for k, v in (_pairs(data) if pairs else data.items())
        }

    return Plain(
        dump=dump,
        load=load,
        exact=lambda v: type(v) is dict and all(map(key.exact, v)) and all(map(value.exact, v.values())),
        kinds=frozenset({list if pairs else dict}),
        schema={"type": "object", "additionalProperties": value.schema, "propertyNames": key.schema},
        heavy=value.heavy or key.heavy,
    )


def _texts(values: dict[Any, Any]) -> bool:
    return {str}.issuperset(map(type, values))


def _keys(key: Plain, dialect: Dialect) -> tuple[Callable[[Any], Any], Callable[[Any], Any], bool]:
    """Choose how keys are written; models write integers as text, because JSON has no other keys."""
    if key.inline is int and dialect is Dialect.MODEL:
        return lambda k: str(key.dump(k)), _of_text, False
    return key.dump, key.load, bool(key.kinds & {list, dict})


def _of_text(data: Any) -> int:
    try:
        return int(data)
    except (ValueError, TypeError) as error:
        raise misfit("an int as text", data) from error


def _at(key: Any, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except NeedsStoreError:
        raise
    except TypeTransformerFailedError as error:
        raise within(f"key {key!r}", error) from error


def _unique(entries: list[tuple[Any, Any]]) -> dict[Any, Any]:
    data = dict(entries)
    if len(data) != len(entries):
        raise TypeTransformerFailedError("two keys become the same key when they are written")
    return data


def _pairs(data: list[Any]) -> list[list[Any]]:
    for pair in data:
        if type(pair) is not list or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise misfit("pairs of key and value", pair)
    return data


def _hashable(key: Any) -> Any:
    try:
        hash(key)
    except TypeError as error:
        raise misfit("a hashable key", key) from error
    return key


def plain_union(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a union: no tag where the data tells the variant, else a map with the variant's number."""
    variants = [plain_of(part) for part in get_args(python_type)]

    def dump(value: Any) -> Any:
        index, data = _chosen(variants, value, python_type)
        told = _select(variants, data) == index and not (type(data) is dict and VARIANT in data)
        return data if told else {VARIANT: index, "value": data}

    def load(data: Any) -> Any:
        if type(data) is dict and VARIANT in data:
            return _numbered(variants, data, python_type)
        if (index := _select(variants, data)) is None:
            raise misfit(python_type, data)
        return variants[index].load(data)

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: any(variant.exact(value) for variant in variants),
        kinds=frozenset[type]().union(*(variant.kinds for variant in variants)) | {dict},
        schema={"anyOf": [variant.schema for variant in variants]},
    )


def _chosen(variants: list[Plain], value: Any, python_type: Any) -> tuple[int, Any]:
    for index, variant in enumerate(variants):
        if variant.exact(value):
            return index, variant.dump(value)
    for index, variant in enumerate(variants):
        try:
            return index, variant.dump(value)
        except NeedsStoreError:
            raise
        except TypeTransformerFailedError:
            continue
    raise misfit(python_type, value)


def _select(variants: list[Plain], data: Any) -> int | None:
    """Find the variant that the data alone points to; the only one of its kind needs no trial."""
    kind = type(data)
    likely = [index for index, variant in enumerate(variants) if kind in variant.kinds]
    if len(likely) == 1:
        return likely[0]
    others = (index for index in range(len(variants)) if index not in likely)
    return next((index for index in (*likely, *others) if _loads(variants[index], data)), None)


def _loads(variant: Plain, data: Any) -> bool:
    try:
        variant.load(data)
    except (TypeTransformerFailedError, LookupError):
        return False
    return True


def _numbered(variants: list[Plain], data: dict[str, Any], python_type: Any) -> Any:
    index = data[VARIANT]
    if type(index) is not int or not 0 <= index < len(variants) or "value" not in data:
        raise misfit(python_type, data)
    return variants[index].load(data["value"])


def plain_optional(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile ``Optional[T]`` of a type whose data is never nil."""
    inner = next(part for part in get_args(python_type) if part is not NONE)
    plain = plain_of(inner)
    if NONE in plain.kinds:
        return plain_union(python_type, plain_of)
    kind, dump, load = plain.inline, plain.dump, plain.load
    none_last = get_args(python_type)[-1] is NONE
    null: dict[str, Any] = {"type": "null"}
    return Plain(
        dump=lambda value: value if value is None or type(value) is kind else dump(value),
        load=lambda data: data if data is None or type(data) is kind else load(data),
        exact=lambda value: value is None or plain.exact(value),
        kinds=plain.kinds | {NONE},
        schema={"anyOf": [plain.schema, null] if none_last else [null, plain.schema]},
    )


def plain_any(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a value without a declared type: itself if it is plain data, else a part of its own."""
    leaf = plain_leaf(Any, plain_of)
    kind = python_type if python_type in {list, dict} else object

    def dump(value: Any) -> Any:
        if not isinstance(value, kind):
            raise misfit(python_type, value)
        return copied(value) if is_plain(value) and not _looks_kept(value) else leaf.dump(value)

    def load(data: Any) -> Any:
        value = leaf.load(data) if _looks_kept(data) else data
        if not isinstance(value, kind):
            raise misfit(python_type, value)
        return value

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: isinstance(value, kind),
        kinds=frozenset({kind, dict}) if kind is not object else ALL,
        schema={"type": "array" if kind is list else "object"} if kind is not object else {},
    )


def _looks_kept(data: Any) -> bool:
    return type(data) is dict and "__kept__" in data
