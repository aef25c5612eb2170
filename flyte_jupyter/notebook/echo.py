"""What a cell shows of its tasks' output: so much that the notebook stays small; the log has all of it."""

import threading

ROOM = 200_000
"""Characters that one execution of a cell shows of what its tasks print."""


class Echo:
    """The room that the runs of one execution of a cell share.

    Args:
        room: how many characters are left.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()

    def show(self, text: str, run: str) -> str:
        """Give what is shown of a text: all of it, its first lines and a note, or nothing."""
        if self._room < 0:
            return ""
        with self._lock:
            if self._room < 0:
                return ""
            if len(text) <= self._room:
                self._room -= len(text)
                return text
            kept = text[: text.rfind("\n", 0, self._room) + 1]
            self._room = -1
        return f"{kept}… a cell shows {ROOM:,} characters; everything is in the log: %flyte logs {run}\n"
