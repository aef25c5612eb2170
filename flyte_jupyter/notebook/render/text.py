"""Text that people read: numbers with units, clipped and cleaned words, and tables for a terminal."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls, lone surrogates and marks that turn the direction of the text around them."""

TIMES, TO, WITHIN = "\u00d7", "\u2013", "\u203a"
"""A multiplication sign, an en dash and an angle, as good typography has them."""

MINUTE, HOUR, DAY = 60, 3600, 86400
SHORTEST = 0.001
_SHORT = ((0.9995, 1000, "{:.0f} ms"), (9.995, 1, "{:.2f} s"), (59.95, 1, "{:.1f} s"))
"""Below so many seconds: times so much, written so; the limits round up to the next form."""

CARRY, TENTHS = 999.5, 99.95
"""From here on an amount of data is told in the next unit, or without tenths."""

EXACT = 1e15
"""Larger floats are not written as whole numbers."""


def clean(value: object) -> str:
    r"""Make any value fit to be shown: what could upset a page or terminal becomes ``U+FFFD``.

    Tabs and line ends stay. The result always encodes as UTF-8.
    """
    text = str(value)
    return text if text.isprintable() else _UNFIT.sub("\ufffd", text)


def line(value: object) -> str:
    """Clean a value and put it on one line."""
    return " ".join(clean(value).split())


def shorten(value: object, limit: int) -> str:
    """Put a value on one line of at most ``limit`` characters, the cut marked by an ellipsis."""
    text = line(str(value)[: 4 * limit + 64])
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def duration(seconds: float | None) -> str:
    """Say how long: ``"12 ms"``, ``"4.21 s"``, ``"3 min 05 s"``, ``"3 d 4 h"``; a dash for None."""
    if seconds is None:
        return TO
    seconds = max(0.0, seconds)
    if seconds < SHORTEST:
        return "< 1 ms"
    for limit, factor, form in _SHORT:
        if seconds < limit:
            return form.format(seconds * factor)
    return _long(round(seconds))


def _long(seconds: int) -> str:
    if seconds < HOUR:
        return f"{seconds // MINUTE} min {seconds % MINUTE:02d} s"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE:02d} min"
    return f"{seconds // DAY:,} d {seconds % DAY // HOUR} h"


def size(count: int | None) -> str:
    """Say how much data: ``"512 B"``, ``"1.5 kB"``, ``"3.2 MB"``; powers of 1,000; a dash for None."""
    if count is None:
        return TO
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < CARRY:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:,.0f} {unit}" if unit == "B" or amount >= TENTHS else f"{amount:.1f} {unit}"


def ago(time: float, now: float) -> str:
    """Say how long before ``now``: ``"just now"``, ``"3 min ago"``, ``"2 h ago"``, ``"5 d ago"``."""
    passed = now - time
    for unit, seconds in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if passed >= seconds:
            return f"{passed // seconds:,.0f} {unit} ago"
    return "just now"


def moment(time: float, zone: tzinfo | None = None) -> str:
    """Say when, as ``"2026-11-03 14:02:11"`` in the given zone, or in the local one."""
    return datetime.fromtimestamp(time, zone).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def number(count: float) -> str:
    """Write a whole number with commas, or any other with four significant digits."""
    if isinstance(count, int) or (abs(count) < EXACT and count == int(count)):
        return f"{int(count):,}"
    return f"{count:.4g}"


def plural(count: int, noun: str) -> str:
    """Count things: ``"1 action"``, ``"2 actions"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def columns(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells(c) for c in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> str:
    """Lay out rows in columns for a terminal; the columns numbered in ``right`` are right-aligned."""
    lines = [[line(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(columns(row[i]) for row in lines) for i in range(len(headers))]
    return "\n".join(_row(row, widths, right) for row in lines)


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    padded = (
        _pad(cell, width, i in right) for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()


def _pad(cell: str, width: int, to_right: bool) -> str:
    space = " " * (width - columns(cell))
    return space + cell if to_right else cell + space
