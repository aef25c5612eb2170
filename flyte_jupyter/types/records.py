"""Dataclasses: compiled to code that writes and checks each field in place."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Schema, misfit, name_of, namesakes, within
from flyte_jupyter.types.holding import NeedsStoreError
from flyte_jupyter.types.plain import Plain, PlainOf

NO_DEFAULT = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One field of a structure, compiled."""

    name: str
    plain: Plain
    required: bool = True
    default: Any = NO_DEFAULT


def plain_dataclass(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile a dataclass, or a generic one with its arguments."""
    cls = get_origin(python_type) or python_type
    parts = tuple(_parts(python_type, cls, plain_of))
    dump_same, load_same = _compiled(cls, parts)
    names = frozenset(part.name for part in parts)
    load_other = _loader(cls, parts)

    def dump(value: Any) -> Any:
        if type(value) is not cls:
            value = _adapted(cls, names, value, load_other)
        return dump_same(value)

    def load(data: Any) -> Any:
        if type(data) is dict and data.keys() == names and load_same is not None:
            return load_same(data)
        return load_other(data)

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: type(value) is cls,
        kinds=frozenset({dict}),
        schema=_schema(cls, parts),
        heavy=any(part.plain.heavy for part in parts),
    )


def hints(python_type: Any) -> dict[str, Any]:
    """Resolve a class's annotations; type variables become the arguments of a generic alias.

    Raises:
        TypeTransformerFailedError: a name in an annotation cannot be found.
    """
    cls = get_origin(python_type) or python_type
    try:
        found = get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise TypeTransformerFailedError(
            f"{name_of(cls)}: {error}; define it at the top level, before {name_of(cls)}"
        ) from error
    given = dict(zip(getattr(cls, "__parameters__", ()), get_args(python_type), strict=False))
    return {name: substituted(hint, given) for name, hint in found.items()}


def substituted(hint: Any, given: dict[Any, Any]) -> Any:
    """Put arguments in the place of type variables."""
    if isinstance(hint, TypeVar):
        return given.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(parameter, Any) for parameter in parameters)] if parameters else hint


def _parts(python_type: Any, cls: type, plain_of: PlainOf) -> Any:
    found = hints(python_type)
    for field in dataclasses.fields(cls):
        try:
            plain = plain_of(found[field.name])
        except TypeTransformerFailedError as error:
            raise within(f"{name_of(cls)}.{field.name}", error) from error
        free = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        yield Part(
            field.name,
            plain,
            required=free and field.init,
            default=NO_DEFAULT if field.default is dataclasses.MISSING else field.default,
        )


def located(cls: type, name: str, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Name the field in the errors of its conversion."""
    place = f"{name_of(cls)}.{name}"

    def converted(value: Any) -> Any:
        try:
            return convert(value)
        except NeedsStoreError:
            raise
        except TypeTransformerFailedError as error:
            raise within(place, error) from error

    return converted


def _compiled(
    cls: type, parts: tuple[Part, ...]
) -> tuple[Callable[[Any], Any], Callable[[dict[str, Any]], Any] | None]:
    """Generate the two functions; an exact builtin is checked in place, all else by a call."""
    scope: dict[str, Any] = {"cls": cls}
    dumped, loaded = [], []
    for number, part in enumerate(parts):
        scope |= {
            f"dump{number}": located(cls, part.name, part.plain.dump),
            f"load{number}": located(cls, part.name, part.plain.load),
            f"kind{number}": part.plain.inline,
        }
        dumped.append(f"{part.name!r}: {_checked('dump', number, f'value.{part.name}', part.plain.inline)}")
        loaded.append(f"{part.name}={_checked('load', number, f'data[{part.name!r}]', part.plain.inline)}")
    code = f"def dump(value):\n return {{{', '.join(dumped)}}}\n"
    simple = _simply_made(cls)
    if simple:
        code += f"def load(data):\n return cls({', '.join(loaded)})\n"
    exec(compile(code, f"<{name_of(cls)}>", "exec"), scope)  # noqa: S102 - only checked identifiers go in
    return scope["dump"], scope.get("load")


def _checked(verb: str, number: int, source: str, inline: type | None) -> str:
    if inline is None:
        return f"{verb}{number}({source})"
    return f"x if type(x := {source}) is kind{number} else {verb}{number}(x)"


def _simply_made(cls: type) -> bool:
    """Whether the constructor is the generated one and does nothing but set the fields."""
    code = getattr(vars(cls).get("__init__"), "__code__", None)
    if code is None or code.co_filename != "<string>" or hasattr(cls, "__post_init__"):
        return False
    arguments = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    own = "__dataclass_fields__" in cls.__dict__
    return own and sorted(arguments) == sorted(field.name for field in dataclasses.fields(cls))


def _loader(cls: type, parts: tuple[Part, ...]) -> Callable[[Any], Any]:
    """Make the general reader: fills defaults, names what is missing or unknown, keeps derived fields."""
    loads = {part.name: located(cls, part.name, part.plain.load) for part in parts}
    required = frozenset(part.name for part in parts if part.required)

    def load(data: Any) -> Any:
        check_names(cls, data, required, loads.keys())
        return made(cls, {name: loads[name](value) for name, value in data.items()})

    return load


def check_names(cls: type, data: Any, required: Any, known: Any) -> None:
    """Refuse a map that lacks a field or has one too many."""
    if type(data) is not dict:
        raise misfit(cls, data)
    if unknown := [name for name in data if name not in known]:
        raise TypeTransformerFailedError(
            f"{name_of(cls)} has no field {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    if missing := [name for name in known if name in required and name not in data]:
        raise TypeTransformerFailedError(f"{name_of(cls)} needs a value for {missing[0]!r}")


def made(cls: type, values: dict[str, Any]) -> Any:
    """Construct an instance with exactly these fields, whatever its constructor derives."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    try:
        instance = cls(**{name: value for name, value in values.items() if fields[name].init})
    except Exception:  # noqa: BLE001 - the class's own code; its instance was valid when it was written
        instance = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    return instance


def _adapted(cls: type, names: frozenset[str], value: Any, load: Callable[[Any], Any]) -> Any:
    """Accept an instance of an older definition of the class with the same fields, or a map."""
    if isinstance(value, dict):
        return load(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise misfit(cls, value)
    if not namesakes(type(value), cls):
        raise misfit(f"{name_of(cls)} itself (a subclass would lose what it adds)", value)
    given = {field.name for field in dataclasses.fields(value)}
    if given != names:
        raise TypeTransformerFailedError(
            f"{name_of(cls)} was defined again with other fields ({_differing(given, names)}); "
            "run the cell that makes the value again"
        )
    return value


def _differing(given: set[str], names: frozenset[str]) -> str:
    return ", ".join(sorted([f"-{name}" for name in given - names] + [f"+{name}" for name in names - given]))


def _schema(cls: type, parts: tuple[Part, ...]) -> Schema:
    properties = {part.name: _with_default(part) for part in parts}
    schema: Schema = {"type": "object", "title": cls.__name__, "properties": properties}
    if required := [part.name for part in parts if part.required]:
        schema["required"] = required
    return schema | {"additionalProperties": False}


def _with_default(part: Part) -> Schema:
    if part.default is NO_DEFAULT:
        return part.plain.schema
    try:
        default = part.plain.dump(part.default)
    except TypeTransformerFailedError:
        return part.plain.schema
    return part.plain.schema | {"default": default} if is_json(default) else part.plain.schema


def is_json(value: Any) -> bool:
    """Say whether JSON gives a value back as it is."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
