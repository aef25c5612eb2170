"""A frame as a table that is paged, sorted and filtered in the kernel: a widget in an output of its own."""

import argparse
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.core.error import UsageError

from flyte_jupyter.ids import random_name
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.arrow_pages import MOST_COLUMNS, MOST_ROWS, Pages, Wanted
from flyte_jupyter.notebook.command import run_of
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.previews import is_frame
from flyte_jupyter.notebook.render.frames import frame_preview, frame_text, headings, sampled_words
from flyte_jupyter.notebook.render.html import note, tag

_STATIC = Path(__file__).parent / "static"


class PagedFrame(anywidget.AnyWidget):
    """A frame to page through.

    The front end asks with messages of its own that carry all that it shows: page, order and filter. So what
    comes back is what was asked for, whichever of several views asked, and nothing depends on a trait that is
    still on its way.

    Args:
        frame: a pandas or polars DataFrame or an Arrow table.
        title: what it is, for people.
    """

    _esm = _STATIC / "paging.js"
    _css = _STATIC / "paging.css"
    content = traitlets.Dict().tag(sync=True)

    def __init__(self, frame: Any, title: str = "") -> None:
        self._pages = Pages(frame)
        columns = headings(self._pages.table, MOST_COLUMNS)
        left = len(self._pages.table.schema.names) - len(columns)
        first = self._pages.page(Wanted())
        self._face = random_name("f")
        about = {"title": title, "left": left, "note": sampled_words(self._pages.rows), "most": MOST_ROWS}
        about["face"] = self._face
        super().__init__(content={**about, "columns": columns, "first": first})
        self._columns = len(columns)
        self._frame = frame
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict):
            return
        page = self._pages.page(Wanted.of(message, self._columns))
        self.send({"view": message.get("view"), "asked": message.get("asked"), **page})

    def face(self) -> dict[str, str]:
        """Show the frame's first rows, for an output of its own that the widget hides while it lives.

        Where a widget is gone, front ends show an error in its place and ignore what stands beside it.
        """
        kept = note(
            "As it was when the cell ran. Run the cell again to page through it, sort it and filter it."
        )
        shown = tag("div", frame_preview(self._frame), kept, **{"data-flyte-frame": self._face})
        return {"text/html": str(shown), "text/plain": frame_text(self._frame)}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Give the widget, and beside it few words for places without widgets."""
        found = super()._repr_mimebundle_(**kwargs)
        data, metadata = found if isinstance(found, tuple) else (found or {}, {})
        words = "In a running notebook, the table pages, sorts and filters."
        return {**data, "text/html": str(note(words)), "text/plain": words}, metadata


def frame(given: argparse.Namespace, here: Here) -> PagedFrame:
    """Page through a frame: a variable's, or one that an action has returned."""
    found = _found(given, here)
    here.show(found.face())
    return found


def _found(given: argparse.Namespace, here: Here) -> PagedFrame:
    held = here.names.get(given.run)
    if is_frame(held):
        return PagedFrame(held, given.run)
    run = run_of(given.run, here)
    action = load("flyte_jupyter.terminal.found:action")(run, given.action) if given.action else run.root
    found = {name: value for name, value in action.outputs().named_outputs.items() if is_frame(value)}
    if given.output is not None or len(found) == 1:
        name = given.output or next(iter(found))
        if name in found:
            return PagedFrame(found[name], f"{action.state.short}, {name}")
    gave = f"{action.state.task} of run {run.name} gave {', '.join(found) or 'no frames'}"
    raise UsageError(f"{gave}; choose one with --output NAME" if found else gave)
