"""How the content of an object is looked at, taken along, and put back in place: by its type."""

import copyreg
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import re
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import BuiltinFunctionType, FunctionType
from typing import Any

from flyte_jupyter.tasks.slicing.values import OpaqueError, fingerprint

ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented)}
    | {dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone}
    | {decimal.Decimal, fractions.Fraction, uuid.UUID, re.Pattern}
    | {pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, pathlib.PureWindowsPath}
)
"""Types whose values never change and hold nothing that does."""

_EXACT = (str, bytes, int, bool)
"""Atoms that are the same where they are equal."""

_HEAP = 1 << 9  # the flag of classes that were made by a class statement
_WORD = 8


class Unrestorable(Exception):  # noqa: N818 - a reason, no error
    """The content cannot be put back in place; the message says of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of objects.

    Args:
        look: gives the content for a comparison; parts by reference, memory by its hash.
        take: gives the content as it is kept: parts in a new container, so that it is not the object itself.
        put: puts content that was taken into an object.
        parts: gives the parts in an order that depends on the content alone; None if they have none.
        fits: whether there is room for the later look's content in the object as the earlier look saw it.
    """

    look: Callable[[Any], Any]
    take: Callable[[Any], Any]
    put: Callable[[Any, Any], None]
    parts: Callable[[Any], Iterable[Any]] | None = None
    fits: Callable[[Any, Any], bool] = lambda _before, _now: True

    @staticmethod
    def same(before: Any, now: Any) -> bool:
        """Whether two looks saw the same: the very same parts, or equal atoms."""
        return _same(before, now)


def kind_of(value: Any) -> Kind:
    """Find the kind of an object."""
    cls = type(value)
    found = _BUILTIN.get(cls) or _of_library(value)
    if found is not None:
        return found
    if isinstance(value, enum.Enum):
        return FIXED
    return _OBJECT if is_python(cls) else _FOREIGN


def is_python(cls: type) -> bool:
    """Whether attributes and slots are all that objects of a class are made of."""
    extra = len(_slots(cls)) + bool(cls.__dictoffset__) + bool(cls.__weakrefoffset__)
    room = object.__basicsize__ + _WORD * extra
    return bool(cls.__flags__ & _HEAP) and cls.__basicsize__ <= room and not cls.__itemsize__


def _same(before: Any, now: Any) -> bool:
    if before is now:
        return True
    if type(before) is not type(now):
        return False
    if type(before) is tuple:
        return len(before) == len(now) and all(map(_same, before, now))
    if type(before) in _EXACT:
        return bool(before == now)
    return type(before) in ATOMS and repr(before) == repr(now)  # 1.5 and 1.50, 0.0 and -0.0 are equal


def _replace_list(value: Any, content: Any) -> None:
    value[:] = content


def _replace(value: Any, content: Any) -> None:
    value.clear()
    value.update(content)


def _replace_pairs(value: Any, content: Any) -> None:
    dict.clear(value)
    dict.update(value, content)


def _replace_ordered(value: Any, content: Any) -> None:
    OrderedDict.clear(value)
    OrderedDict.update(value, content)


def _replace_default(value: Any, content: Any) -> None:
    value.default_factory, pairs = content
    _replace_pairs(value, pairs)


def _replace_deque(value: Any, content: Any) -> None:
    value.clear()
    value.extend(content)


def _pairs(value: Any) -> tuple[Any, ...]:
    return tuple(value), tuple(value.values())


def _of_pairs(value: Any) -> Iterable[Any]:
    return (*value, *value.values())


def _set_look(value: Any) -> tuple[Any, ...]:
    return tuple(
        sorted((type(item).__name__, repr(item), id(item) * (type(item) not in ATOMS)) for item in value)
    )


def attributes(value: Any) -> dict[str, Any]:
    """Give all attributes of an object of a Python class, whatever it says for its pickle."""
    held = {name: getattr(value, name) for name in _slots(type(value)) if hasattr(value, name)}
    return {**held, **getattr(value, "__dict__", {})}


def _slots(cls: type) -> list[str]:
    names: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined] # noqa: SLF001 - pickle's own
    return names


def _put_attributes(value: Any, content: dict[str, Any]) -> None:
    slots = _slots(type(value))
    for name in slots:
        if name in content:
            object.__setattr__(value, name, content[name])
        elif hasattr(value, name):
            object.__delattr__(value, name)
    if hasattr(value, "__dict__"):
        value.__dict__.clear()
        value.__dict__.update({name: part for name, part in content.items() if name not in slots})


