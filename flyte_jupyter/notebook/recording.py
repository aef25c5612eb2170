"""What a piece of code shows while it runs, kept as plain data, so that it can be shown again."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

_SHOWN = frozenset({"display_data", "execute_result"})
_LIMIT = 20 * 1024 * 1024
"""Characters of what is shown that are kept; the rest is told as left out."""

Shown = list[dict[str, Any]]
"""MIME bundles in the order in which they were shown: {"data", "metadata"}, and "id" where one was given."""


@contextmanager
def recording(shell: Any) -> Iterator[Shown]:
    """Keep what this thread shows while the code inside runs; it is shown all the same."""
    shown: Shown = []

    def hook(message: Any) -> Any:
        _keep(shown, message)
        return message

    hooked = [place for place in (shell.display_pub, shell.displayhook) if hasattr(place, "register_hook")]
    for place in hooked:
        place.register_hook(hook)
    try:
        yield shown
        _flush_figures()
    finally:
        for place in hooked:
            place.unregister_hook(hook)


def replay(shell: Any, shown: Sequence[Mapping[str, Any]]) -> None:
    """Show again what was kept."""
    for one in shown:
        transient = {"display_id": one["id"]} if one.get("id") else None
        shell.display_pub.publish(data=one["data"], metadata=one.get("metadata") or {}, transient=transient)


def _keep(shown: Shown, message: Mapping[str, Any]) -> None:
    """Keep one message; an update replaces what it updates."""
    kind, content = message["header"]["msg_type"], message["content"]
    name = (content.get("transient") or {}).get("display_id")
    if kind == "update_display_data":
        for one in shown:
            if name and one.get("id") == name:
                one["data"], one["metadata"] = content["data"], content["metadata"]
    elif kind in _SHOWN and _size(shown) + len(str(content["data"])) < _LIMIT:
        kept = {"data": content["data"], "metadata": content["metadata"] or {}}
        shown.append({**kept, "id": name} if name else kept)


def _size(shown: Shown) -> int:
    return sum(len(str(one["data"])) for one in shown)


def _flush_figures() -> None:
    """Show the figures that are open: the shell would do so after the code, where they are not kept."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if inline is not None and pyplot is not None and "inline" in pyplot.get_backend().lower():
        inline.flush_figures()
