"""The last small runs of this process as they came in, for those who ask before the database has them."""

from flyte_jupyter.runs.events import Event, RunStarted

_RUNS = 8
_EVENTS = 256
_BYTES = 1 << 20
"""Events, and bytes of them, up to which a run is small: to fold these is quicker than to ask the disk."""


class Recent:
    """Whole runs only: one that has grown, or that began elsewhere, is not here.

    Its caller keeps those apart who note something.
    """

    def __init__(self) -> None:
        self._runs: dict[str, list[Event]] = {}
        self._bytes: dict[str, int] = {}
        self._heard: set[str] = set()
        self._speaker = ""

    def note(self, event: Event, size: int) -> None:
        """Take an event of so many bytes."""
        run = event.run
        events = self._runs.get(run)
        if events is not None:
            events.append(event)
            self._bytes[run] += size
            if len(events) > _EVENTS or self._bytes[run] > _BYTES:
                self._forget(run)
        elif type(event) is RunStarted:
            self._runs[run], self._bytes[run], self._speaker = [event], size, ""
            if len(self._runs) > _RUNS:
                self._forget(next(iter(self._runs)))

    def hear(self, run: str) -> None:
        """Take note that a run prints something."""
        if run != self._speaker:
            self._speaker = run
            if run in self._runs:
                self._heard.add(run)

    def events(self, run: str) -> list[Event] | None:
        """Give all that has happened in a run; None if it is not here."""
        found = self._runs.get(run)
        return None if found is None else found.copy()

    def is_silent(self, run: str) -> bool:
        """Whether a run is here and has printed nothing."""
        return run in self._runs and run not in self._heard

    def clear(self) -> None:
        """Forget all of them."""
        for run in list(self._runs):
            self._forget(run)

    def _forget(self, run: str) -> None:
        self._runs.pop(run, None)
        self._bytes.pop(run, None)
        self._heard.discard(run)
