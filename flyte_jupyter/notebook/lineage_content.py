"""The content of a cell's values, so that a value can be told from another: digests, and a few words."""

from collections.abc import Callable
from itertools import count
from typing import Any

from flyte_jupyter.notebook.celltask.contents import data_digest
from flyte_jupyter.notebook.lineage_code import code_content, contents, function_of
from flyte_jupyter.notebook.lineage_modules import imported
from flyte_jupyter.notebook.lineage_weight import is_heavy
from flyte_jupyter.runs.run import Run
from flyte_jupyter.tasks.slicing.shown import shown

_TOLD = (bool, int, float, str, type(None))
_WORDS = 40
_new = count(1)


def content_of(value: Any) -> str:
    """Digest a value so that equal ones can be told; one too large or without content is always new.

    What a module defines counts by its name: whether it has changed is told by ``lineage_modules``.
    """
    if name := _safely(lambda: imported(value)):
        return f"imported {name}"
    if function_of(value) is not None or isinstance(value, type):
        return _safely(lambda: code_content(value) or data_digest(value, {})) or _unequal()
    if isinstance(value, Run):
        return _safely(lambda: _of_run(value)) or _unequal()
    if is_heavy(value):
        return _unequal()
    return _safely(lambda: data_digest(value, {}, contents())) or _unequal()


def words_of(name: str, value: Any) -> str:
    """Write a small value in words; empty for any other, and never what its name calls secret."""
    if type(value) not in _TOLD:
        return ""
    text = shown(name, value)
    return text if len(text) <= _WORDS else ""


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
