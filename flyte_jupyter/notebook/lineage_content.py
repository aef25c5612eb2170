"""The content of a cell's values, so that a value can be told from another: digests, and a few words."""

from collections.abc import Callable, Sized
from itertools import count
from types import FunctionType
from typing import Any

from flyte_jupyter.notebook.celltask.contents import data_digest
from flyte_jupyter.runs.run import Run
from flyte_jupyter.tasks.slicing.shown import shown
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.template import TaskTemplate

_LARGE = 512 * 1024 * 1024
"""Bytes of arrays that are digested in a moment that nobody notices at the end of a cell."""

_OBJECT, _LETTER = 2_500, 80
"""So many bytes of an array are digested in the time of one Python object, or of one letter of a text."""

_TOLD = (bool, int, float, str, type(None))
_WORDS = 40
_new = count(1)


def content_of(value: Any) -> str:
    """Digest a value so that equal ones can be told; one too large or without content is always new."""
    func = function_of(value)
    if func is not None:
        return _safely(lambda: slice_of(func).version) or _unequal()
    if isinstance(value, Run):
        return _safely(lambda: _of_run(value)) or _unequal()
    if _weight(value) > _LARGE:
        return _unequal()
    return _safely(lambda: data_digest(value, {})) or _unequal()


def words_of(name: str, value: Any) -> str:
    """Write a small value in words; empty for any other, and never what its name calls secret."""
    if type(value) not in _TOLD:
        return ""
    text = shown(name, value)
    return text if len(text) <= _WORDS else ""


def function_of(value: Any) -> Any:
    """Give the function that a value is or, for a task, runs; None for any other value."""
    if isinstance(value, FunctionType):
        return value
    return getattr(value, "func", None) if isinstance(value, TaskTemplate) else None


def _of_run(run: Run) -> str:
    """Tell runs apart by their results, where these are kept."""
    key = run.state.root.cache_key if run.done() else ""
    return f"result {key}" if key else f"run {run.name}"


def _unequal() -> str:
    return f"new {next(_new)}"


def _safely(make: Callable[[], str]) -> str:
    try:
        return make()
    except Exception:  # noqa: BLE001 - looking at values runs their own code
        return ""


def _weight(value: Any) -> int:
    """Estimate, without a walk over the data, the bytes of an array that are digested in the same time."""
    if isinstance(value, str):
        return len(value) * _LETTER
    if isinstance(value, list | dict | set | tuple | frozenset):
        return len(value) * _OBJECT * _each(value)
    if hasattr(value, "memory_usage"):
        return int(_safely(lambda: str(_frame(value))) or 0)
    size = getattr(value, "nbytes", None)
    return size if isinstance(size, int) else 0


def _each(values: Any) -> int:
    """Estimate how many objects one element holds, from the first."""
    first = next(iter(values.values() if isinstance(values, dict) else values), None)
    return len(first) if isinstance(first, Sized) and not isinstance(first, str | bytes) else 1


def _frame(value: Any) -> int:
    """Weigh a frame or a column; texts that pandas keeps as Arrow data are arrays."""
    dtypes: Any = getattr(value, "dtypes", None)
    columns = list(dtypes) if hasattr(dtypes, "__iter__") else [dtypes]
    objects = sum(bool(dtype == "object") for dtype in columns)
    usage: Any = value.memory_usage(deep=False)
    size = int(usage if isinstance(usage, int) else usage.sum())
    return size + objects * len(value) * _OBJECT
