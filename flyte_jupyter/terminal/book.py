"""A notebook to execute: read, its cells, written with its outputs."""

import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.render.text import shorten

_SKIPPED = "skip-execution"


@dataclass(kw_only=True)
class Book:
    """A notebook to execute.

    Args:
        notebook: its content; outputs are put into it.
        path: what it is called.
        folder: the working directory of its kernel.
        home: the folder of the run store.
        output: where to write it with its outputs, if anywhere.
    """

    notebook: Any
    path: Path
    folder: Path
    home: Path
    output: Path | None = None

    @property
    def cells(self) -> list[tuple[int, Any]]:
        """The cells that run, with their places."""
        return [(i, cell) for i, cell in enumerate(self.notebook.cells) if _runs(cell)]

    def write(self) -> None:
        """Write it with its outputs: whole, or not at all."""
        if self.output is None:
            return
        descriptor, name = tempfile.mkstemp(dir=self.output.parent, prefix=".", suffix=".ipynb")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                nbformat.write(self.notebook, file)  # type: ignore[no-untyped-call]
            Path(name).chmod(_mode(self.output))
            Path(name).replace(self.output)
        finally:
            Path(name).unlink(missing_ok=True)


def read(path: Path) -> Any:
    """Read a notebook; outputs that it holds are dropped.

    Raises:
        Error: it is not there, or is no notebook.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a notebook of an older version lacks ids; they are made
            notebook = nbformat.v4.upgrade(nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call]
            nbformat.validate(notebook)
    except FileNotFoundError:
        raise Error(f"there is no notebook {path}") from None
    except (ValueError, KeyError, AttributeError, TypeError, nbformat.ValidationError) as error:
        raise Error(f"{path} is no notebook: {shorten(error, 200)}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _runs(cell: Any) -> bool:
    tags = cell.metadata.get("tags", [])
    return cell.cell_type == "code" and bool(cell.source.strip()) and _SKIPPED not in tags


def _mode(file: Path) -> int:
    """Keep the permissions of a file that is there; else those that a new one would get."""
    if file.exists():
        return file.stat().st_mode
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
