"""Structures as whole values: MessagePack with a JSON schema, or live while a part of them is heavy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.types.codec import MSGPACK_ANNOTATION, Codec, CodecOf, bare, misfit, name_of
from flyte_jupyter.types.holding import NeedsStoreError, holding, keeping
from flyte_jupyter.types.leaves import KEPT, Here, hashed_part, settled_part
from flyte_jupyter.types.literal import LiteralType, Live, SimpleType, Value
from flyte_jupyter.types.messages import packed, unpacked
from flyte_jupyter.types.named import whole_named_tuple, whole_tuple
from flyte_jupyter.types.plain import Dialect, Plain, PlainBuilder
from flyte_jupyter.types.plains import Compiler

MODEL_NAME = "Pydantic Transformer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a family of structures appears in the protocol.

    Args:
        name: the transformer's name.
        tag: the tag of the literal type.
        dialect: how special values are written.
        builder: compiles the structure; the compiler itself where it is left out.
    """

    name: str
    tag: str
    dialect: Dialect
    builder: PlainBuilder | None = None


DATACLASS = Form(
    name="Object-Dataclass-Transformer", tag="Object-Dataclass-Transformer", dialect=Dialect.DATACLASS
)
MODEL = Form(name=MODEL_NAME, tag=MODEL_NAME, dialect=Dialect.MODEL)
TUPLE = Form(name="Typed Tuple", tag=MODEL_NAME, dialect=Dialect.MODEL, builder=whole_tuple)
NAMED_TUPLE = Form(name="NamedTuple", tag=MODEL_NAME, dialect=Dialect.MODEL, builder=whole_named_tuple)
TYPED_DICT = Form(name="TypedDict", tag=MODEL_NAME, dialect=Dialect.MODEL)
UNTYPED_DICT = Form(name="Typed Dict", tag="", dialect=Dialect.DATACLASS)


def builder_of(form: Form) -> Callable[[Any, CodecOf], Codec]:
    """Make the builder of a family."""

    def build(python_type: Any, codec_of: CodecOf) -> Codec:
        compiler = Compiler(form.dialect, codec_of)
        plain = form.builder(python_type, compiler) if form.builder else compiler(python_type)
        return _codec(form, python_type, plain)

    return build


def _codec(form: Form, python_type: Any, plain: Plain) -> Codec:
    write, read = _writer(python_type, plain), _reader(python_type, plain)
    metadata: Mapping[str, Any] | None = plain.schema if form.tag else None

    def settle(value: Any, blobs: BlobStore) -> Value:
        with holding(blobs), keeping(settled_part):
            return packed(plain.dump(value))

    def content(value: Any) -> str:
        with keeping(hashed_part):
            return digest("structure", name_of(python_type), packed(plain.dump(value)).value)

    return Codec(
        name=form.name,
        python_type=python_type,
        type=LiteralType(
            simple=SimpleType.STRUCT, metadata=metadata, annotation=MSGPACK_ANNOTATION, tag=form.tag
        ),
        write=write,
        read=read,
        exact=plain.exact,
        settle=settle,
        digest=content,
    )


def _writer(python_type: Any, plain: Plain) -> Callable[[Any], Value]:
    dump = plain.dump

    def write(value: Any) -> Value:
        try:
            return packed(dump(value))
        except NeedsStoreError:
            return Live(value, python_type)
        except RecursionError as error:
            raise _endless(python_type) from error

    def write_live(value: Any) -> Value:
        with keeping(_left_here):
            plain.dump(value)
        return Live(value, python_type)

    return write_live if plain.heavy else write


def _reader(python_type: Any, plain: Plain) -> Callable[[Value], Any]:
    load = plain.load

    def read(value: Value) -> Any:
        if type(value) is Live:
            return _taken(plain, value)
        try:
            return load(unpacked(value, python_type))
        except TypeTransformerFailedError:
            if type(inner := bare(value)) is Live:
                return _taken(plain, inner)
            raise
        except RecursionError as error:
            raise _endless(python_type) from error

    return read


def _taken(plain: Plain, live: Live) -> Any:
    """Hand a live structure over; one of an older class is converted without writing its heavy parts."""
    if plain.exact(live.value):
        return live.value
    with keeping(_left_here):
        return plain.load(plain.dump(live.value))


def _left_here(_codec: Codec, value: Any) -> dict[str, Any]:
    return {KEPT: Here(value)}


def _endless(python_type: Any) -> TypeTransformerFailedError:
    return misfit(f"{name_of(python_type)} of finite depth (a value must not contain itself)", None)
