"""A cell that is a task by its metadata: the same as under ``%%flyte_task``, with no magic line.

A form in the editor keeps the options in the cell's metadata, under ``flyte``; the front end sends them with
the cell: ``{"flyte": {"task": true, "env": "ml", "cpu": 2, "cache": "auto"}}``.
"""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.notebook.body import is_below
from flyte_jupyter.notebook.options import BY_NAME

KEY = "flyte"


def line_of(meta: Mapping[str, Any]) -> str | None:
    """Write a cell's metadata as the line of the magic; None if it is no task.

    Raises:
        UsageError: there is no such option.
    """
    said = meta.get(KEY)
    if not isinstance(said, Mapping) or not said.get("task"):
        return None
    words = [said["task"]] if isinstance(said["task"], str) else []
    for name, value in said.items():
        if name != "task":
            words += _words(name, value)
    return shlex.join(map(str, words))


def forming(shell: Any, magic: str) -> Callable[[list[str]], list[str]]:
    """Make the transformation that puts the magic around a cell whose metadata asks for it."""

    def transform(lines: list[str]) -> list[str]:
        request = None if is_below() else _request(shell)
        text = "".join(lines)
        if not request or text.strip() != str(request["content"].get("code", "")).strip():
            return lines
        if text.lstrip().startswith("%%") or (line := line_of(request.get("metadata") or {})) is None:
            return lines
        return [f"get_ipython().run_cell_magic({magic!r}, {line!r}, {text!r})\n"]

    return transform


def _request(shell: Any) -> Mapping[str, Any] | None:
    """Give the request to execute a cell that is being worked on."""
    get = getattr(shell, "get_parent", None)
    parent = get() if get is not None else None
    if not parent or parent.get("header", {}).get("msg_type") != "execute_request":
        return None
    found: Mapping[str, Any] = parent
    return found


def _words(name: str, value: Any) -> list[Any]:
    option = BY_NAME.get(name.replace("-", "_"))
    if option is None:
        raise UsageError(f"the cell's metadata has no option {name!r}; it has task, {', '.join(BY_NAME)}")
    flag = option.flags[-1]
    if value is None or value is False or value == "":
        return []
    if value is True:
        return [flag]
    if option.many and isinstance(value, list | tuple):
        return [word for one in value for word in (flag, one)]
    return [flag, ",".join(map(str, value)) if isinstance(value, list | tuple) else value]
