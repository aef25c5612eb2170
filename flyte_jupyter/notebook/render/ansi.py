"""Terminal text to HTML: colours become inline styles, every other control sequence is taken out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flyte_jupyter.notebook.render.colour import AA, contrast, hexed, readable
from flyte_jupyter.notebook.render.html import Html, escape, join, tag

INK, GROUND = "#e6e8eb", "#1f2328"
"""Text and ground of a terminal: coloured text needs a ground of its own to read in light and dark pages."""

_NAMED = (
    "#000000", "#e5615a", "#57ab5a", "#c69026", "#539bf5", "#b083f0", "#39c5cf", "#d0d4da",
    "#8b949e", "#ff938a", "#6bc46d", "#daaa3f", "#6cb6ff", "#dcbdfb", "#56d4dd", "#ffffff",
)  # fmt: skip
_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # colours: kept
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other CSI
    r"|\x1b[\]PX^_](?:[^\x07\x1b\n]|\x1b(?!\\))*(?:\x07|\x1b\\)?"  # OSC, DCS, ...: to the line's end
    r"|\x1b[ -/]*[0-~]?"  # short escapes, and a lone one at the end
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Style:
    ink: str = ""
    ground: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False

    def css(self) -> str:
        ink, ground = self.ink, self.ground
        if self.inverse:
            ink, ground = ground or GROUND, ink or INK
        if ink and contrast(ink, ground or GROUND) < AA:
            ink = readable(ink, ground or GROUND)
        elif ground and not ink:
            ink = readable(INK, ground)
        rules = (
            ink and f"color:{ink}", ground and f"background:{ground}", self.bold and "font-weight:700",
            self.dim and "opacity:.75", self.italic and "font-style:italic",
            self.underline and "text-decoration:underline",
        )  # fmt: skip
        return ";".join(rule for rule in rules if rule)


_PLAIN = _Style()


def ansi(text: str) -> Html:
    """Turn terminal text into markup; the text itself is escaped."""
    return join(_spans(_rewritten(text)))


def stripped(text: str) -> str:
    """Take all control sequences out."""
    return _SEQUENCE.sub("", _rewritten(text))


def coloured(text: str) -> bool:
    """Tell whether a text sets any colour or weight."""
    return "\x1b[" in text and any(m[1] for m in _SEQUENCE.finditer(text))


def _rewritten(text: str) -> str:
    r"""Keep what a terminal would show of lines that overwrite themselves with ``\r`` (progress bars)."""
    if "\r" not in text:
        return text
    return _OVERWRITTEN.sub("", text).replace("\r", "")


def _spans(text: str) -> Iterator[Html]:
    style, at = _PLAIN, 0
    for match in _SEQUENCE.finditer(text):
        if match.start() > at:
            yield _span(text[at : match.start()], style)
        if match[1] is not None:
            style = _restyled(style, match[1])
        at = match.end()
    if at < len(text):
        yield _span(text[at:], style)


def _span(text: str, style: _Style) -> Html:
    css = style.css() if style is not _PLAIN else ""
    return tag("span", text, style=css) if css else escape(text)


def _restyled(style: _Style, codes: str) -> _Style:
    numbers = [int(code or 0) for code in re.split("[;:]", codes[:64])]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            style = _PLAIN
        elif code in _EXTENDED:
            style = _coloured(style, _EXTENDED[code], _extended(numbers))
        else:
            style = replace(style, **_CODES.get(code, {}))
    return style


def _coloured(style: _Style, what: str, colour: str) -> _Style:
    return replace(style, ink=colour) if what == "ink" else replace(style, ground=colour)


def _extended(numbers: list[int]) -> str:
    """Take ``5;n`` or ``2;r;g;b`` from the front of the codes."""
    match numbers:
        case [5, index, *rest]:
            colour = _PALETTE[min(index, 255)]
        case [2, red, green, blue, *rest]:
            colour = hexed(*(min(part, 255) for part in (red, green, blue)))
        case _:
            rest, colour = [], ""
    numbers[:] = rest
    return colour


def _codes() -> Mapping[int, Mapping[str, Any]]:
    """List what each code sets."""
    off: dict[int, Mapping[str, Any]] = {
        22: {"bold": False, "dim": False},
        23: {"italic": False},
        24: {"underline": False},
        27: {"inverse": False},
    }
    flags = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 21: "underline"}
    found: dict[int, Mapping[str, Any]] = {code: {name: True} for code, name in flags.items()} | off
    for start, names in ((30, _NAMED[:8]), (90, _NAMED[8:])):
        found |= {start + i: {"ink": colour} for i, colour in enumerate(names)}
        found |= {start + 10 + i: {"ground": colour} for i, colour in enumerate(names)}
    return found | {39: {"ink": ""}, 49: {"ground": ""}}


def _palette() -> tuple[str, ...]:
    """List the 256 colours: the named ones, a cube of 6 x 6 x 6, and 24 greys."""
    steps = (0, 95, 135, 175, 215, 255)
    cube = tuple(hexed(red, green, blue) for red in steps for green in steps for blue in steps)
    return (*_NAMED, *cube, *(hexed(grey, grey, grey) for grey in range(8, 248, 10)))


_EXTENDED = {38: "ink", 48: "ground"}
_CODES = _codes()
_PALETTE = _palette()
