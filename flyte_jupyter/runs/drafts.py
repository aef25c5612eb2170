"""Frozen values built field by field: a draft is changed like any object, then becomes the frozen value.

A frozen dataclass pays a guarded call for each field that its constructor sets, ten times the price of a
plain assignment, and a fold builds tens of thousands of them. A draft's class adds no slot to its parent's,
so that Python lets the finished draft take the parent's class: the same object, frozen from then on.
"""

from typing import Any


def draft(cls: type) -> Any:
    """Make the class of drafts of ``cls``, a frozen and slotted dataclass.

    ``new = object.__new__(Draft)``, then set every field, then ``new.__class__ = cls``.
    """
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(f"{cls.__name__}Draft", (cls,), plain | {"__module__": cls.__module__})
