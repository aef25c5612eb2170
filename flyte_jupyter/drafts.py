"""Frozen values built field by field: a draft is changed like any object, then becomes the frozen value.

A frozen dataclass pays a guarded call for each field that its constructor sets, ten times the price of a
plain assignment; a fold builds tens of thousands of them, and every call of a task a dozen. A draft's class
adds no slot to its parent's, so that Python lets the finished draft take the parent's class: the same object,
frozen from then on.
"""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

T = TypeVar("T")


class _Factory:
    """Stands for a default that is made by each call, as in the constructors of dataclasses."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _Factory()


def draft(cls: type) -> Any:
    """Make the class of drafts of ``cls``, a frozen and slotted dataclass.

    ``new = object.__new__(Draft)``, then set every field, then ``new.__class__ = cls``.
    """
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(f"{cls.__name__}Draft", (cls,), plain | {"__module__": cls.__module__})


def drafted(cls: type[T]) -> type[T]:
    """Let the constructor of a frozen and slotted dataclass fill a draft: it takes half the time.

    A subclass needs a constructor of its own.
    """
    names: dict[str, Any] = {"draft": draft(cls), "cls": cls, "turn": object.__setattr__, "made": _MADE}
    names["__name__"] = cls.__module__  # whose code it is, for those who must not cut it in two
    parameters = ", ".join(_parameters(cls, names))
    steps = "\n ".join(map(_step, fields(cls)))  # type: ignore[arg-type] # it is a dataclass
    text = f"def __init__({parameters}):\n turn(self, '__class__', draft)\n {steps}\n self.__class__ = cls"
    exec(text, names)  # noqa: S102 - as dataclasses make their constructors; the names are a class's fields
    init = names["__init__"]
    init.__qualname__, init.__annotations__ = f"{cls.__qualname__}.__init__", cls.__init__.__annotations__
    cls.__init__ = init  # type: ignore[method-assign] # what it is here for
    return cls


def _parameters(cls: Any, names: dict[str, Any]) -> Iterator[str]:
    """Write the constructor's parameters; their defaults go into ``names``."""
    yield "self"
    given = sorted(fields(cls), key=lambda f: bool(f.kw_only))
    for before, f in zip([None, *given], given, strict=False):
        if f.kw_only and not (before and before.kw_only):
            yield "*"
        if f.default is MISSING and f.default_factory is MISSING:
            yield f.name
            continue
        names[f"default_{f.name}"] = f.default if f.default_factory is MISSING else f.default_factory
        yield f"{f.name}=made" if f.default is MISSING else f"{f.name}=default_{f.name}"


def _step(f: "Field[Any]") -> str:
    if f.default_factory is MISSING:
        return f"self.{f.name} = {f.name}"
    return f"self.{f.name} = default_{f.name}() if {f.name} is made else {f.name}"
