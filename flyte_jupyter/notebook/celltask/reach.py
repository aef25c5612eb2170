"""Whether objects lead to others, as the garbage collector sees it; quick, where there are many."""

import gc
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

from flyte_jupyter.notebook.celltask.kinds import ATOMS

_ENDS = ATOMS | {FunctionType, BuiltinFunctionType, ModuleType, type, FrameType, TracebackType}


def leads_to(roots: Iterable[Any], wanted: AbstractSet[int], known: AbstractSet[int]) -> bool:
    """Tell whether objects are, or refer to, one of some others.

    Args:
        roots: where the search begins.
        wanted: the identities of the others.
        known: the identities of objects at which it ends; so it does at code and modules.
    """
    level, seen = list(roots), set(known)
    while level:
        found = {id(one): one for one in level if type(one) not in _ENDS and not isinstance(one, type)}
        new = found.keys() - seen
        if not wanted.isdisjoint(new):
            return True
        seen |= new
        level = _below([found[i] for i in new])
    return False


def _below(level: list[Any]) -> list[Any]:
    below = gc.get_referents(*level)
    for one in level:
        if hasattr(type(one), "__array_interface__") and one.dtype.hasobject:
            below.extend(one.ravel())  # the collector does not see into arrays of NumPy
    return below
