"""pydantic models: MessagePack of their JSON form, with enumerations by name."""

import json
from collections.abc import Mapping
from enum import Enum
from inspect import signature
from typing import Any, get_args, get_origin

import pydantic
from pydantic_core import PydanticSerializationError, to_jsonable_python

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, CodecOf, misfit, name_of, namesakes
from flyte_jupyter.types.holding import NeedsStoreError
from flyte_jupyter.types.leaves import KEPT, plain_leaf
from flyte_jupyter.types.plain import ALL, SCALAR, Plain, PlainOf
from flyte_jupyter.types.pydantic_schemas import is_class, is_open, parts_of, schema_of
from flyte_jupyter.types.records import located
from flyte_jupyter.types.structures import MODEL, builder_of

_KEPT_AS_IS = SCALAR - {bytes}
_BY_NAME: dict[str, Any] = (
    {"by_name": True} if "by_name" in signature(pydantic.BaseModel.model_validate).parameters else {}
)


def build_model(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile a model."""
    return builder_of(MODEL)(python_type, codec_of)


def plain_model(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a model inside of a structure, or as a whole."""
    leaves = _Leaves(plain_of)
    ours = {
        name: plain_of(field.annotation)
        for name, field in python_type.model_fields.items()
        if is_open(field.annotation) and not issubclass(python_type, pydantic.RootModel)
    }
    known = frozenset(part for part in parts_of(python_type) if issubclass(part, pydantic.BaseModel))

    def dump(value: Any) -> Any:
        if type(value) is not python_type:
            value = _adapted(python_type, value)
        _refuse_strangers(vars(value), known, ours)
        extra = {name: plain_of(Any) for name in value.model_extra or ()}
        return _data(value, leaves) | _dumped(value, ours | extra) if ours or extra else _data(value, leaves)

    def load(data: Any) -> Any:
        if not ours and not isinstance(data, dict):
            return _validated(python_type, _restored(data, python_type, leaves))
        extra = {name: plain_of(Any) for name in _extra_names(python_type, data)}
        return _validated(
            python_type, _restored(data, python_type, leaves) | _loaded(python_type, data, ours | extra)
        )

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is python_type,
        kinds=frozenset({dict}) if not issubclass(python_type, pydantic.RootModel) else ALL,
        schema=schema_of(python_type),
    )


def _extra_names(cls: type[pydantic.BaseModel], data: dict[str, Any]) -> list[str]:
    if cls.model_config.get("extra") != "allow":
        return []
    return [name for name in data if name not in cls.model_fields]


def _dumped(value: Any, plains: Mapping[str, Plain]) -> dict[str, Any]:
    """Write the fields that may hold anything the way the engine does."""
    return {
        name: located(type(value), name, plain.dump)(getattr(value, name)) for name, plain in plains.items()
    }


def _loaded(cls: type, data: Any, plains: Mapping[str, Plain]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise misfit(cls, data)
    return {
        name: located(cls, name, plain.load)(data[name]) for name, plain in plains.items() if name in data
    }


def _refuse_strangers(value: Any, known: frozenset[type], ours: Mapping[str, Plain] | None = None) -> None:
    """Refuse an instance of a subclass inside of a model: pydantic would drop what it adds without a word."""
    if isinstance(value, dict):
        for name, item in value.items():
            if ours is None or name not in ours:
                _refuse_strangers(item, known)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _refuse_strangers(item, known)
    elif isinstance(value, pydantic.BaseModel):
        if type(value) not in known:
            names = ", ".join(sorted(map(name_of, known)))
            raise misfit(f"{names} itself (a subclass would lose what it adds)", value)
        _refuse_strangers(vars(value), known)


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
        return cls.model_validate(data, **_BY_NAME)
    except pydantic.ValidationError as first:
        try:
            return cls.model_validate_json(json.dumps(data), **_BY_NAME)
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
    if is_class(hint, Enum):
        known = isinstance(data, str) and data in hint.__members__
        return hint[data] if known else data
    if is_class(hint, pydantic.BaseModel) and isinstance(data, dict):
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
    enums = [part for part in args if is_class(part, Enum) or is_class(part, pydantic.BaseModel)]
    if isinstance(data, str | dict) and len(enums) == 1 and len(args) == 1:
        return _restored(data, enums[0], leaves)
    return (
        {key: _restored(item, Any, leaves) for key, item in data.items()} if isinstance(data, dict) else data
    )
