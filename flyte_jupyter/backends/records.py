"""Log records of a worker: made there, shown by the handlers of the kernel."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flyte_jupyter.tasks.context import TaskContext, current

Tell = Callable[[TaskContext | None, dict[str, Any]], None]

_FIELDS = ("name", "levelno", "levelname", "created", "pathname", "filename", "module", "lineno", "funcName")


class Sender(logging.Handler):
    """Sends records to the kernel.

    Args:
        tell: takes a record away, with the task that made it.
    """

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; its message is put together here, so that its arguments need not travel."""
        try:
            content = {name: getattr(record, name) for name in _FIELDS}
            content["msg"] = record.getMessage()
            if record.exc_info:
                content["exc_text"] = logging.Formatter().formatException(record.exc_info)
        except Exception:  # noqa: BLE001 - the user's arguments may do anything
            self.handleError(record)
        else:
            self._tell(current.get().task, content)


def levels() -> dict[str, int]:
    """Give the levels that loggers of this process have been set to; the root's name is empty."""
    found = {"": logging.root.level}
    for name, logger in logging.root.manager.loggerDict.copy().items():
        if isinstance(logger, logging.Logger) and logger.level:
            found[name] = logger.level
    return found


def set_levels(wanted: Mapping[str, int]) -> None:
    """Set the levels of loggers."""
    for name, level in wanted.items():
        logging.getLogger(name or None).setLevel(level)


def show(content: Mapping[str, Any]) -> None:
    """Give a record to the handlers of this process."""
    record = logging.makeLogRecord(dict(content))
    logging.getLogger(record.name if record.name != "root" else None).handle(record)
