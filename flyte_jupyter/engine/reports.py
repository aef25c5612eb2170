"""The reports that a run's actions flush: kept in the store, and the last of each known to the cache."""

import time

from flyte_jupyter import redaction
from flyte_jupyter.runs.events import ReportWritten
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.report import Report


class Reports:
    """Keeps reports. It does not know the run's live side, which knows it: no cycle holds either of them.

    Args:
        run: the run's name.
        store: where they are kept.
    """

    def __init__(self, run: str, store: RunStore) -> None:
        self.last: dict[str, ReportWritten] = {}
        self._run = run
        self._store = store

    def publish(self, action: str, report: Report) -> None:
        """Keep a flushed report."""
        page = redaction.redact(report.get_final_report())
        blob = self._store.blobs.put(page.encode("utf-8", "replace"))
        tabs = tuple(map(redaction.redact, report.tabs))
        event = ReportWritten(run=self._run, action=action, time=time.time(), blob=blob, tabs=tabs)
        self.last[action] = event
        self._store.append(event)
