"""Tuples, named tuples and typed dicts: structures that travel by the names of their parts."""

import typing
from collections.abc import Callable
from typing import Any, NotRequired, get_args, get_origin

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Schema, misfit, name_of, namesakes
from flyte_jupyter.types.plain import Plain, PlainOf
from flyte_jupyter.types.records import Part, check_names, hints, located


def is_named_tuple(cls: Any) -> bool:
    """Say whether a class is a named tuple."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def named_parts(python_type: Any, plain_of: PlainOf) -> list[Part]:
    """Compile the fields of a named tuple; those without annotation hold anything."""
    cls: Any = get_origin(python_type) or python_type
    found = hints(python_type)
    return [
        Part(name, plain_of(found.get(name, Any)), required=name not in cls._field_defaults)
        for name in cls._fields
    ]


def item_parts(python_type: Any, plain_of: PlainOf) -> list[Part]:
    """Compile the items of ``tuple[A, B]``, named ``item_0`` and so on."""
    items = (part for part in get_args(python_type) if part != ())
    return [Part(f"item_{number}", plain_of(part)) for number, part in enumerate(items)]


def adapted_tuple(cls: Any, value: Any) -> tuple[Any, ...]:
    """Accept a named tuple of this class, of an older definition of it, or a map or plain tuple."""
    if isinstance(value, dict):
        check_names(cls, value, set(cls._fields) - set(cls._field_defaults), cls._fields)
        return cls(**value)  # type: ignore[no-any-return]  # a named tuple's constructor is not typed
    plain = type(value) is tuple and len(value) == len(cls._fields)
    same = namesakes(type(value), cls) and getattr(value, "_fields", None) == cls._fields
    if not (plain or same):
        raise misfit(cls, value)
    return tuple(value)


def plain_named_tuple(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a named tuple inside of a structure: an array."""
    cls: Any = get_origin(python_type) or python_type
    parts = named_parts(python_type, plain_of)
    dumps = [located(cls, part.name, part.plain.dump) for part in parts]
    loads = [located(cls, part.name, part.plain.load) for part in parts]

    def dump(value: Any) -> list[Any]:
        if type(value) is not cls:
            value = adapted_tuple(cls, value)
        return [convert(item) for convert, item in zip(dumps, value, strict=True)]

    def load(data: Any) -> Any:
        if type(data) is not list or len(data) != len(loads):
            raise misfit(cls, data)
        return cls._make(convert(item) for convert, item in zip(loads, data, strict=True))

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is cls,
        kinds=frozenset({list}),
        schema={"type": "array", "prefixItems": [part.plain.schema for part in parts]},
        heavy=any(part.plain.heavy for part in parts),
    )


def plain_typed_dict(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a typed dict: a map."""
    return by_name(python_type, typed_dict_parts(python_type, plain_of), "TypedDictWrapper_")


def typed_dict_parts(python_type: Any, plain_of: PlainOf) -> list[Part]:
    """Compile the keys of a typed dict."""
    cls: Any = get_origin(python_type) or python_type
    found = hints(python_type)
    return [
        Part(name, plain_of(_required(hint)), required=name in cls.__required_keys__)
        for name, hint in found.items()
    ]


def _required(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in {typing.Required, NotRequired} else hint


def by_name(python_type: Any, parts: list[Part], prefix: str) -> Plain:
    """Compile a dict with known keys; a key that may be missing is written as nil where it is."""
    cls: Any = get_origin(python_type) or python_type
    known = [part.name for part in parts]
    required = {part.name for part in parts if part.required}
    nil = {part.name for part in parts if not part.required and type(None) not in part.plain.kinds}
    dumps = {part.name: located(cls, part.name, part.plain.dump) for part in parts}
    loads = {part.name: located(cls, part.name, part.plain.load) for part in parts}

    def dump(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise misfit(cls, value)
        check_names(cls, dict(value), required, known)
        return {n: dumps[n](value[n]) if n in value else None for n in known if n in value or n in nil}

    def load(data: Any) -> dict[str, Any]:
        check_names(cls, data, required, known)
        return {n: loads[n](item) for n, item in data.items() if item is not None or n not in nil}

    def exact(value: Any) -> bool:
        keys = set(value) if type(value) is dict else None
        return (
            keys is not None
            and required <= keys
            and keys <= dumps.keys()
            and all(part.plain.exact(value[part.name]) for part in parts if part.name in keys)
        )

    return Plain(
        dump=dump,
        load=load,
        exact=exact,
        kinds=frozenset({dict}),
        schema=model_schema(prefix + name_of(cls), parts),
        heavy=any(part.plain.heavy for part in parts),
    )


def by_order(
    python_type: Any,
    parts: list[Part],
    title: str,
    adapt: Callable[[Any], tuple[Any, ...]],
    make: Callable[[Any], Any],
) -> Plain:
    """Compile a tuple as a whole value: a map by the names of its items."""
    steps = [(part.name, located(python_type, part.name, part.plain.dump)) for part in parts]
    loads = [(part.name, located(python_type, part.name, part.plain.load)) for part in parts]

    def dump(value: Any) -> dict[str, Any]:
        items = adapt(value)
        return {name: convert(item) for (name, convert), item in zip(steps, items, strict=True)}

    def load(data: Any) -> Any:
        check_names(python_type, data, {name for name, _ in loads}, [name for name, _ in loads])
        return make(convert(data[name]) for name, convert in loads)

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: (
            type(value) is (get_origin(python_type) or python_type)
            and len(value) == len(parts)
            and all(part.plain.exact(item) for part, item in zip(parts, value, strict=True))
        ),
        kinds=frozenset({dict}),
        schema=model_schema(title, parts),
        heavy=any(part.plain.heavy for part in parts),
    )


def whole_tuple(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile ``tuple[A, B]`` as a whole value."""
    parts = item_parts(python_type, plain_of)

    def adapt(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, tuple):
            raise misfit(python_type, value)
        if len(value) != len(parts):
            raise TypeTransformerFailedError(f"expected {name_of(python_type)}, got a tuple of {len(value)}")
        return value

    return by_order(python_type, parts, "TupleWrapper_tuple", adapt, tuple)


def whole_named_tuple(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a named tuple as a whole value."""
    cls: Any = get_origin(python_type) or python_type
    parts = named_parts(python_type, plain_of)

    def adapt(value: Any) -> tuple[Any, ...]:
        return value if type(value) is cls else adapted_tuple(cls, value)

    return by_order(python_type, parts, f"NamedTupleWrapper_{name_of(cls)}", adapt, cls._make)


def model_schema(title: str, parts: list[Part]) -> Schema:
    """Describe a structure the way models are described: each property has a title."""
    properties = {}
    for part in parts:
        inner = part.plain.schema
        if not part.required:
            inner = {"anyOf": [inner, {"type": "null"}], "default": None}
        properties[part.name] = inner | {"title": part.name.replace("_", " ").title()}
    schema: Schema = {"type": "object", "title": title, "properties": properties}
    if required := [part.name for part in parts if part.required]:
        schema["required"] = required
    return schema
