"""One form as a widget: fields, the code that they stand for, and buttons.

Each message of the front end carries all that the form shows, also a press of a button: so what is pressed
acts on what is seen, and nothing depends on a value that is still on its way.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from flyte_jupyter.notebook.render.html import Html, tag

_STATIC = Path(__file__).parents[1] / "static"

Values = Mapping[str, Any]
"""What the fields hold, by their names: text, True or False, the chosen keys of a table, or layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field.

    Args:
        name: its name among the values.
        label: what it is called.
        kind: text, lines (text of several lines), number, date, moment (a date and a time), check, choice,
            table, or layers (pairs of a kind and a text, in an order that a person changes); shown (a table)
            and pre (text) are only looked at.
        value: what it holds at first.
        choices: of a choice, what can be chosen; of a text, what is suggested; of layers, their kinds.
        columns: of a table, their names; of layers, what to write for each kind.
        rows: of a table, (key, cells) pairs; what is chosen are keys.
        help: what to write, for people.
    """

    name: str
    label: str
    kind: str = "text"
    value: Any = ""
    choices: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a form shows for its values.

    Args:
        code: the code that they stand for.
        problem: why they stand for none.
        said: what was done, or what a person should know.
        fields: fields that are to be drawn anew.
        begun: whether something has begun that tells its steps; earlier ones are taken away.
    """

    code: str = ""
    problem: str = ""
    said: str = ""
    fields: tuple[Field, ...] = field(default=())
    begun: bool = False


class Panel(Protocol):
    """What a form is about."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields, with what they hold at first."""

    @property
    def buttons(self) -> tuple[str, ...]:
        """What can be done."""

    def answer(self, values: Values) -> Answer:
        """Show what some values stand for."""

    def press(self, button: str, values: Values) -> Answer:
        """Do what a button says, with these values."""


class Form(anywidget.AnyWidget):
    """A form to fill in.

    Args:
        panel: what it is about.
    """

    _esm = _STATIC / "form.js"
    _css = _STATIC / "form.css"
    content = traitlets.Dict().tag(sync=True)

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        fields = [asdict(one) for one in panel.fields]
        first = asdict(panel.answer({one.name: one.value for one in panel.fields}))
        content = {"title": panel.title, "fields": fields, "buttons": list(panel.buttons), "first": first}
        super().__init__(content=content)
        self.on_msg(self._hear)

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict) or not isinstance(message.get("values"), dict):
            return
        answer = self.answered(message.get("button"), message["values"])
        self.send({"asked": message.get("asked"), "view": message.get("view"), **asdict(answer)})

    def tell(self, key: str, line: str) -> None:
        """Show a line of what goes on; one of the same key takes the place of the one before."""
        self.send({"step": {"key": key, "line": line}})

    def answered(self, button: object, values: Values) -> Answer:
        """Answer a message; a problem is told, not raised, as there is no cell to raise it in."""
        known = {one.name: values.get(one.name, one.value) for one in self.panel.fields}
        try:
            if button in self.panel.buttons:
                return self.panel.press(str(button), known)
            return self.panel.answer(known)
        except Exception as error:  # noqa: BLE001 - what a person wrote is evaluated, their task may run
            return Answer(problem=f"{type(error).__name__}: {error}")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Give the widget, and beside it the code for places without widgets."""
        found = super()._repr_mimebundle_(**kwargs)
        data, metadata = found if isinstance(found, tuple) else (found or {}, {})
        code = self.content["first"]["code"] or self.panel.title
        return {**data, "text/html": str(_still(self.panel.title, code)), "text/plain": code}, metadata


def _still(title: str, code: str) -> Html:
    return tag("div", tag("strong", title), tag("pre", code))
