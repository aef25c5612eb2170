"""Log records of a worker: made there, shown by the handlers of the kernel."""

import logging
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
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


def streams() -> tuple[tuple[str, int, bytes], ...]:
    """Describe the root's handlers that write to this process's streams: which, from which level, and how."""
    found = []
    for handler in logging.root.handlers:
        name = _stream(handler)
        if name:
            found.append((name, handler.level, _pickled(handler.formatter)))
    return tuple(found)


def set_streams(wanted: Iterable[tuple[str, int, bytes]]) -> None:
    """Let the root have such handlers, and no others."""
    logging.root.handlers.clear()
    for name, level, formatter in wanted:
        handler = logging.StreamHandler(getattr(sys, name))
        handler.setLevel(level)
        handler.setFormatter(pickle.loads(formatter))  # noqa: S301 - from the kernel
        logging.root.addHandler(handler)


def _stream(handler: logging.Handler) -> str:
    stream = getattr(handler, "stream", None)
    return next(
        (name for name in ("stdout", "stderr") if stream is not None and stream is getattr(sys, name)), ""
    )


def _pickled(formatter: logging.Formatter | None) -> bytes:
    """Pickle a formatter; of one that is the notebook's own, its format."""
    plain = formatter is None or type(formatter) is logging.Formatter
    return pickle.dumps(formatter if plain else logging.Formatter(getattr(formatter, "_fmt", None)))


def show(content: Mapping[str, Any]) -> None:
    """Give a record to the handlers of this process."""
    record = logging.makeLogRecord(dict(content))
    logging.getLogger(record.name if record.name != "root" else None).handle(record)
