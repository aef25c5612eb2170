"""Numbers, text, truth, times and bytes as primitives."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flyte_jupyter.types.codec import Builder, Codec, CodecOf, bare, misfit
from flyte_jupyter.types.literal import LiteralType, SimpleType, Value

_LOW, _HIGH = -(1 << 63), 1 << 63

_SIMPLE = {
    int: SimpleType.INTEGER,
    float: SimpleType.FLOAT,
    str: SimpleType.STRING,
    bool: SimpleType.BOOLEAN,
    datetime: SimpleType.DATETIME,
    date: SimpleType.DATETIME,
    timedelta: SimpleType.DURATION,
}


def of_numpy(value: Any) -> Any:
    """Turn a NumPy scalar into the Python value that it stands for; anything else stays what it is."""
    kind = type(value)
    if kind.__module__ == "numpy" and hasattr(value, "dtype") and getattr(value, "shape", None) == ():
        return value.item()
    return value


def to_int(value: Any) -> int:
    """Accept an integer of 64 bits."""
    value = of_numpy(value)
    if not isinstance(value, int):
        raise misfit("int", value)
    if isinstance(value, bool):
        raise misfit("int (a bool is none; annotate bool, or pass int(value))", value)
    if not _LOW <= value < _HIGH:
        raise misfit("int of at most 64 bits", value)
    return int(value)


def to_float(value: Any) -> float:
    """Accept a double, or an integer that becomes one."""
    value = of_numpy(value)
    if not isinstance(value, int | float):
        raise misfit("float", value)
    if isinstance(value, bool):
        raise misfit("float (a bool is none; annotate bool, or pass float(value))", value)
    try:
        return float(value)
    except OverflowError as error:
        raise misfit("float", value) from error


def to_str(value: Any) -> str:
    """Accept text; a subclass of ``str`` becomes plain text."""
    if not isinstance(value, str):
        raise misfit("str", value)
    return str.__str__(value)


def to_bool(value: Any) -> bool:
    """Accept True or False."""
    value = of_numpy(value)
    if not isinstance(value, bool):
        raise misfit("bool", value)
    return value


def to_datetime(value: Any) -> datetime:
    """Accept an instant; one without a time zone is taken as UTC."""
    if not isinstance(value, datetime):
        raise misfit("datetime", value)
    if type(value) is not datetime:
        value = _plain_datetime(value)
    instant: datetime = value
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def to_date(value: Any) -> date:
    """Accept a day; an instant is none, because its time would be lost."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise misfit("date (pass value.date() for the day of an instant)", value)
    return date(value.year, value.month, value.day)


def to_timedelta(value: Any) -> timedelta:
    """Accept a duration."""
    if not isinstance(value, timedelta):
        raise misfit("timedelta", value)
    if type(value) is not timedelta and getattr(value, "nanoseconds", None):
        raise misfit("timedelta of whole microseconds", value)
    return timedelta(value.days, value.seconds, value.microseconds)


def _plain_datetime(value: datetime) -> datetime:
    if getattr(value, "nanosecond", 0):
        raise misfit("datetime of whole microseconds", value)
    return datetime.combine(value.date(), value.timetz())


def _write_int(value: Any) -> Value:
    return value if type(value) is int and _LOW <= value < _HIGH else to_int(value)


def _write_float(value: Any) -> Value:
    return value if type(value) is float else to_float(value)


def _write_str(value: Any) -> Value:
    return value if type(value) is str else to_str(value)


def _write_bool(value: Any) -> Value:
    return value if value is True or value is False else to_bool(value)


def _write_date(value: Any) -> Value:
    day = to_date(value)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _read_date(value: Value) -> date:
    if not isinstance(value := bare(value), datetime):
        raise misfit("date", value)
    return value.date()


def _write_none(value: Any) -> Value:
    if value is not None:
        raise misfit("None", value)
    return None


def _read_none(value: Value) -> None:
    _write_none(bare(value))


def _reader(kind: type, accept: Callable[[Any], Any]) -> Callable[[Value], Any]:
    def read(value: Value) -> Any:
        return value if type(value) is kind else accept(bare(value))

    return read


_WRITE: Mapping[type, Callable[[Any], Value]] = {
    int: _write_int,
    float: _write_float,
    str: _write_str,
    bool: _write_bool,
    datetime: to_datetime,
    date: _write_date,
    timedelta: to_timedelta,
}

_READ: Mapping[type, Callable[[Value], Any]] = {
    int: _reader(int, to_int),
    float: _reader(float, to_float),
    str: _reader(str, to_str),
    bool: _reader(bool, to_bool),
    datetime: lambda value: to_datetime(bare(value)),
    date: _read_date,
    timedelta: _reader(timedelta, to_timedelta),
}


def build_scalar(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile one of the simple types."""
    return Codec(
        name=python_type.__name__,
        python_type=python_type,
        type=LiteralType(simple=_SIMPLE[python_type]),
        write=_WRITE[python_type],
        read=_READ[python_type],
        exact=lambda value: type(value) is python_type,
    )


def build_none(python_type: Any, _codec_of: CodecOf) -> Codec:
    """Compile the type of None."""
    return Codec(
        name="none",
        python_type=python_type,
        type=LiteralType(simple=SimpleType.NONE),
        write=_write_none,
        read=_read_none,
        exact=lambda value: value is None,
    )


SCALARS: Mapping[Any, Builder] = {**dict.fromkeys(_SIMPLE, build_scalar), type(None): build_none}
"""The builders of the simple types."""
