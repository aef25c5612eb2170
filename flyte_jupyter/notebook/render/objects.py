"""What an object of ours looks like: a title and named facts, as HTML and as text."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from flyte_jupyter.notebook.render.html import Html, fold, join, tag
from flyte_jupyter.notebook.render.logs import MONO
from flyte_jupyter.notebook.render.text import clean, columns, line, shorten

Facts: TypeAlias = Mapping[str, object]
"""Names and values; a value may be text, ``Html``, facts of its own, or several values."""

FRAME = (
    "border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:8px 12px;"
    "text-align:left;max-width:1000px"
)
BLOCK = 400
"""A text value of more characters, or of several lines, folds."""

_CELL = "padding:2px 16px 2px 0;text-align:left;vertical-align:top"


def object_html(title: str, facts: Facts, *, kind: str = "", code: str = "", folded: str = "Source") -> Html:
    """Show an object as a titled list of facts; facts that are None or empty are left out.

    Args:
        title: its name.
        facts: what there is to know about it.
        kind: what it is, shown before its name: ``"Task"``.
        code: source or other preformatted text, folded below.
        folded: what that text is.
    """
    head = join([tag("span", kind, style="opacity:.75") if kind else None, tag("strong", line(title))], " ")
    below = fold(folded, block(code)) if code else None
    return tag("div", tag("div", head, style="padding:0 0 4px"), _facts(facts), below, style=FRAME)


def object_text(title: str, facts: Facts, *, kind: str = "") -> str:
    """Show an object in a terminal: its title, then one indented line a fact."""
    head = f"{kind} {line(title)}" if kind else line(title)
    return "\n".join([head, *_lines(facts, "  ")])


def block(text: object) -> Html:
    """Show preformatted text."""
    return tag("pre", clean(text), style=f"{MONO};margin:2px 0;white-space:pre-wrap;text-align:left")


def _facts(facts: Facts) -> Html:
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row", style=f"{_CELL};font-weight:600"),
            tag("td", _value(value), style=_CELL),
        )
        for name, value in facts.items()
        if _said(value)
    ]
    return tag("table", tag("tbody", *rows), style="margin:0;border-collapse:collapse;table-layout:auto")


def _said(value: object) -> bool:
    return value is not None and value not in ("", (), [], {})


def _value(value: object) -> Html:
    if isinstance(value, Mapping):
        return _facts(value)
    if isinstance(value, list | tuple | set | frozenset):
        return join((_value(part) for part in _ordered(value)), ", ")
    if isinstance(value, Html):
        return value
    text = _word(value)
    if len(text) > BLOCK or "\n" in text:
        return fold(shorten(text, 80), block(text))
    return join([text])


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else clean(value)


def _ordered(values: Iterable[object]) -> Iterable[object]:
    return sorted(values, key=str) if isinstance(values, set | frozenset) else values


def _lines(facts: Facts, indent: str) -> Iterable[str]:
    said = {line(name): value for name, value in facts.items() if _said(value)}
    width = max(map(columns, said), default=0)
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}{' ' * (width - columns(name))}  {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(part) for part in _ordered(value))
    return shorten(_word(value), 200)
