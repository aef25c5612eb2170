"""Objects that installed libraries share among all of theirs: the settings of Matplotlib, its unit shapes."""

import gc
import sys
from typing import Any

from flyte_jupyter.tasks.slicing.origins import Origin, of_name


def is_libraries(value: Any) -> bool:
    """Whether a library itself holds an object: in a module, in a class, or in its settings.

    Such an object is in values that have nothing else to do with each other, and no cell changes it.
    """
    settings = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    return any(one is settings or _is_librarys(one) for one in gc.get_referrers(value))


def _is_librarys(holder: Any) -> bool:
    """Whether a dict is that of a module or a class of an installed library."""
    if type(holder) is not dict:
        return False
    home = holder.get("__module__", holder.get("__name__") if "__spec__" in holder else None)
    return isinstance(home, str) and of_name(home) is Origin.PACKAGE
