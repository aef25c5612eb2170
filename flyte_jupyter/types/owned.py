"""Values that go by reference, for a body that may do with them what it likes: its caller keeps its own."""

import sys
from dataclasses import replace
from typing import Any

from flyte_jupyter.types.literal import Literals, Live
from flyte_jupyter.types.settling import changed


def owned(literals: Literals) -> Literals:
    """Give frames and arrays of which a change in place is nobody else's; other values stay as they are.

    Where pandas copies on write, which is always so from version 3 on, a frame costs microseconds.
    """
    return {name: replace(one, value=changed(one.value, _own)) for name, one in literals.items()}


def _own(live: Live) -> Live:
    value, pandas, numpy = live.value, sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series):
        return replace(live, value=value.copy(deep=not _copies_on_write(pandas)))
    if numpy is not None and isinstance(value, numpy.ndarray):
        return replace(live, value=value.copy(order="A"))
    return live


def _copies_on_write(pandas: Any) -> bool:
    return int(pandas.__version__.partition(".")[0]) > 2 or pandas.options.mode.copy_on_write is True  # noqa: PLR2004 - pandas 3
