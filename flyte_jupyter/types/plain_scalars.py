"""The plain forms of single values inside of structures."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, get_args
from uuid import UUID

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import misfit, name_of
from flyte_jupyter.types.enums import member_of
from flyte_jupyter.types.plain import NONE, SCALAR, Dialect, Plain, PlainBuilder, PlainOf, inline, texted
from flyte_jupyter.types.scalars import of_numpy, to_bool, to_date, to_float, to_str, to_timedelta

_PATHS = (PurePath, PurePosixPath, PureWindowsPath, Path, PosixPath, WindowsPath)


def _to_int(value: Any) -> int:
    value = of_numpy(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise misfit("int", value)
    return int(value)


def _to_none(value: Any) -> None:
    if value is not None:
        raise misfit("None", value)


def _to_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise misfit("bytes", value)
    return bytes(value)


_INLINE = {
    int: (_to_int, {"type": "integer"}),
    float: (to_float, {"type": "number"}),
    str: (to_str, {"type": "string"}),
    bool: (to_bool, {"type": "boolean"}),
    NONE: (_to_none, {"type": "null"}),
}


def _inline(python_type: Any, _plain_of: PlainOf) -> Plain:
    accept, schema = _INLINE[python_type]
    return inline(python_type, accept, dict(schema))


def _bytes(_python_type: Any, plain_of: PlainOf) -> Plain:
    if plain_of.dialect is Dialect.DATACLASS:
        return inline(bytes, _to_bytes, {"type": "string", "format": "base64"})

    # Models write bytes as text. What is no text stays bytes, where the protocol's own form would fail.
    def dump(value: Any) -> str | bytes:
        data = _to_bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data

    return Plain(
        dump=dump,
        load=lambda data: data.encode() if type(data) is str else _to_bytes(data),
        exact=lambda value: type(value) is bytes,
        kinds=frozenset({str, bytes}),
        schema={"type": "string", "format": "binary"},
    )


def _instant_text(value: datetime) -> str:
    if getattr(value, "nanosecond", 0):
        raise misfit("datetime of whole microseconds", value)
    return value.isoformat()


def _datetime(_python_type: Any, plain_of: PlainOf) -> Plain:
    schema = {"type": "string", "format": "date-time"}
    if plain_of.dialect is Dialect.DATACLASS:
        return texted(datetime, _instant_text, datetime.fromisoformat, schema)
    return texted(
        datetime, lambda v: re.sub(r"\+00:00$", "Z", _instant_text(v)), datetime.fromisoformat, schema
    )


def _date(_python_type: Any, _plain_of: PlainOf) -> Plain:
    return texted(
        date,
        lambda value: to_date(value).isoformat(),
        date.fromisoformat,
        {"type": "string", "format": "date"},
    )


def _time(_python_type: Any, _plain_of: PlainOf) -> Plain:
    return texted(time, time.isoformat, time.fromisoformat, {"type": "string", "format": "time"})


def _timedelta(_python_type: Any, plain_of: PlainOf) -> Plain:
    if plain_of.dialect is Dialect.MODEL:
        return texted(timedelta, _duration_text, _duration, {"type": "string", "format": "duration"})
    return Plain(
        dump=_seconds,
        load=_of_seconds,
        exact=lambda value: type(value) is timedelta,
        kinds=frozenset({float}),
        schema={"type": "number", "format": "time-delta"},
    )


def _seconds(value: Any) -> float:
    seconds = to_timedelta(value).total_seconds()
    if timedelta(seconds=seconds) != value:
        raise misfit("timedelta that a double of seconds can hold", value)
    return seconds


def _of_seconds(data: Any) -> timedelta:
    try:
        return timedelta(seconds=to_float(data))
    except (OverflowError, ValueError) as error:
        raise misfit("timedelta in seconds", data) from error


def _duration_text(value: timedelta) -> str:
    """Write an ISO 8601 duration."""
    value = to_timedelta(value)
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    days = f"{value.days}D" if value.days else ""
    micros = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    clock = f"T{value.seconds}{micros}S" if value.seconds or micros or not days else ""
    return f"{sign}P{days}{clock}"


_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6})\d*)?S)?)?"
)


def _duration(text: str) -> timedelta:
    if not (match := _DURATION.fullmatch(text)):
        raise ValueError(text)
    sign, days, hours, minutes, seconds, micros = match.groups()
    value = timedelta(
        days=int(days or 0),
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((micros or "").ljust(6, "0")),
    )
    return -value if sign == "-" else value


def _decimal(_python_type: Any, _plain_of: PlainOf) -> Plain:
    return texted(Decimal, str, Decimal, {"type": "string", "format": "decimal"})


def _uuid(_python_type: Any, _plain_of: PlainOf) -> Plain:
    return texted(UUID, str, UUID, {"type": "string", "format": "uuid"})


def _path(python_type: Any, _plain_of: PlainOf) -> Plain:
    plain = texted(python_type, str, python_type, {"type": "string", "format": "path"})
    plain.exact = lambda value: isinstance(value, python_type)
    return plain


PLAIN_SCALARS: Mapping[Any, PlainBuilder] = {
    **dict.fromkeys(_INLINE, _inline),
    bytes: _bytes,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    Decimal: _decimal,
    UUID: _uuid,
    **dict.fromkeys(_PATHS, _path),
}
"""The builders of single values' plain forms."""


def plain_enum(python_type: type[Enum], plain_of: PlainOf) -> Plain:
    """Compile an enumeration: dataclasses write a member's value, models its name."""
    by_name = plain_of.dialect is Dialect.MODEL or not _values_are_plain(python_type)
    listed = [member.name if by_name else member.value for member in python_type]

    def dump(value: Any) -> Any:
        member = member_of(python_type, value)
        return member.name if by_name else member.value

    return Plain(
        dump=dump,
        load=lambda data: member_of(python_type, data) if by_name else _by_value_first(python_type, data),
        exact=lambda value: type(value) is python_type,
        kinds=frozenset(map(type, listed)),
        schema={"title": name_of(python_type), "enum": listed} if by_name else {"enum": listed},
    )


def _values_are_plain(python_type: type[Enum]) -> bool:
    kinds = {type(member.value) for member in python_type}
    return SCALAR.issuperset(kinds) and all(member.name is not None for member in python_type)


def _by_value_first(python_type: type[Enum], data: Any) -> Enum:
    try:
        return python_type(data)
    except (ValueError, TypeError):
        return member_of(python_type, data)


def plain_choice(python_type: Any, plain_of: PlainOf) -> Plain:
    """Compile ``typing.Literal[...]`` of texts, numbers, truth values, bytes, None or members."""
    choices = get_args(python_type)
    parts = [(choice, plain_of(type(choice))) for choice in choices]

    def dump(value: Any) -> Any:
        for choice, part in parts:
            if type(choice) is type(value) and choice == value:
                return part.dump(value)
        raise misfit(f"one of {', '.join(map(repr, choices))}", value)

    def load(data: Any) -> Any:
        for choice, part in parts:
            if _is(part, data, choice):
                return choice
        raise misfit(f"one of {', '.join(map(repr, choices))}", data)

    return Plain(
        dump=dump,
        load=load,
        exact=lambda value: any(type(choice) is type(value) and choice == value for choice in choices),
        kinds=frozenset[type]().union(*(part.kinds for _, part in parts)),
        schema={"enum": [part.dump(choice) for choice, part in parts]},
    )


def _is(part: Plain, data: Any, choice: Any) -> bool:
    try:
        value = part.load(data)
    except TypeTransformerFailedError:
        return False
    return type(value) is type(choice) and bool(value == choice)
