"""A tiny builder of HTML that escapes everything that is not already HTML."""

import base64
import html
from collections.abc import Iterable

from flyte_jupyter.notebook.render.text import clean

_EMPTY = frozenset({"br", "hr", "img", "col", "wbr", "meta"})
_SAFE_SOURCE = "data:image/"


class Html(str):
    """Markup. Any other text is escaped where it meets markup."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


def escape(value: object) -> Html:
    """Turn any value into markup that shows it; markup stays as it is."""
    return value if isinstance(value, Html) else Html(html.escape(clean(value)))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Put parts after each other; None and "" are left out."""
    shown = [part if isinstance(part, Html) else escape(part) for part in parts if part is not None]
    return Html((escape(between) if between else "").join(filter(None, shown)))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """Build an element: ``tag("td", text, style="width:3em", colspan=2)``.

    Children are escaped unless they are ``Html``. An attribute that is None or False is left out, True writes
    the bare name. ``src`` takes images by value only, and there is no attribute that runs code or leads away.

    Raises:
        ValueError: the attribute could carry code or a foreign address.
    """
    start = f"<{name}{''.join(_attribute(k, v) for k, v in attributes.items())}>"
    if name in _EMPTY:
        return Html(start)
    return Html(f"{start}{join(children)}</{name}>")


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    if name == "href" or name.startswith("on") or (name == "src" and not str(value).startswith(_SAFE_SOURCE)):
        raise ValueError(f"attribute {name}={str(value)[:40]!r} may not be written; images by value only")
    return f" {name}" if value is True else f' {name}="{html.escape(clean(value))}"'


def picture(svg: str, alt: str, width: float, height: float, *, shrinks: bool = True) -> Html:
    """Carry a drawing by value: an inline ``<svg>`` does not survive in a notebook that is not trusted.

    Args:
        svg: the drawing.
        alt: what it shows, in words.
        width: in pixels.
        height: in pixels.
        shrinks: it is made smaller where there is no room.
    """
    style = f"max-width:{'100%' if shrinks else 'none'};height:auto;vertical-align:middle"
    return tag("img", alt=alt, width=round(width), height=round(height), style=style, src=data_of(svg))


def data_of(svg: str) -> str:
    """Write a drawing as the address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def fold(title: object, *children: object, unfolded: bool = False) -> Html:
    """Build a section that folds."""
    summary = tag("summary", title, style="cursor:pointer;padding:3px 0")
    return tag("details", summary, *children, open=unfolded, style="margin:0")


def note(*children: object) -> Html:
    """Build a quiet line of text."""
    return tag("div", *children, style="font-size:12px;opacity:.75;padding:2px 0")
