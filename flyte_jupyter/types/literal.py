"""Values and their types as plain, frozen data: what travels, is keyed and is stored.

The names and meanings are the Flyte 2 protocol's; ``types/flyte_idl.py`` converts to and from its
messages. The form is ours: a primitive is the Python value itself, a collection is a tuple, and only
what needs a name has a class. So ten thousand integers are one tuple.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, TypeAlias

from flyte_jupyter.drafts import drafted

Primitive: TypeAlias = bool | int | float | str | datetime | timedelta | None
"""None, a boolean, a 64-bit integer, a double, text, an instant in UTC, or a duration."""


class SimpleType(IntEnum):
    """The protocol's simple types, with its numbers."""

    NONE = 0
    INTEGER = 1
    FLOAT = 2
    STRING = 3
    BOOLEAN = 4
    DATETIME = 5
    DURATION = 6
    BINARY = 7
    ERROR = 8
    STRUCT = 9


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes with a tag that says how to read them (``"msgpack"``, or empty for a pickle)."""

    value: bytes
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file (single) or a folder (multipart) by its address."""

    uri: str
    format: str = ""
    multipart: bool = False


@dataclass(frozen=True, slots=True)
class StructuredDataset:
    """A table by its address; ``columns`` are (name, type) pairs where they are declared."""

    uri: str
    format: str = ""
    columns: tuple[tuple[str, "LiteralType"], ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """The value of a union with the type of the variant that it is."""

    value: "Value"
    type: "LiteralType"


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """A Python object that this process holds and that is not written anywhere yet.

    It lets a large value go to the next task in the same process by reference. Whatever leaves the
    process or is kept (a worker, the cache, a record) settles it first: ``TypeEngine.settle``.

    Args:
        value: the user's object itself, never a copy.
        type: its declared Python type.
    """

    value: Any
    type: Any


class Map(dict[str, "Value"]):
    """A map literal. Treat as frozen; it is a dict for speed."""

    __slots__ = ()


Value: TypeAlias = (
    "Primitive | Binary | Blob | StructuredDataset | Variant | Live | Map | tuple[Value, ...] | Literal"
)
"""What a literal holds: a primitive, a tuple for a collection, a ``Map``, or one of the classes above.

Inside of a collection or a map an element stands for itself; it is wrapped in a ``Literal`` only where it
carries a hash of its own.
"""


@drafted
@dataclass(frozen=True, slots=True)
class Literal:
    """A value in transport form.

    Args:
        value: what it holds, see ``Value``.
        hash: a content hash that stands for the value in cache keys (a File's, a frame's).
        metadata: free text pairs that travel along.
    """

    value: Value
    hash: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __await__(self) -> Any:
        """Let ``await TypeEngine.to_literal(...)`` work as well as the plain call."""
        yield from ()
        return self


@dataclass(frozen=True, slots=True)
class LiteralType:
    """The type of a literal; exactly one of the kinds is set.

    Args:
        simple: a simple type.
        collection: the type of a list's elements.
        map_value: the type of a text-keyed map's values.
        blob: (format, multipart) of a file or folder.
        enum: the names of an enumeration's members.
        dataset: (format, columns) of a table.
        union: the variants' types, in declared order.
        metadata: for structures, the JSON schema; for pickles, the class's name.
        annotation: the protocol's annotations, JSON data.
        tag: the name of the transformer that writes and reads it.
    """

    simple: SimpleType | None = None
    collection: "LiteralType | None" = None
    map_value: "LiteralType | None" = None
    blob: tuple[str, bool] | None = None
    enum: tuple[str, ...] | None = None
    dataset: tuple[str, tuple[tuple[str, "LiteralType"], ...]] | None = None
    union: "tuple[LiteralType, ...] | None" = None
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    annotation: Mapping[str, Any] | None = field(default=None, hash=False)
    tag: str = ""


Literals: TypeAlias = Mapping[str, Literal]
"""Literals by name, in declared order: the inputs or the outputs of one action."""
