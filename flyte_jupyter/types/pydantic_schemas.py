"""JSON schemas of pydantic models as the protocol writes them, and what a model's annotations hold."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Schema
from flyte_jupyter.types.records import is_json


def schema_of(cls: type[pydantic.BaseModel]) -> Schema:
    """Describe a model; enumerations are listed by their names."""
    try:
        schema: Schema = _finite(cls.model_json_schema(schema_generator=_Quiet))
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return {"type": "object", "title": cls.__name__}
    enums = (part for part in parts_of(cls) if issubclass(part, Enum))
    names = {enum.__name__: list(enum.__members__) for enum in enums}
    for name, definition in schema.get("$defs", {}).items():
        if name in names and "enum" in definition:
            definition |= {"enum": names[name], "type": "string"}
    return schema


_QUIET: set[JsonSchemaWarningKind] = {"non-serializable-default", "skipped-choice"}


class _Quiet(GenerateJsonSchema):
    """Leaves defaults that JSON cannot hold out without a warning."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = _QUIET


def _finite(schema: Any) -> Any:
    """Leave out defaults that JSON has no form for, such as infinity."""
    if isinstance(schema, list):
        return [_finite(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _finite(item) for key, item in schema.items() if key != "default" or is_json(item)}


def is_class(hint: Any, base: type) -> bool:
    """Say whether an annotation is a class below ``base``."""
    return isinstance(hint, type) and not get_args(hint) and issubclass(hint, base)


def parts_of(hint: Any, seen: set[Any] | None = None) -> Iterator[type]:
    """Find the models and enumerations in an annotation, and in theirs."""
    seen = set() if seen is None else seen
    if is_class(hint, Enum):
        yield hint
    elif is_class(hint, pydantic.BaseModel):
        if hint not in seen:
            seen.add(hint)
            yield hint
            for field in hint.model_fields.values():
                yield from parts_of(field.annotation, seen)
    else:
        for part in get_args(hint):
            yield from parts_of(part, seen)


def is_open(hint: Any) -> bool:
    """Say whether an annotation lets anything in, somewhere, so that pydantic would not give it back."""
    return _mentions_any(hint) or any(
        _mentions_any(field.annotation) or model.model_config.get("extra") == "allow"
        for model in parts_of(hint)
        if issubclass(model, pydantic.BaseModel)
        for field in model.model_fields.values()
    )


def _mentions_any(hint: Any) -> bool:
    return hint is Any or hint is object or any(map(_mentions_any, get_args(hint)))


def place_schema(cls: Any) -> Any:
    """Tell pydantic how a field of ``File`` or ``Dir`` is checked and written."""

    def accept(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return cls.of_map(value)
        except TypeTransformerFailedError as error:
            raise ValueError(str(error)) from error

    return core_schema.no_info_plain_validator_function(
        accept, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.to_map())
    )
