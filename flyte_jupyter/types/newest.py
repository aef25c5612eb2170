"""Which class a notebook means: the one that it defined last under a name."""

import sys
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

from flyte_jupyter.types.codec import namesakes

T = TypeVar("T")


def newest(value: T) -> T:
    """Give the class that has taken the place of one; anything else is given back.

    Only cells are run again one by one, so only classes of the main module are looked for. Where a module is
    loaded again, who has imported the old class means the old one.
    """
    if not isinstance(value, type) or value.__module__ != "__main__":
        return value
    found: Any = sys.modules.get("__main__")
    for name in value.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found if isinstance(found, type) and namesakes(value, found) else value  # type: ignore[return-value] # a class


class Watched:
    """The classes that something was made for, and those that they meant then."""

    def __init__(self) -> None:
        self._meant: WeakKeyDictionary[type, ref[type]] = WeakKeyDictionary()

    def meant(self, cls: T) -> T:
        """Give the newest class, and take note of it."""
        found = newest(cls)
        if isinstance(cls, type) and isinstance(found, type) and cls.__module__ == "__main__":
            self._meant[cls] = ref(found)
        return found

    def changed(self) -> bool:
        """Whether a class has been defined again since."""
        return any(newest(cls) is not found() for cls, found in list(self._meant.items()))

    def clear(self) -> None:
        """Forget them."""
        self._meant.clear()
