"""Sees what any process records in the stores, and tells it on Jupyter's event bus."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.errors import StoreError
from flyte_jupyter.lab.stores import Stores, identity_of
from flyte_jupyter.runs.store import RunStore

SCHEMA = "urn:flyte-jupyter:runs-changed:v1"
SCHEMA_FILE = Path(__file__).parent / "events" / "runs_changed.v1.yaml"

_STEP = 0.2
"""Seconds between two looks, so that at most five events a second tell of one store."""

_RECOVERY = 10
"""Every so many looks, runs whose process is gone are recorded as interrupted."""

_SEEN = {
    "last": "SELECT r.name, max(e.last) FROM events e JOIN runs r ON r.id = e.run WHERE e.last > ?",
    "logs": "SELECT r.name, max(l.seq) FROM logs l JOIN runs r ON r.id = l.run WHERE l.seq > ?",
}
_NOW = {"last": "SELECT max(last) FROM events", "logs": "SELECT max(seq) FROM logs"}

Tell = Callable[[dict[str, Any]], None]


class Watch:
    """Looks at the stores, again and again.

    Args:
        stores: those that are open at each look.
        tell: is given the data of one event.
    """

    def __init__(self, stores: Stores, tell: Tell) -> None:
        self._stores = stores
        self._tell = tell
        self._places: dict[RunStore, dict[str, int]] = {}
        self._looks = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            for data in await asyncio.to_thread(self.look):
                self._tell(data)
            await asyncio.sleep(_STEP)

    def look(self) -> list[dict[str, Any]]:
        """Look once; gives an event for each store in which something is new."""
        self._looks += 1
        found = []
        with suppress(StoreError):
            self._places |= {store: dict.fromkeys(_NOW, 0) for store in self._stores.arrived()}
        for store in self._stores:
            with suppress(StoreError):  # it is being replaced or removed; the next look sees which
                if self._looks % _RECOVERY == 0:
                    store.recover()
                if runs := self._new(store):
                    found.append({"store": identity_of(store), "runs": runs})
        return found

    def _new(self, store: RunStore) -> list[dict[str, Any]]:
        places = self._places.get(store)
        if places is None:
            self._places[store] = {what: store.ask(sql)[0][0] or 0 for what, sql in _NOW.items()}
            return []
        runs: dict[str, dict[str, Any]] = {}
        for what, sql in _SEEN.items():
            for name, number in store.ask(f"{sql} GROUP BY r.id", (places[what],)):
                runs.setdefault(name, {"run": name})[what] = number
                places[what] = max(places[what], number)
        return list(runs.values())