def _object_look(value: Any) -> tuple[Any, ...]:
    found = sorted(attributes(value).items())
    return tuple(name for name, _ in found), tuple(part for _, part in found)


def _object_parts(value: Any) -> Iterable[Any]:
    return [part for _, part in sorted(attributes(value).items())]


def _content(value: Any) -> str:
    """Hash the content; what has none counts as what it is."""
    try:
        return fingerprint(value, _code_name)
    except OpaqueError:
        return f"opaque {id(value)}"


def _code_name(value: object) -> str | None:
    """Name code, which a cell cannot change in place."""
    if not isinstance(value, type | FunctionType | BuiltinFunctionType):
        return None
    return f"{value.__module__}.{value.__qualname__}"


def _refuse(value: Any, _content: Any = None) -> Any:
    raise Unrestorable(f"a {type(value).__name__} cannot be changed back in place")


def _put_array(value: Any, content: Any) -> None:
    if value.shape != content.shape or value.dtype != content.dtype or not value.flags.writeable:
        raise Unrestorable("an array of another shape or type cannot be put in its place")
    value[...] = content


def _put_frame(value: Any, content: Any) -> None:
    value.__setstate__(content.__getstate__())


def _put_generator(value: Any, content: Any) -> None:
    value.bit_generator.state = content


def _library_kinds() -> dict[tuple[str, str], Kind]:
    array = Kind(
        look=lambda v: (_content(v), v.shape, v.dtype.str),
        take=lambda v: v.copy(order="K"),
        put=_put_array,
        fits=lambda before, now: bool(before[1:] == now[1:]),
    )
    frame = Kind(look=_content, take=lambda v: v.copy(deep=False), put=_put_frame)
    generator = Kind(look=_content, take=lambda v: v.bit_generator.state, put=_put_generator)
    state = Kind(look=_content, take=lambda v: v.get_state(), put=lambda v, c: v.set_state(c))
    python = Kind(look=lambda v: v.getstate(), take=lambda v: v.getstate(), put=lambda v, c: v.setstate(c))
    return {
        ("numpy", "ndarray"): array,
        ("pandas", "DataFrame"): frame,
        ("pandas", "Series"): frame,
        ("numpy.random", "Generator"): generator,
        ("numpy.random", "RandomState"): state,
        ("random", "Random"): python,
    }


_LIBRARY = _library_kinds()


def _of_library(value: Any) -> Kind | None:
    cls = type(value)
    for (module, name), kind in _LIBRARY.items():
        if name == cls.__name__ and cls is getattr(sys.modules.get(module), name, None):
            return kind
    top = cls.__module__.partition(".")[0]
    if top in {"pyarrow", "polars"} or any(base.__name__ == "Index" for base in cls.__mro__[:-1]):
        return FIXED
    if top not in {"pandas", "numpy"}:
        return None
    return _FOREIGN if hasattr(cls, "__setitem__") or hasattr(cls, "__dict__") else FIXED


FIXED = Kind(look=lambda _: None, take=_refuse, put=_refuse, parts=lambda _: ())
_FOREIGN = Kind(look=_content, take=_refuse, put=_refuse)
_OBJECT = Kind(look=_object_look, take=attributes, put=_put_attributes, parts=_object_parts)
_LIST = Kind(look=tuple, take=list, put=_replace_list, parts=list)
_DICT = Kind(look=_pairs, take=lambda v: list(v.items()), put=_replace_pairs, parts=_of_pairs)
_BUILTIN: dict[type, Kind] = {
    list: _LIST,
    dict: _DICT,
    OrderedDict: replace(_DICT, put=_replace_ordered),  # its order is no part of the dict in it
    defaultdict: Kind(
        look=lambda v: (*_pairs(v), v.default_factory),
        take=lambda v: (v.default_factory, list(v.items())),
        put=_replace_default,
        parts=_of_pairs,
    ),
    Counter: _DICT,
    deque: Kind(look=tuple, take=list, put=_replace_deque, parts=list),
    set: Kind(look=_set_look, take=list, put=_replace),
    bytearray: Kind(look=bytes, take=bytes, put=_replace_list, parts=lambda _: ()),
}
