"""What statements often leave behind and what cannot be pickled: closed files, matches of patterns."""

import io
import os
import re
from typing import Any


def parts(value: Any) -> Any:
    """Take apart a closed text file, or a match.

    Raises:
        TypeError: the match cannot be found again.
    """
    if isinstance(value, io.TextIOWrapper):
        return _closed_file, (str(value.name), getattr(value, "mode", "r"), value.encoding, value.errors)
    made = (value.re, value.string, value.pos, value.endpos)
    if _match(*made).regs != value.regs:
        raise TypeError("cannot find the match again")
    return _match, made


def _closed_file(name: str, mode: str, encoding: str, errors: str) -> io.TextIOWrapper:
    """Make a closed file that says what the one said that it stands for; no file is touched."""
    raw: Any = io.FileIO(os.devnull, "r")
    found: Any = io.TextIOWrapper(io.BufferedReader(raw), encoding=encoding, errors=errors)
    raw.name, found.mode = name, mode
    found.close()
    return found  # type: ignore[no-any-return] # its attributes are set at run time


def _match(pattern: re.Pattern[Any], text: Any, start: int, end: int) -> Any:
    return pattern.search(text, start, end) or re.match("", "")
