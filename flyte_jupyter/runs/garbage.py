"""What a store may forget: old finished runs, and blobs that nothing refers to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was removed."""

    runs: int = 0
    results: int = 0
    blobs: int = 0
    bytes: int = 0


def sweep(store: Any, keep_runs: int | None, max_bytes: int | None) -> Swept:
    """Remove."""
    raise NotImplementedError
