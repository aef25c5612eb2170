"""Tells those who watch runs of one that begins, and of its end; they cannot make it fail."""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from operator import methodcaller
from typing import Any

from flyte_jupyter.engine.setup import Observer
from flyte_jupyter.runs.run import Run

_log = logging.getLogger("flyte_jupyter")


def tell(observers: Iterable[Observer], run: Run, end: ExitStack) -> None:
    """Tell of the run's beginning; of its end when ``end`` is closed."""
    for observer in observers:
        closing = _guarded(run, observer, run)
        if closing is not None:
            end.callback(_guarded, run, methodcaller("close"), closing)


def _guarded(run: Run, step: Callable[..., Any], *args: Any) -> Any:
    try:
        return step(*args)
    except Exception:  # noqa: BLE001 - observers are anybody's
        _log.exception("an observer of run %s failed", run.name)
        return None
