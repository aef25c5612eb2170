"""Enumerations, which travel by the names of their members, and ``typing.Literal`` of texts."""

from enum import Enum, Flag
from typing import Any, get_args

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit, name_of, namesakes
from flyte_jupyter.types.literal import LiteralType, SimpleType, Value

NAME = "DefaultEnumTransformer"


def build_enum(python_type: type[Enum], _codec_of: CodecOf) -> Codec:
    """Compile an enumeration; its members' values may be anything."""

    def write(value: Any) -> Value:
        member = value if type(value) is python_type else member_of(python_type, value)
        return member.name or ""

    def read(value: Any) -> Any:
        try:
            return python_type[value]
        except (KeyError, TypeError):
            return _by_name(python_type, bare(value))

    return Codec(
        name=NAME,
        python_type=python_type,
        type=_type(python_type),
        write=write,
        read=read,
        exact=lambda value: type(value) is python_type,
    )


def _type(python_type: type[Enum]) -> LiteralType:
    """Flags combine, so their names are not the only texts."""
    if issubclass(python_type, Flag):
        return LiteralType(simple=SimpleType.STRING)
    return LiteralType(enum=tuple(member.name for member in python_type))


def member_of(python_type: type[Enum], value: Any) -> Enum:
    """Find the member that is meant: a member, one of an older definition, a name, or else a value."""
    if isinstance(value, python_type):
        return value
    if isinstance(value, Enum):
        return _of_older(python_type, value)
    if isinstance(value, str) and value in python_type.__members__:
        return python_type[value]
    return _by_value(python_type, value)


def _of_older(python_type: type[Enum], value: Enum) -> Enum:
    """Accept a member of an earlier definition by its name."""
    if not namesakes(type(value), python_type):
        raise _misfit(python_type, value)
    return _by_name(python_type, value.name or "")


def _by_value(python_type: type[Enum], value: Any) -> Enum:
    found = [member for member in python_type if type(member.value) is type(value) and member.value == value]
    if len(found) != 1:
        raise _misfit(python_type, value)
    return found[0]


def _by_name(python_type: type[Enum], name: Any) -> Enum:
    if isinstance(name, str) and name in python_type.__members__:
        return python_type[name]
    if issubclass(python_type, Flag) and isinstance(name, str):
        return _flags(python_type, name)
    raise _misfit(python_type, name)


def _flags(python_type: type[Flag], names: str) -> Flag:
    total = python_type(0)
    for name in filter(None, names.split("|")):
        if name not in python_type.__members__:
            raise _misfit(python_type, names)
        total |= python_type[name]
    return total


def _misfit(python_type: type[Enum], value: Any) -> TypeTransformerFailedError:
    accepted = ", ".join(python_type.__members__)
    return misfit(f"{name_of(python_type)} (one of {accepted})", value)


def build_choice(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile ``typing.Literal["a", "b"]``: one of some texts."""
    choices = get_args(python_type)
    accepted = frozenset(choices)

    def choose(value: Any) -> Any:
        if type(value) is not str or value not in accepted:
            raise misfit(f"one of {', '.join(map(repr, choices))}", value)
        return value

    return Codec(
        name=NAME,
        python_type=python_type,
        type=LiteralType(enum=choices),
        write=choose,
        read=lambda value: choose(bare(value)),
        exact=lambda value: type(value) is str and value in accepted,
    )
