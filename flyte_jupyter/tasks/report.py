"""Reports: HTML in tabs that a task writes while it runs."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from flyte_jupyter.loading import load

MAIN = "main"
"""The tab that every report has."""

Sink: TypeAlias = Callable[["Report"], None]


class Tab:
    """One tab of a report: a list of HTML pieces."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pieces: list[str] = []

    def log(self, content: str) -> None:
        """Append a piece of HTML."""
        self._pieces.append(_text(content))

    def replace(self, content: str) -> None:
        """Put a piece of HTML in place of everything so far."""
        self._pieces = [_text(content)]

    def get_html(self) -> str:
        """Give the tab's HTML."""
        return "\n".join(self._pieces)


class Report:
    """HTML in tabs. ``flush`` shows what is there so far.

    Args:
        name: the report's title.
        sink: is given the report on each flush; None makes flushing do nothing.
    """

    def __init__(self, name: str = "", sink: Sink | None = None) -> None:
        self.name = name
        self._tabs: dict[str, Tab] = {}
        self._sink = sink

    @property
    def tabs(self) -> Mapping[str, Tab]:
        """The tabs by name, in the order in which they were first asked for."""
        return self._tabs

    def get_tab(self, name: str = MAIN, *, create_if_missing: bool = True) -> Tab:
        """Give a tab.

        Raises:
            ValueError: there is none of that name and it must not be made.
        """
        if name not in self._tabs:
            if not create_if_missing:
                raise ValueError(f"the report has no tab {name!r}; it has {', '.join(self._tabs) or 'none'}")
            self._tabs[name] = Tab(name)
        return self._tabs[name]

    def has_content(self) -> bool:
        """Whether any tab holds anything."""
        return any(tab.get_html() for tab in self._tabs.values())

    def flush(self) -> None:
        """Show what is there so far, in the notebook and in the run's record."""
        if self._sink is not None:
            self._sink(self)

    def get_final_report(self) -> str:
        """Give the whole report as one page that needs nothing from the network."""
        shown = {name: tab.get_html() for name, tab in self._tabs.items() if tab.get_html()}
        if len(shown) <= 1:
            return _page(self.name, "".join(shown.values()))
        return _page(self.name, _tabbed(shown))


def _tabbed(tabs: Mapping[str, str]) -> str:
    # Radio buttons and CSS: tabs that need no script.
    inputs, panels = [], []
    for n, (name, content) in enumerate(tabs.items()):
        checked = " checked" if n == 0 else ""
        inputs.append(
            f'<input type="radio" name="tab" id="t{n}"{checked}><label for="t{n}">{_escaped(name)}</label>'
        )
        panels.append(f'<section class="p{n}">{content}</section>')
    shown = ",".join(f"#t{n}:checked~.panels .p{n}" for n in range(len(tabs)))
    style = f"<style>.panels>section{{display:none}}{shown}{{display:block}}</style>"
    return f'{style}<div class="tabs">{"".join(inputs)}<div class="panels">{"".join(panels)}</div></div>'


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{_escaped(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def _escaped(text: str) -> str:
    return load("html:escape")(text)  # type: ignore[no-any-return] # the tables behind it are only needed here


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise TypeError(f"a report takes HTML text, not {type(content).__name__}")
    return content


_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:12px;color:#222;background:#fff}"
    "img,svg{max-width:100%;height:auto}table{border-collapse:collapse}td,th{padding:2px 8px;text-align:left}"
    ".tabs>input{position:absolute;opacity:0}"
    ".tabs>label{display:inline-block;padding:4px 12px;cursor:pointer;border-bottom:2px solid transparent}"
    ".tabs>input:checked+label{border-color:#3367d6;font-weight:600}"
    ".tabs>input:focus-visible+label{outline:2px solid #3367d6}"
    ".panels{border-top:1px solid #ccc;padding-top:12px}"
)
