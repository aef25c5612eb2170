"""Writes what is live in a literal to a blob store."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.engine import codec
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.literal import Literal, Live, Map, Value, Variant


def settle(literal: Literal, blobs: BlobStore) -> Literal:
    """Replace every live value by what it is on disk; its content hash stays with it.

    Raises:
        TypeTransformerFailedError: a live value cannot be written.
        StoreError: the store cannot be written to.
    """
    with holding(blobs):
        value = changed(literal.value, lambda live: _settled(live, blobs))
    if value is literal.value:
        return literal
    if type(value) is Literal:
        return replace(
            value, hash=literal.hash or value.hash, metadata={**literal.metadata, **value.metadata}
        )
    return replace(literal, value=value)


def _settled(live: Live, blobs: BlobStore) -> Literal:
    found = codec(live.type)
    if found.settle is None:
        raise TypeTransformerFailedError(f"a {found.name} cannot be written to a store")
    value = found.settle(live.value, blobs)
    content = found.digest(live.value) if found.digest else ""
    return value if type(value) is Literal else Literal(value, hash=content)


def changed(value: Any, change: Callable[[Live], Value]) -> Any:
    """Rebuild a value with each live one replaced; returns the value itself where none is."""
    kind = type(value)
    if kind is Live:
        return change(value)
    if kind is tuple:
        items = (
            tuple(changed(item, change) for item in value)
            if not _FLAT.issuperset(map(type, value))
            else value
        )
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if kind is Map:
        entries = {key: changed(item, change) for key, item in value.items()}
        return Map(entries) if any(entries[key] is not value[key] for key in value) else value
    if kind is Variant or kind is Literal:
        inner = changed(value.value, change)
        return value if inner is value.value else _rewrapped(value, inner)
    return value


_FLAT = frozenset({int, float, str, bool, type(None)})


def _rewrapped(outer: Variant | Literal, inner: Any) -> Any:
    if type(outer) is Literal and type(inner) is Literal:
        return replace(inner, hash=outer.hash or inner.hash, metadata={**outer.metadata, **inner.metadata})
    return replace(outer, value=inner)
