"""Keeps databases closed while this process forks.

SQLite remembers for each file which locks this process holds, and a forked child has a copy of that memory:
it would wait for ever for what its parent was just doing, and later remove files that its parent uses. Only
with no database open is that memory empty.
"""

import time
from threading import Lock, get_ident

_LOOK = 0.001  # seconds between looks, while a fork and the database wait for each other
_PATIENCE = 2.0  # seconds that a fork waits; what takes longer is left to the child's luck


class Gate:
    """Lets any number of threads use databases, or this process fork."""

    def __init__(self) -> None:
        self._inside: dict[int, int] = {}
        self._turn = Lock()  # held while this process forks, from one thread at a time

    def __enter__(self) -> None:
        me = get_ident()
        depth = self._inside.get(me, 0)
        while True:
            self._inside[me] = depth + 1
            if depth or not self._turn.locked():
                return
            self._inside.pop(me)
            time.sleep(_LOOK)

    def __exit__(self, *_: object) -> None:
        me = get_ident()
        depth = self._inside.pop(me, 1) - 1
        if depth:
            self._inside[me] = depth

    def shut(self) -> bool:
        """Let nobody in any more and wait until all are out; False if somebody stays inside."""
        self._turn.acquire()
        end = time.monotonic() + _PATIENCE
        while len(self._inside) > (get_ident() in self._inside):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK)
        return True

    def open(self) -> None:
        """Let everybody in again."""
        self._turn.release()

    def renew(self) -> None:
        """Begin anew, in a forked child."""
        self.__init__()  # type: ignore[misc] # nobody else is here


gate = Gate()
