"""Objects of no type of their own between processes: pickles in which the notebook's classes go by name."""

import io
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from flyte_jupyter.backends.pickling import NamesUnpickler, home_id
from flyte_jupyter.loading import load
from flyte_jupyter.types.literal import Binary, Literal, Live, Map, Value, Variant
from flyte_jupyter.types.packed import unpack
from flyte_jupyter.types.pickles import Snapshot

HOME = "home"
"""The tag of such a pickle."""

_MARK = HOME.encode() + b"\0"


def homed(value: Any, home: str, names: Mapping[str, Any]) -> Binary | None:
    """Pickle an object for a process whose module ``home`` has the same names.

    Gives None for what ordinary pickling gives back as well: no class of the module is in it.
    """
    if isinstance(value, Snapshot):
        return None
    file = io.BytesIO()
    met: list[object] = []

    class Pickler(load("cloudpickle:Pickler")):  # type: ignore[misc] # loaded late
        def persistent_id(self, obj: Any) -> Any:
            found = home_id(obj, home, names)
            if found is not None:
                met.append(found)
            return found

    try:
        Pickler(file, protocol=5).dump(value)
    except Exception:  # noqa: BLE001 - ordinary pickling meets it again and says what it is
        return None
    return Binary(file.getvalue(), HOME) if met else None


Sent: TypeAlias = bytes | dict[str, Any]
"""Literals as they go over the wire: packed; or as they are where a frame can hold them all."""


def unpack_homed(packed: Sent, names: Mapping[str, Any]) -> dict[str, Literal]:
    """Unpack literals; such pickles in them are read with the classes of this process."""
    if isinstance(packed, dict):
        return {name: Literal(value) for name, value in packed.items()}
    literals = unpack(packed)
    if _MARK not in packed:
        return literals
    return {name: _changed(literal, lambda data: _live(data, names)) for name, literal in literals.items()}


def _live(data: bytes, names: Mapping[str, Any]) -> Live:
    value = NamesUnpickler(data, names).load()
    return Live(value, type(value))


def _changed(value: Any, change: Callable[[bytes], Value]) -> Any:
    kind = type(value)
    if kind is Binary and value.tag == HOME:
        return change(value.value)
    if kind is tuple:
        return tuple(_changed(item, change) for item in value)
    if kind is Map:
        return Map({key: _changed(item, change) for key, item in value.items()})
    if kind is Literal:
        return Literal(_changed(value.value, change), value.hash, value.metadata)
    return Variant(_changed(value.value, change), value.type) if kind is Variant else value
