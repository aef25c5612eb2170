"""The identity of a literal's content: what cache keys and action names are made of."""

from hashlib import blake2b
from typing import Any

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.engine import codec
from flyte_jupyter.types.literal import Literal, Live, Map, Value, Variant
from flyte_jupyter.types.packed import pack_value


def identity(literal: Literal) -> str:
    """Hash a literal's content to 32 hex digits.

    Equal content has equal identity in every process; different content has different identity. A literal's
    own hash stands for its value; a live value is hashed now, so a change in place is seen.

    Raises:
        TypeTransformerFailedError: a live value has no content hash.
    """
    return blake2b(pack_value(_told(literal), _content), digest_size=16, person=b"identity").hexdigest()


def _content(live: Live) -> Value:
    found = codec(live.type)
    if found.digest is None:
        raise TypeTransformerFailedError(f"a {found.name} has no content hash")
    return Literal(None, found.digest(live.value))


def _told(value: Any) -> Any:
    """Leave only the hash where a literal carries one; metadata is no content."""
    kind = type(value)
    if kind is Literal:
        return Literal(None, value.hash) if value.hash else _told(value.value)
    if kind is tuple:
        return value if _FLAT.issuperset(map(type, value)) else tuple(map(_told, value))
    if kind is Map:
        return (
            value
            if _FLAT.issuperset(map(type, value.values()))
            else Map({k: _told(v) for k, v in value.items()})
        )
    return Variant(_told(value.value), value.type) if kind is Variant else value


_FLAT = frozenset({int, float, str, bool, type(None)})
