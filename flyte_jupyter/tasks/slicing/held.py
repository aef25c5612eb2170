"""A bounded cache by object identity, for objects whose equality says too little."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from flyte_jupyter.ids import address

V = TypeVar("V")


class Held:
    """Remember a result for an object as long as there is room.

    Two code objects can be equal although they come from different texts (a decorator's argument, an
    annotation), so what was found for one must not be taken for the other.
    """

    __slots__ = ("_items", "_room")

    def __init__(self, room: int) -> None:
        self._items: OrderedDict[int, tuple[Any, Any]] = OrderedDict()
        self._room = room

    def get(self, key: object) -> Any:
        """Give what was kept for this very object, or None."""
        found = self._items.get(address(key))
        return found[1] if found is not None and found[0] is key else None

    def put(self, key: object, value: V) -> V:
        """Keep a result; the object is held too, so that its identity cannot be given to another."""
        self._items[address(key)] = (key, value)
        while len(self._items) > self._room:
            self._items.popitem(last=False)
        return value

    def once(self, key: object, make: Callable[[], V]) -> V:
        """Give what was kept, else make and keep it; nothing made (None) is not kept."""
        found: V | None = self.get(key)
        return found if found is not None else self.put(key, make())
