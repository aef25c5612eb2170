"""What an untrusted notebook keeps of HTML: the part that we use of JupyterLab 4.6's list."""

import re
from html.parser import HTMLParser

TAGS = frozenset(
    {"div", "span", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "colgroup", "col"}
    | {"details", "summary", "img", "progress"}
)
ATTRIBUTES = {
    "*": {"style", "title"},
    "img": {"alt", "height", "src", "width"},
    "details": {"open"},
    "progress": {"max", "value"},
    "th": {"colspan", "scope"},
    "td": {"colspan"},
    "table": {"cellpadding"},
    "col": {"width"},
}
_LENGTH = r"-?[\d.]+(px|em|%)?|auto|0"
_COLOUR = r"#[0-9a-fA-F]{3,8}|rgba?\([\d.,]+\)"
_BOX = rf"({_LENGTH})( ({_LENGTH})){{0,3}}"
STYLES = {
    "background": _COLOUR, "border": rf"1px solid ({_COLOUR})", "border-bottom": rf"1px solid ({_COLOUR})",
    "border-collapse": "collapse", "border-left": rf"\d+px solid ({_COLOUR})", "border-left-color": _COLOUR,
    "border-left-width": _LENGTH, "border-radius": _BOX, "color": _COLOUR, "cursor": "pointer",
    "display": "flex|block", "font-family": r"[\w ,-]+", "font-size": _LENGTH, "font-style": "italic",
    "font-weight": r"\d+", "height": _LENGTH, "justify-content": "space-between", "line-height": r"[\d.]+",
    "margin": _BOX, "margin-left": _LENGTH, "max-height": _LENGTH, "max-width": rf"{_LENGTH}|none",
    "min-width": _LENGTH, "opacity": r"\.\d+", "overflow": "auto", "padding": _BOX, "padding-left": _LENGTH,
    "table-layout": "auto", "text-align": "left|right", "text-decoration": "underline",
    "vertical-align": "top|bottom|middle", "white-space": "nowrap|pre-wrap", "width": _LENGTH,
}  # fmt: skip


class Kept(HTMLParser):
    """Collects what a sanitiser would take out, and the text and attribute values that stay."""

    def __init__(self):
        super().__init__()
        self.lost = []
        self.words = []
        self.text = []
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in TAGS:
            self.lost.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):
                self.lost.append(f"<{tag} {name}>")
            if name == "style":
                self.lost += [f"{tag}: {rule}" for rule in value.split(";") if not _holds(rule)]
            elif name == "src":
                self.lost += [] if value.startswith("data:image/svg+xml;base64,") else [value]
            else:
                self.words.append(value or "")

    def handle_data(self, data):
        self.words.append(data)
        self.text.append(data)


def _holds(rule):
    name, _, value = rule.partition(":")
    return name in STYLES and re.fullmatch(STYLES[name], value) is not None


def read(html):
    """Read HTML as an untrusted notebook would."""
    kept = Kept()
    kept.feed(html)
    kept.close()
    return kept
