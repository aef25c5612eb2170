"""Unions and Optional: one value, with the type of the variant that it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, get_args

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types.codec import Codec, CodecOf, bare, misfit, name_of
from flyte_jupyter.types.literal import LiteralType, Value, Variant


def build_union(python_type: Any, codec_of: CodecOf) -> Codec:
    """Compile a union: the exact variant wins, else the first, in declared order, that accepts the value."""
    variants = tuple(codec_of(part) for part in get_args(python_type))
    types = tuple(replace(variant.type, tag=variant.name) for variant in variants)
    choices = tuple(zip(variants, types, strict=True))
    known = {codec.python_type: (codec.write, kind) for codec, kind in reversed(choices) if _by_class(codec)}

    def write(value: Any) -> Value:
        if (quick := known.get(type(value))) is not None:
            return Variant(quick[0](value), quick[1])
        for codec, literal_type in choices:
            if codec.exact(value):
                return Variant(codec.write(value), literal_type)
        return _first(choices, value, python_type)

    return Codec(
        name="Typed Union",
        python_type=python_type,
        type=LiteralType(union=types),
        write=write,
        read=_reader(choices, python_type),
        exact=lambda value: any(codec.exact(value) for codec in variants),
    )


def _by_class(codec: Codec) -> bool:
    """Whether a value's class alone tells that it is exactly of this variant."""
    return codec.python_type in _CLASSES if isinstance(codec.python_type, type) else False


_CLASSES = frozenset({int, float, str, bool, type(None), bytes, datetime, date, timedelta})


def _first(choices: tuple[tuple[Codec, LiteralType], ...], value: Any, python_type: Any) -> Value:
    for codec, literal_type in choices:
        try:
            return Variant(codec.write(value), literal_type)
        except TypeTransformerFailedError:
            continue
    raise misfit(python_type, value)


def _reader(choices: tuple[tuple[Codec, LiteralType], ...], python_type: Any) -> Callable[[Value], Any]:
    known = {id(literal_type): codec.read for codec, literal_type in choices}

    def read(value: Value) -> Any:
        if type(value) is not Variant and type(value := bare(value)) is not Variant:
            return _any(choices, value, python_type)
        quick = known.get(id(value.type))
        if quick is not None:
            return quick(value.value)
        return _any(_likely_first(choices, value.type), value.value, python_type)

    return read


def _likely_first(
    choices: tuple[tuple[Codec, LiteralType], ...], stored: LiteralType
) -> tuple[tuple[Codec, LiteralType], ...]:
    """Order the variants by how well they agree with the type that was stored."""

    def rank(choice: tuple[Codec, LiteralType]) -> int:
        if choice[1] == stored:
            return 0
        return 1 if choice[1].tag == stored.tag and _title(choice[1]) == _title(stored) else 2

    return tuple(sorted(choices, key=rank))


def _title(literal_type: LiteralType) -> Any:
    return (literal_type.metadata or {}).get("title")


def _any(choices: tuple[tuple[Codec, LiteralType], ...], value: Value, python_type: Any) -> Any:
    problems = []
    for codec, _ in choices:
        try:
            return codec.read(value)
        except TypeTransformerFailedError as error:
            problems.append(f"{name_of(codec.python_type)}: {error}")
    raise TypeTransformerFailedError(
        f"no variant of {name_of(python_type)} reads the value ({'; '.join(problems)})"
    )
