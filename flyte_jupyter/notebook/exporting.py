"""An exported module's file: what was changed in it by hand is not written over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.export import drift, export

_MARK = "# task "


def save(notebook: Mapping[str, Any], name: str, to: Path, *, force: bool = False) -> str:
    """Write a notebook's content as a module into a file.

    Args:
        notebook: the content.
        name: what to call the notebook in the module's documentation.
        to: the file.
        force: write over a file that is something else, or that was changed since it was exported.

    Returns:
        What was written, and what the module does not do, a sentence a line.

    Raises:
        Error: the content cannot be written as a module, or the file must not or cannot be written.
    """
    found = export(notebook, name)
    if not force:
        _check(to, notebook)
    try:
        to.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise Error(f"{to} cannot be written: {error.strerror or error}") from None
    tasks = f"with {', '.join(found.tasks)}" if found.tasks else "without tasks"
    return "\n".join([f"{to} is written, {tasks}", *found.notes])


def _check(to: Path, notebook: Mapping[str, Any]) -> None:
    """Refuse to write over what somebody wrote.

    Raises:
        Error: the file is not one that was exported, or it was changed since.
    """
    if not to.exists():
        return
    try:
        text = to.read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    if text and not any(line.startswith(_MARK) for line in text.splitlines()):
        raise Error(f"{to} exists and was not exported from a notebook; --force writes over it")
    changed = [one.task for one in drift(text, notebook) if one.module] if text else []
    if changed:
        raise Error(f"{to} was changed since it was exported: {', '.join(changed)}; --force writes over it")
