"""The registry of types and the two conversions: Python values to literals and back."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_origin
from weakref import WeakSet

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import DefinitionError, RestrictedTypeError, TypeTransformerFailedError
from flyte_jupyter.ids import address
from flyte_jupyter.loading import load, on_thread
from flyte_jupyter.types.codec import Builder, Codec, misfit, name_of
from flyte_jupyter.types.dispatch import builder_of
from flyte_jupyter.types.literal import Literal, LiteralType
from flyte_jupyter.types.newest import Watched
from flyte_jupyter.types.spelling import key_of, spelled
from flyte_jupyter.types.transformer import TypeTransformer, compiled

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_LIMIT = 4096


class Twin(Generic[P, R_co]):
    """The type of a function that has an asynchronous twin, ``aio``, which works on a thread."""

    aio: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call it."""
        raise NotImplementedError


def twin(function: Callable[P, R_co]) -> "Twin[P, R_co]":
    """Give a function its asynchronous twin."""

    async def aio(*args: P.args, **kwargs: P.kwargs) -> R_co:
        return await on_thread(function, *args, **kwargs)

    cast("Any", function).aio = aio
    return cast("Twin[P, R_co]", function)


class _Registry:
    """Transformers by type, and codecs of the types that were met.

    Codecs are kept under the type object itself, with an equal key for types that are written anew each
    time. When a class is defined a second time everything compiled is dropped, so that the memory of a
    notebook whose cells run again and again stays flat.
    """

    def __init__(self) -> None:
        self.transformers: dict[Any, TypeTransformer[Any]] = {}
        self.restricted: dict[Any, str] = {}
        self.builders: dict[Any, Builder] = {}
        self.by_identity: dict[int, tuple[Any, Codec]] = {}
        self.by_key: dict[Any, tuple[Any, Codec]] = {}
        self.watched = Watched()
        self.names: set[tuple[str, str]] = set()
        self.seen: WeakSet[type] = WeakSet()

    def forget(self) -> None:
        self.watched.clear()
        self.by_identity.clear()
        self.by_key.clear()

    def remember(self, python_type: Any, key: Any, codec: Codec) -> None:
        if len(self.by_key) > _LIMIT:
            self.forget()
        if len(self.by_identity) > _LIMIT:
            self.by_identity.clear()
        self.by_key[key] = (python_type, codec)
        self.by_identity[address(python_type)] = (python_type, codec)

    def meet(self, python_type: Any) -> None:
        """Notice a class that is defined anew."""
        if not isinstance(python_type, type) or python_type in self.seen:
            return
        name = (python_type.__module__, python_type.__qualname__)
        if name in self.names:
            self.forget()
        self.seen.add(python_type)
        self.names.add(name)


_registry = _Registry()


def use_builder(python_type: type, builder: Builder) -> None:
    """Compile a class with a builder of its own."""
    _registry.builders[python_type] = builder
    _registry.forget()


def codec(python_type: Any) -> Codec:
    """Compile a type, or find what it was compiled to."""
    found = _registry.by_identity.get(address(python_type))
    if found is not None and found[0] is python_type:
        return found[1]
    return _codec(python_type)


def notice() -> None:
    """Let types mean the classes that the notebook has now: cells may have defined some again."""
    if _registry.watched.changed():
        _registry.forget()


def _codec(python_type: Any) -> Codec:
    key = key_of(python_type)
    if (found := _registry.by_key.get(key)) is not None:
        _registry.remember(python_type, key, found[1])
        return found[1]
    resolved, metadata = spelled(python_type)
    resolved = _registry.watched.meant(resolved)
    _registry.meet(resolved)
    made = _made(python_type, resolved, metadata)
    _registry.remember(python_type, key, made)
    return made


def _made(python_type: Any, resolved: Any, metadata: tuple[Any, ...]) -> Codec:
    for item in metadata:
        if isinstance(item, TypeTransformer):
            return compiled(item, resolved)
    if (transformer := _registered(resolved)) is not None:
        return compiled(transformer, resolved)
    _refuse_restricted(resolved)
    if metadata and key_of(resolved) != key_of(python_type):
        return _annotated(python_type, resolved, metadata)
    builder = _registry.builders.get(resolved) if isinstance(resolved, type) else None
    return (builder or builder_of(resolved))(resolved, codec)


def _annotated(python_type: Any, resolved: Any, metadata: tuple[Any, ...]) -> Codec:
    """Compile ``Annotated``: frames take their columns and format from it, others ignore it."""
    plain = codec(resolved)
    if plain.type.dataset is None:
        return plain
    made: Codec = load("flyte_jupyter.types.frames:annotated")(python_type, resolved, metadata)
    return made


def _registered(resolved: Any) -> TypeTransformer[Any] | None:
    """Find a user's transformer: of the type itself, of its origin, or of a base."""
    if not _registry.transformers:
        return None
    with suppress(TypeError):
        if resolved in _registry.transformers:
            return _registry.transformers[resolved]
    cls = get_origin(resolved) or resolved
    bases = cls.__mro__[:-1] if isinstance(cls, type) else ()
    return next((_registry.transformers[base] for base in bases if base in _registry.transformers), None)


