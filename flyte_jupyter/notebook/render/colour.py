"""Colour arithmetic: how well one colour reads on another."""

from functools import cache

LINEAR = 0.04045
"""Darker parts of a colour are not raised to a power (sRGB)."""

AA = 4.5
"""The least contrast of text in WCAG 2 AA; of bars and symbols it is 3."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Read ``"#rrggbb"``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexed(red: float, green: float, blue: float) -> str:
    """Write ``"#rrggbb"``."""
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"


@cache
def luminance(colour: str) -> float:
    """Give the relative luminance of a colour, from 0 to 1 (WCAG 2)."""
    parts = (c / 255 for c in rgb(colour))
    red, green, blue = (c / 12.92 if c <= LINEAR else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, from 1 to 21 (WCAG 2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@cache
def readable(colour: str, ground: str) -> str:
    """Move a colour towards white or black, as little as needed to read on its ground."""
    towards = 255 if contrast("#ffffff", ground) > contrast("#000000", ground) else 0
    for step in range(21):
        mixed = hexed(*(c + (towards - c) * step / 20 for c in rgb(colour)))
        if contrast(mixed, ground) >= AA:
            return mixed
    return hexed(towards, towards, towards)
