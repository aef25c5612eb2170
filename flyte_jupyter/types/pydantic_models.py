"""pydantic models: MessagePack of their JSON form, with enumerations by name."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_origin

import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, core_schema, to_jsonable_python

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, CodecOf, Schema, misfit, name_of, namesakes
from flyte_jupyter.types.holding import NeedsStoreError
from flyte_jupyter.types.leaves import KEPT, plain_leaf
from flyte_jupyter.types.plain import SCALAR, Plain, PlainOf
from flyte_jupyter.types.records import is_json
from flyte_jupyter.types.structures import MODEL, builder_of

_KEPT_AS_IS = SCALAR - {bytes}


def build_model(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile a model."""
    return builder_of(MODEL)(python_type, codec_of)


def plain_model(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a model inside of a structure, or as a whole."""
    leaves = _Leaves(plain_of)

    def dump(value: Any) -> Any:
        if type(value) is not python_type:
            value = _adapted(python_type, value)
        return _data(value, leaves)

    def load(data: Any) -> Any:
        return _validated(python_type, _restored(data, python_type, leaves))

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is python_type,
        kinds=frozenset({dict}),
        schema=_schema(python_type),
    )


class _Leaves:
    """Writes and reads the fields that pydantic has no JSON form for."""

    def __init__(self, plain_of: PlainOf) -> None:
        self._plain_of = plain_of
        self._any = plain_leaf(Any, plain_of)

    def dump(self, value: Any) -> Any:
        return self._of(type(value)).dump(value)

    def load(self, data: Any) -> Any:
        return self._any.load(data)

    def _of(self, kind: type) -> Plain:
        return plain_leaf(kind, self._plain_of)


def _adapted(cls: type[pydantic.BaseModel], value: Any) -> pydantic.BaseModel:
    """Accept a map, or an instance of an older definition of the model with the same fields."""
    if isinstance(value, dict):
        return _validated(cls, value)
    if not isinstance(value, pydantic.BaseModel):
        raise misfit(cls, value)
    if not namesakes(type(value), cls):
        raise misfit(f"{name_of(cls)} itself (a subclass would lose what it adds)", value)
    if type(value).model_fields.keys() != cls.model_fields.keys():
        raise TypeTransformerFailedError(
            f"{name_of(cls)} was defined again with other fields; run the cell that makes the value again"
        )
    return _validated(cls, {name: _unclassed(getattr(value, name)) for name in cls.model_fields})


def _unclassed(value: Any) -> Any:
    """Turn models and members of older classes into what every definition accepts."""
    if isinstance(value, pydantic.BaseModel):
        return {name: _unclassed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_unclassed(item) for item in value]
    return {key: _unclassed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _validated(cls: type[pydantic.BaseModel], data: Any) -> pydantic.BaseModel:
    try:
        return cls.model_validate(data, by_name=True)
    except pydantic.ValidationError as first:
        try:
            return cls.model_validate_json(json.dumps(data), by_name=True)
        except (pydantic.ValidationError, TypeError, ValueError):
            raise TypeTransformerFailedError(_told(cls, first)) from first
    except Exception as error:
        raise TypeTransformerFailedError(f"{name_of(cls)}: {type(error).__name__}: {error}") from error


def _told(cls: type, error: pydantic.ValidationError) -> str:
    """Say in one line what does not fit where."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in (name_of(cls), *problem["loc"]))
    return f"{place}: {problem['msg']}, got {problem['input']!r:.60}"


def _data(value: Any, leaves: _Leaves) -> Any:
    """Write a model as data; what pydantic cannot write as JSON is written by the engine."""
    try:
        python = value.model_dump(mode="python", warnings=False)
        return _merged(python, _json(value), leaves)
    except (NeedsStoreError, TypeTransformerFailedError):
        raise
    except Exception as error:
        raise TypeTransformerFailedError(
            f"{name_of(type(value))}: {type(error).__name__}: {error}"
        ) from error


def _json(value: pydantic.BaseModel) -> Any:
    try:
        return value.model_dump(mode="json", warnings=False)
    except (PydanticSerializationError, UnicodeDecodeError):
        return _NOTHING


_NOTHING = object()


def _merged(python: Any, data: Any, leaves: _Leaves) -> Any:
    """Walk the Python form and the JSON form together: names for members, JSON for all that it can hold."""
    if isinstance(python, Enum):
        return python.name
    if isinstance(python, dict):
        return _merged_dict(python, data, leaves)
    if isinstance(python, list | tuple | set | frozenset):
        items = data if isinstance(data, list) and len(data) == len(python) else [_NOTHING] * len(python)
        return [_merged(item, other, leaves) for item, other in zip(python, items, strict=True)]
    if data is not _NOTHING:
        return data
    if type(python) in _KEPT_AS_IS:
        return python
    return _leaf(python, leaves)


def _merged_dict(python: dict[Any, Any], data: Any, leaves: _Leaves) -> dict[Any, Any]:
    keys = (
        list(data) if isinstance(data, dict) and len(data) == len(python) else [_key(key) for key in python]
    )
    values = (
        data.values() if isinstance(data, dict) and len(data) == len(python) else [_NOTHING] * len(python)
    )
    merged = (_merged(item, other, leaves) for item, other in zip(python.values(), values, strict=True))
    return dict(zip(keys, merged, strict=True))


def _key(key: Any) -> Any:
    return key if isinstance(key, str) else str(to_jsonable_python(key))


def _leaf(value: Any, leaves: _Leaves) -> Any:
    """Write one value that JSON has no form for."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError):
        return leaves.dump(value)


def _restored(data: Any, hint: Any, leaves: _Leaves) -> Any:
    """Turn names back into members' values where the annotation asks for members, and read kept parts."""
    if isinstance(data, dict) and KEPT in data:
        return leaves.load(data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = isinstance(data, str) and data in hint.__members__
        return hint[data] if known else data
    if isinstance(hint, type) and issubclass(hint, pydantic.BaseModel) and isinstance(data, dict):
        return {name: _restored(item, _field(hint, name), leaves) for name, item in data.items()}
    return _restored_parts(data, hint, leaves)


def _field(model: type[pydantic.BaseModel], name: str) -> Any:
    field = model.model_fields.get(name)
    return Any if field is None else field.annotation


def _restored_parts(data: Any, hint: Any, leaves: _Leaves) -> Any:
    args = [part for part in get_args(hint) if part is not type(None)]
    if isinstance(data, list):
        hints = args if get_origin(hint) is tuple and args[-1:] != [...] else args[:1] * len(data)
        hints = hints if len(hints) == len(data) else [Any] * len(data)
        return [_restored(item, part, leaves) for item, part in zip(data, hints, strict=True)]
    if isinstance(data, dict) and get_origin(hint) in {dict, Mapping}:
        return {key: _restored(item, args[-1], leaves) for key, item in data.items()}
    enums = [part for part in args if isinstance(part, type) and issubclass(part, Enum | pydantic.BaseModel)]
    if isinstance(data, str | dict) and len(enums) == 1 and len(args) == 1:
        return _restored(data, enums[0], leaves)
    return (
        {key: _restored(item, Any, leaves) for key, item in data.items()} if isinstance(data, dict) else data
    )


def _schema(cls: type[pydantic.BaseModel]) -> Schema:
    try:
        schema: Schema = _finite(cls.model_json_schema(schema_generator=_Quiet))
    except pydantic.errors.PydanticInvalidForJsonSchema:
        return {"type": "object", "title": cls.__name__}
    names = {enum.__name__: list(enum.__members__) for enum in _enums(cls, set())}
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


def _enums(hint: Any, seen: set[Any]) -> Any:
    """Find the enumerations in a model's fields."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield hint
    elif isinstance(hint, type) and issubclass(hint, pydantic.BaseModel):
        if hint not in seen:
            seen.add(hint)
            for field in hint.model_fields.values():
                yield from _enums(field.annotation, seen)
    else:
        for part in get_args(hint):
            yield from _enums(part, seen)


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
