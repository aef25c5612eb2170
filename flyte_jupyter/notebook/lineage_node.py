"""What the notebook's graph is made of: cells, the values between them, and where these come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal as OneOf

State = OneOf["fresh", "stale", "running", "failed", "cached"]
STATES: tuple[State, ...] = ("fresh", "stale", "running", "failed", "cached")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the value of a name comes from.

    Args:
        cell: the cell that bound it or changed it last.
        content: tells this value from others of the same cell; equal for equal values.
        base: the cell that bound the object, where ``cell`` changed it in place; else the same.
        run: the run that made it, if one did.
        words: a small value in words.
    """

    cell: str
    content: str
    base: str = ""
    run: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A cell as it was executed last.

    Args:
        cell: the cell's id; without one, its ``In[n]``.
        title: what it is called: its task's name, or what it binds.
        number: the number of the execution.
        text: its source.
        state: how it ended, or "stale" if it has not run; other staleness is found by ``Lineage.state``.
        took: the names that it took, with where their values came from then.
        gave: the names that it bound or changed, with the digests of the values.
        changed: those of them that it changed in place.
        words: small values among them, in words.
        uses: what it uses of the user's modules, with the digests of that.
        runs: the runs that it started.
        is_task: whether the cell is a task, or runs one.
    """

    cell: str
    title: str = ""
    number: int = 0
    text: str = ""
    state: State = "fresh"
    took: Mapping[str, Origin | None] = field(default_factory=dict)
    gave: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    is_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A value that one cell gave and another took; ``names`` are what it is called."""

    start: str
    end: str
    names: tuple[str, ...]
