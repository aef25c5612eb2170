"""The running task's report: ``flyte.report.log("<h1>...</h1>")``."""

from flyte_jupyter.runs.both import Ready, both
from flyte_jupyter.tasks.context import current
from flyte_jupyter.tasks.report import MAIN, Report, Tab

__all__ = ["Report", "Tab", "current_report", "flush", "get_tab", "log", "replace"]


def current_report() -> Report:
    """Give the running task's report; outside of a task, one that nobody sees."""
    task = current.get().task
    return task.report if task is not None else Report()


def get_tab(name: str = MAIN, /, *, create_if_missing: bool = True) -> Tab:
    """Give a tab of the running task's report.

    Raises:
        ValueError: there is none of that name and it must not be made.
    """
    return current_report().get_tab(name, create_if_missing=create_if_missing)


class _Written(Ready):
    """What writing gives: it may be awaited, and at the end of a cell it shows nothing."""

    def _ipython_display_(self) -> None:
        pass


class _Writing:
    """Writing to the main tab; each call returns at once and may be awaited all the same."""

    @both
    def log(self, content: str, do_flush: bool = False) -> Ready:
        """Append a piece of HTML to the main tab."""
        get_tab().log(content)
        return self.flush() if do_flush else _Written()

    @both
    def replace(self, content: str, do_flush: bool = False) -> Ready:
        """Put a piece of HTML in place of everything in the main tab."""
        get_tab().replace(content)
        return self.flush() if do_flush else _Written()

    @both
    def flush(self) -> Ready:
        """Show what is there so far, in the notebook and in the run's record."""
        current_report().flush()
        return _Written()


_writing = _Writing()
log = _writing.log
replace = _writing.replace
flush = _writing.flush
