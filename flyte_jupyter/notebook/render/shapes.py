"""What the values of a column look like, in a word and a tiny picture."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flyte_jupyter.notebook.render.html import Html, picture
from flyte_jupyter.notebook.render.text import TO, number, shorten

BINS = 12
TOLD = 3
"""So many of the most frequent values are named."""

GROUPED = 10_000
"""Smaller whole numbers are written without commas: they may be years."""

WIDE, HIGH = 84, 22
_INK = "#64748b"
_SHADES = ("#4b5a70", "#6f7f96", "#98a5b8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How values are spread.

    Args:
        brief: the facts in a few words.
        words: the facts in words.
        bars: for numbers and times: how many fall in each of ``BINS`` equal steps.
        shares: for anything else: the shares of the most frequent values.
    """

    brief: str
    words: str
    bars: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def html(self) -> Html:
        """Draw it in a page."""
        svg = self.svg()
        return picture(svg, self.words, WIDE, HIGH, shrinks=False) if svg else Html("")

    def svg(self) -> str:
        """Draw it; empty where there is nothing to draw."""
        if not self.bars and not self.shares:
            return ""
        parts = _columns(self.bars) if self.bars else _stack(self.shares)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}">{"".join(parts)}</svg>'
        )


def shape_of(values: Sequence[object], *, sampled: bool = False) -> Shape:
    """Describe the values of a column, missing ones left out.

    Args:
        values: all values of it, or some.
        sampled: there are others that are not among them.
    """
    there = [value for value in values if value is not None]
    if not there:
        return Shape(brief="no values", words="no values")
    if all(isinstance(value, bool) for value in there):
        return _categories(there, sampled)
    numbers = [_number(value) for value in there]
    known = [x for x in numbers if x is not None and math.isfinite(x)]
    if known and all(x is not None for x in numbers):
        return _spread(known, there)
    return _categories(there, sampled)


def _number(value: Any) -> float | None:
    """Give the place of a number or time on a line; None for anything else."""
    try:
        if isinstance(value, int | float | Decimal):
            return float(value)
        if isinstance(value, datetime):
            return value.timestamp()
        return float(value.toordinal()) if isinstance(value, date) else None
    except (ValueError, OverflowError, ArithmeticError):
        return None


def _spread(known: Sequence[float], there: Sequence[object]) -> Shape:
    low, high = min(known), max(known)
    counts = [0] * BINS
    for x in known:
        part = (x / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        counts[min(BINS - 1, int(part * BINS))] += 1
    brief, words = _told(known, there)
    return Shape(brief=brief, words=words, bars=tuple(counts))


def _told(known: Sequence[float], there: Sequence[object]) -> tuple[str, str]:
    if isinstance(there[0], date):
        dates = [value for value in there if isinstance(value, date)]
        first, last = min(dates, key=_moment), max(dates, key=_moment)
        return f"{str(first)[:10]} {TO} {str(last)[:10]}", f"{shorten(first, 32)} to {shorten(last, 32)}"
    low, high, middle = _plain(min(known)), _plain(max(known)), _plain(sorted(known)[len(known) // 2])
    brief = f"only {low}" if low == high else f"{low} {TO} {high}"
    return brief, f"{low} to {high}, median {middle}"


def _plain(x: float) -> str:
    return f"{int(x)}" if x == int(x) and abs(x) < GROUPED else number(x)


def _moment(value: date) -> float:
    return _number(value) or 0.0


def _categories(there: Sequence[object], sampled: bool) -> Shape:
    counts = Counter(_word(value) for value in there)
    top = counts.most_common(TOLD)
    if len(counts) == len(there) > TOLD:
        different = "mostly different" if sampled else "all different"
        return Shape(brief=different, words=different)
    first = f"{top[0][0]} {100 * top[0][1] / len(there):.0f} %" if top[0][1] * 20 > len(there) else ""
    first = f"only {top[0][0]}" if len(counts) == 1 else first
    of = f"{len(counts):,}{'+' * sampled} values" if len(counts) > TOLD else ""
    said = ", ".join(f"{word} {100 * count / len(there):.0f} %" for word, count in top)
    more = f", {len(counts) - TOLD:,}{'+' * sampled} more" if len(counts) > TOLD else ""
    brief = " of ".join(filter(None, (first, of))) if of or len(counts) == 1 else said
    return Shape(brief=brief, words=said + more, shares=tuple(count / len(there) for _, count in top))


def _word(value: object) -> str:
    return shorten(value if isinstance(value, str) else shown(value, 20), 20)


def shown(value: object, limit: int) -> str:
    """Write a value of a frame in a cell; a value whose own text fails is named by its type."""
    try:
        if isinstance(value, float):
            return f"{value:.6g}"
        if isinstance(value, list | tuple | dict | bytes):
            return shorten(repr(value[:20] if not isinstance(value, dict) else value), limit)
        return shorten(value, limit)
    except Exception:  # noqa: BLE001 - a user's own __str__ runs here
        return f"<{type(value).__name__}>"


def _columns(bars: Sequence[int]) -> list[str]:
    step, most = WIDE / len(bars), max(bars)
    heights = [max(1.0, HIGH * count / most) if count else 0.0 for count in bars]
    return [
        f'<rect x="{i * step:.1f}" y="{HIGH - h:.1f}" width="{step - 1:.1f}" height="{h:.1f}" fill="{_INK}"/>'
        for i, h in enumerate(heights)
        if h
    ]


def _stack(shares: Sequence[float]) -> list[str]:
    parts, at = [], 0.0
    ground = f'<rect y="8" width="{WIDE}" height="8" fill="#808080" fill-opacity=".25"/>'
    for share, shade in zip(shares, _SHADES, strict=False):
        width = WIDE * share
        parts.append(
            f'<rect x="{at:.1f}" y="8" width="{max(0.5, width - 1):.1f}" height="8" fill="{shade}"/>'
        )
        at += width
    return [ground, *parts]
