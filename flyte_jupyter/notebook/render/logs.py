"""The end of a log as HTML: the last lines, colours kept, and a word on what is not shown."""

from collections.abc import Sequence

from flyte_jupyter.notebook.render.ansi import GROUND, INK, ansi, coloured, stripped
from flyte_jupyter.notebook.render.html import Html, join, note, tag
from flyte_jupyter.notebook.render.text import plural

MONO = "font-family:ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;font-size:12px;line-height:1.45"
_FRAME = "margin:4px 0;padding:6px 10px;border:1px solid rgba(128,128,128,.35);border-radius:4px"
_BOX = f"{MONO};{_FRAME};white-space:pre-wrap;max-height:400px;overflow:auto;text-align:left"


def log_html(
    text: str | Sequence[str], *, lines: int = 50, limit: int = 8_000, total: int | None = None
) -> Html:
    """Show the last lines of a log.

    Args:
        text: the log, or its end, as text or as lines.
        lines: show at most so many.
        limit: show at most so many characters of them.
        total: how many lines the whole log has, where ``text`` is only its end.
    """
    shown, count = tail(text, lines, limit)
    if not shown.strip():
        return note("No output.")
    hidden = max(count, total or 0) - shown.count("\n") - 1
    more = note(f"The last {plural(shown.count(chr(10)) + 1, 'line')}; {hidden:,} before are not shown.")
    return join([more if hidden > 0 else None, screen(shown)])


def screen(text: str) -> Html:
    """Show terminal text: on a ground of its own where it is coloured, else in the page's own colours."""
    if coloured(text):
        return tag("pre", ansi(text), style=f"{_BOX};color:{INK};background:{GROUND}")
    return tag("pre", stripped(text), style=_BOX)


def tail(text: str | Sequence[str], lines: int, limit: int) -> tuple[str, int]:
    """Cut a log to its last lines and characters; also give the number of lines that it has."""
    if isinstance(text, str):
        text = text.rstrip("\n")
        count = text.count("\n") + 1 if text else 0
        last = text.rsplit("\n", lines)
        shown = "\n".join(last[-lines:]) if len(last) > lines else text
    else:
        count = len(text)
        shown = "\n".join(part.rstrip("\n") for part in text[-lines:])
    return _last(shown, limit), count


def _last(text: str, limit: int) -> str:
    """Keep the end, from the start of a line where that leaves anything."""
    if len(text) <= limit:
        return text
    end = text[-limit:]
    start = end.find("\n") + 1
    return end[start:] if 0 < start < len(end) // 2 else "…" + end
