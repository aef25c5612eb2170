"""Python types for literal types, for reading values where no annotation says what they are."""

import dataclasses
import keyword
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import reduce
from operator import or_
from typing import Any
from typing import Literal as OneOf

from flyte_jupyter.loading import load
from flyte_jupyter.types.codec import Schema
from flyte_jupyter.types.literal import LiteralType, SimpleType

_SIMPLE: dict[SimpleType, Any] = {
    SimpleType.NONE: type(None),
    SimpleType.INTEGER: int,
    SimpleType.FLOAT: float,
    SimpleType.STRING: str,
    SimpleType.BOOLEAN: bool,
    SimpleType.DATETIME: datetime,
    SimpleType.DURATION: timedelta,
    SimpleType.BINARY: Any,
}

_JSON: dict[str, Any] = {
    "integer": int,
    "number": float,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


_FORMATS: dict[str, Any] = {
    "date-time": datetime,
    "date": date,
    "time": time,
    "time-delta": timedelta,
    "base64": bytes,
    "binary": str | bytes,
}

_KEYS: dict[str, type] = {"string": str, "integer": int, "number": float}


def guess(literal_type: LiteralType) -> Any:
    """Find a Python type that reads values of a literal type.

    Raises:
        ValueError: there is none.
    """
    if literal_type.simple is SimpleType.STRUCT:
        return _structure(literal_type.metadata)
    if literal_type.simple in _SIMPLE:
        return _SIMPLE[literal_type.simple]
    if literal_type.collection is not None:
        return list[guess(literal_type.collection)]  # type: ignore[misc]  # a type made at run time
    if literal_type.map_value is not None:
        return dict[str, guess(literal_type.map_value)]  # type: ignore[misc]  # as above
    if literal_type.enum is not None:
        return _enumeration(literal_type.enum)
    return _compound(literal_type)


def _compound(literal_type: LiteralType) -> Any:
    if literal_type.union is not None:
        if {variant.tag for variant in literal_type.union} == {"FlytePickle"}:
            return Any
        return reduce(or_, map(guess, literal_type.union)) if literal_type.union else Any
    if literal_type.dataset is not None:
        return load("flyte_jupyter.types.handles:DataFrame")
    if literal_type.blob is not None:
        return _of_blob(*literal_type.blob)
    raise ValueError(f"no Python type reads {literal_type}")


def _of_blob(form: str, multipart: bool) -> Any:
    if form == "PythonPickle":
        return Any
    if form == "NumpyArray":
        return load("numpy:ndarray")
    return load("flyte_jupyter.types.folders:Dir" if multipart else "flyte_jupyter.types.files:File")


def _enumeration(names: tuple[str, ...]) -> Any:
    """Make an enumeration whose members' values are their names; text choices where a name cannot be one."""
    if names and all(name.isidentifier() and not name.startswith("_") for name in names):
        return Enum("Choice", [(name, name) for name in names])
    return OneOf[names]


def _structure(schema: Any) -> Any:
    if not schema or not isinstance(schema.get("properties"), dict):
        return Any
    return of_schema(schema, schema.get("$defs") or {})


def of_schema(schema: Schema, definitions: Schema, depth: int = 0) -> Any:
    """Make a type of a JSON schema; objects with properties become dataclasses."""
    if not isinstance(schema, dict) or depth > _DEEP:
        return Any
    if isinstance(schema.get("$ref"), str):
        return of_schema(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions, depth + 1)
    if isinstance(options := schema.get("anyOf"), list) and options:
        return _union([of_schema(option, definitions, depth + 1) for option in options])
    return Any if "enum" in schema else _of_kind(schema, definitions, depth)


def _of_kind(schema: Schema, definitions: Schema, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "array":
        inner = of_schema(schema.get("items") or {}, definitions, depth + 1)
        return list if "prefixItems" in schema else list[inner]  # type: ignore[valid-type]  # made at run time
    if kind == "object":
        return _object(schema, definitions, depth)
    known = _FORMATS.get(str(schema.get("format"))) or _JSON.get(str(kind))
    return Any if known is None else known


_DEEP = 32


def _union(options: list[Any]) -> Any:
    if any(option is Any for option in options):
        return Any
    return reduce(or_, options)


def _object(schema: Schema, definitions: Schema, depth: int) -> Any:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        values = of_schema(schema.get("additionalProperties") or {}, definitions, depth + 1)
        named = schema.get("propertyNames")
        keys = _KEYS.get(str(named.get("type"))) if isinstance(named, dict) else str
        return Any if keys is None else dict[keys, values]  # type: ignore[valid-type]  # made at run time
    names = list(properties)
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in names):
        return dict
    required = set(schema.get("required") or ())
    title = str(schema.get("title") or "Structure")
    title = title if title.isidentifier() and not keyword.iskeyword(title) else "Structure"
    made = [_field(name, properties[name], name in required, definitions, depth) for name in names]
    return dataclasses.make_dataclass(title, made, kw_only=True)


def _field(name: str, schema: Schema, required: bool, definitions: Schema, depth: int) -> Any:
    kind = of_schema(schema, definitions, depth + 1)
    if required:
        return name, kind
    default = schema.get("default") if isinstance(schema, dict) else None
    return name, kind if kind is Any else kind | None, dataclasses.field(default_factory=lambda: default)
