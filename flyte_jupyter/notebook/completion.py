"""Tab on the lines of ``%%flyte_task`` and ``%flyte``: the shell asks, ``completing`` answers."""

import re
from collections.abc import Callable
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from flyte_jupyter.loading import load
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.sources import ABOVE

_CELL = re.compile(ABOVE + r"[^\S\n]*%%flyte_task(?=\s)([^\n]*)")
_LINE = re.compile(r"\s*%flyte(?=\s)")


def matcher(here: Here) -> Callable[[Any], Any]:
    """Make the matcher for a shell's completer."""

    def match(context: Any) -> Any:
        before = context.text_until_cursor
        above = context.full_text.split("\n")[: context.cursor_line]
        if begin := _CELL.fullmatch("\n".join((*above, before))):
            word, found = _completing("options")(begin[1], here.names)
        elif begin := _LINE.match(before):
            word, found = _completing("subcommands")(before[begin.end() :], here)
        else:
            return {"completions": [], "suppress": False}
        return {
            "completions": [SimpleCompletion(text, type="magic") for text in found],
            "matched_fragment": word,
            "suppress": True,
            "ordered": True,
        }

    made: Callable[[Any], Any] = context_matcher(identifier="flyte_jupyter", priority=200)(match)
    return made


def _completing(name: str) -> Any:
    return load(f"flyte_jupyter.notebook.completing:{name}")
