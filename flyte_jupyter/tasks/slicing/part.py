"""One thing that a function depends on."""

from dataclasses import dataclass
from typing import Literal as OneOf

Kind = OneOf["function", "class", "constant", "module", "package", "builtin", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a function depends on.

    Args:
        name: its name, with its module's unless that is the function's own.
        kind: what it is; "builtin" is Python itself, "unknown" a value whose content cannot be seen.
        digest: what it is now; equal only for equal content.
        text: its source as written, a short form of its value, or a version.
        where: where it stands, for people: ``Cell In[3], line 1``, ``helpers.py:12``.
        filename: the file or cell of its definition, "" if it has none.
        line: the line there.
    """

    name: str
    kind: Kind
    digest: str
    text: str = ""
    where: str = ""
    filename: str = ""
    line: int = 0