def _refuse_restricted(resolved: Any) -> None:
    name = _registry.restricted.get(key_of(resolved)) if _registry.restricted else None
    if name is not None:
        raise RestrictedTypeError(f"{name} may not be an input or output of a task")


@twin
def to_literal(value: Any, python_type: Any, _expected: LiteralType | None = None) -> Literal:
    """Make a literal of a value; the literal type follows from the Python type."""
    written = codec(python_type).write(value)
    return written if type(written) is Literal else Literal(written)


@twin
def to_python_value(literal: Literal, python_type: Any) -> Any:
    """Make a value of a literal."""
    if type(literal) is not Literal:
        raise misfit("a Literal", literal)
    found = codec(python_type)
    return found.read(literal if literal.hash or literal.metadata else literal.value)


class TypeEngine:
    """Converts Python values to literals and back, by the types they are annotated with.

    ``to_literal`` and ``to_python_value`` are plain functions; ``TypeEngine.to_literal.aio(...)`` does the
    same on a thread.
    """

    to_literal = staticmethod(to_literal)
    to_python_value = staticmethod(to_python_value)
    codec = staticmethod(codec)

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: Iterable[Any] = ()) -> None:
        """Use a transformer for its type, and for others.

        Raises:
            DefinitionError: one of the types has a transformer already.
        """
        if not isinstance(transformer, TypeTransformer):
            raise TypeError(f"transformer must be a TypeTransformer, got {transformer!r}")
        for python_type in (transformer.python_type, *(additional_types or ())):
            cls.register_additional_type(transformer, python_type)

    @classmethod
    def register_additional_type(
        cls, transformer: TypeTransformer[Any], additional_type: Any, override: bool = False
    ) -> None:
        """Use a transformer for one more type; ``override`` replaces the one it has."""
        known = _registry.transformers.get(additional_type)
        again = known is not None and known.name == transformer.name and _same_code(known, transformer)
        if known is not None and not (override or again):
            raise DefinitionError(
                f"{name_of(additional_type)} has the transformer {known.name!r} already; "
                "override=True replaces it"
            )
        _registry.transformers[additional_type] = transformer
        _registry.forget()

    @classmethod
    def register_restricted_type(cls, name: str, restricted: Any) -> None:
        """Refuse a type as an input or output."""
        _registry.restricted[key_of(restricted)] = name
        _registry.forget()

    @classmethod
    def get_transformer(cls, python_type: Any) -> TypeTransformer[Any]:
        """Return what converts a type: the user's transformer, or a view of the compiled codec."""
        resolved, metadata = spelled(python_type)
        own = next((item for item in metadata if isinstance(item, TypeTransformer)), None)
        return own or _registered(resolved) or _Built(codec(python_type))

    @classmethod
    def get_available_transformers(cls) -> list[str]:
        """Name the transformers that users registered."""
        return sorted({transformer.name for transformer in _registry.transformers.values()})

    @classmethod
    def to_literal_type(cls, python_type: Any) -> LiteralType:
        """Tell the literal type of a Python type."""
        return codec(python_type).type

    @classmethod
    def settle(cls, literal: Literal, blobs: BlobStore) -> Literal:
        """Replace whatever is live in a literal by what it is on disk, in ``blobs``."""
        settled: Literal = load("flyte_jupyter.types.settling:settle")(literal, blobs)
        return settled

    @classmethod
    def guess_python_type(cls, literal_type: LiteralType) -> Any:
        """Find a Python type to read values of a literal type with, where no annotation says one."""
        for transformer in _registry.transformers.values():
            with suppress(ValueError, NotImplementedError):
                if transformer.name == literal_type.tag:
                    return transformer.guess_python_type(literal_type)
        return load("flyte_jupyter.types.guessing:guess")(literal_type)

    @classmethod
    def to_html(cls, value: Any, python_type: Any) -> str:
        """Show a value as HTML; text is escaped."""
        transformer = _registered(spelled(python_type)[0])
        shown = transformer.to_html(value, python_type) if transformer else None
        return shown if shown is not None else _html(value)


def _same_code(known: TypeTransformer[Any], new: TypeTransformer[Any]) -> bool:
    """Whether a notebook cell that registers a transformer ran again."""
    a, b = type(known), type(new)
    return a is not b and (a.__module__, a.__qualname__) == (b.__module__, b.__qualname__)


def _html(value: Any) -> str:
    escape = load("html:escape")
    show = getattr(type(value), "_repr_html_", None)
    try:
        return str(show(value)) if show is not None else f"<pre>{escape(repr(value))}</pre>"
    except Exception:  # noqa: BLE001 - a repr is user code
        return f"<pre>{escape(object.__repr__(value))}</pre>"


class _Built(TypeTransformer[Any]):
    """A built-in conversion in the form of a transformer."""

    def __init__(self, built: Codec) -> None:
        super().__init__(built.name, built.python_type)
        self._codec = built

    def get_literal_type(self, t: Any) -> LiteralType:
        return codec(t).type

    def to_literal(self, python_val: Any, python_type: Any, _expected: LiteralType | None = None) -> Literal:
        return to_literal(python_val, python_type)

    def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        return to_python_value(lv, expected_python_type)

    def assert_type(self, t: Any, v: Any) -> None:
        if not codec(t).exact(v):
            raise TypeTransformerFailedError(str(misfit(t, v)))
