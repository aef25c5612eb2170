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
    if not schema or not (isinstance(schema.get("properties"), dict) or "$ref" in schema):
        return Any
    definitions = schema.get("$defs")
    return _Schemas(definitions if isinstance(definitions, dict) else {}).guess(schema)


class _Schemas:
    """Makes types of JSON schemas; objects with properties become dataclasses.

    Each definition is made once; where one refers to itself, anything is accepted.
    """

    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions
        self._made: dict[str, Any] = {}

    def guess(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return Any
        if isinstance(schema.get("$ref"), str):
            return self._referred(schema["$ref"].rpartition("/")[2])
        if isinstance(options := schema.get("anyOf"), list) and options:
            return _union([self.guess(option) for option in options])
        return Any if "enum" in schema else self._of_kind(schema)

    def _referred(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = Any
            self._made[name] = self.guess(self._definitions.get(name))
        return self._made[name]

    def _of_kind(self, schema: Schema) -> Any:
        kind = schema.get("type")
        if kind == "array":
            inner = self.guess(schema.get("items"))
            return list if "prefixItems" in schema else list[inner]  # type: ignore[valid-type]  # made at run time
        if kind == "object":
            return self._object(schema)
        known = _FORMATS.get(str(schema.get("format"))) or _JSON.get(str(kind))
        return Any if known is None else known

    def _object(self, schema: Schema) -> Any:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return self._map(schema)
        if not all(map(_is_name, properties)):
            return dict
        required = schema.get("required")
        required = required if isinstance(required, list) else []
        title = str(schema.get("title"))
        fields = [self._field(name, inner, name in required) for name, inner in properties.items()]
        return dataclasses.make_dataclass(title if _is_name(title) else "Structure", fields, kw_only=True)

    def _map(self, schema: Schema) -> Any:
        values = self.guess(schema.get("additionalProperties"))
        named = schema.get("propertyNames")
        keys = _KEYS.get(str(named.get("type"))) if isinstance(named, dict) else str
        return Any if keys is None else dict[keys, values]  # type: ignore[valid-type]  # made at run time

    def _field(self, name: str, schema: Any, required: bool) -> Any:
        kind = self.guess(schema)
        if required:
            return name, kind
        default = schema.get("default") if isinstance(schema, dict) else None
        return name, kind if kind is Any else kind | None, dataclasses.field(default_factory=lambda: default)


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and text.isidentifier() and not keyword.iskeyword(text)


def _union(options: list[Any]) -> Any:
    return Any if any(option is Any for option in options) else reduce(or_, options)
