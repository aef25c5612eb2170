"""Which cell is running, and which one a piece of code stands in."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

_NOTEBOOK_NAMES = ("__vsc_ipynb_file__", "__session__")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One execution of a cell.

    Args:
        id: the notebook format's id of the cell; empty where the front end sends none.
        number: the number of the execution: ``In[number]``.
        raw: the text as it was written.
        meta: the cell's metadata, as far as the front end sends it.
        message: the request that it was executed by; empty outside of a kernel.
    """

    id: str = ""
    number: int = 0
    raw: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def label(self) -> str:
        """The name of the cell for people."""
        return f"Cell In[{self.number}]"

    def first_line(self, magic: str) -> int:
        """Give the line number at which the body of a cell magic begins: 1 where no line names the magic."""
        for number, line in enumerate(self.raw.splitlines(), 1):
            if line.lstrip().startswith(f"%%{magic}"):
                return number + 1
            if line.strip() and not line.lstrip().startswith("%%"):
                break
        return 1


class Cells:
    """Follows the cells of one shell: the ``current`` one, and the request that is ``running``, if one is.

    Args:
        shell: the interactive shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.current = Cell()
        self.running = ""
        self._by_code: dict[str, Cell] = {}
        self._ids: dict[int, str] = {}
        self._parts = 0

    @property
    def is_part(self) -> bool:
        """Whether what runs is a part of the current cell that a magic has the shell run: ``%%capture``."""
        return self._parts > 0

    def begin(self, info: Any) -> None:
        """Take note of a cell that is about to run; the callback of ``pre_run_cell``."""
        if self.running and self.running == self.message() and not info.store_history:
            self._parts += 1
            self._by_code[self._code_name(info)] = self.current
            return
        self._parts = 0
        self.current = cell = Cell(
            id=getattr(info, "cell_id", None) or "",
            number=self._shell.execution_count - (1 if info.store_history else 0),
            raw=info.raw_cell or "",
            meta=getattr(info, "cell_meta", None) or self._parent().get("metadata") or {},
            message=self.message(),
        )
        self.running = cell.message
        self._by_code[self._code_name(info)] = cell
        if info.store_history:
            self._ids[cell.number] = cell.id

    def going_on(self) -> SimpleNamespace | None:
        """Describe the cell that is running, where nobody has heard of its beginning; None if none is."""
        parent = self._parent()
        if (parent.get("header") or {}).get("msg_type") != "execute_request":
            return None
        content, meta = parent.get("content") or {}, parent.get("metadata") or {}
        return SimpleNamespace(
            raw_cell=str(content.get("code", "")),
            store_history=bool(content.get("store_history", True)),
            cell_id=meta.get("cellId"),
            cell_meta=meta,
        )

    def end(self, _result: Any) -> None:
        """Take note of its end; the callback of ``post_run_cell``."""
        if self._parts:
            self._parts -= 1
        else:
            self.running = ""

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let other cells run inside of the one that is running."""
        outer = self.current
        try:
            yield
        finally:
            self.current, self.running = outer, outer.message

    def of_code(self, filename: str) -> Cell | None:
        """Find the cell that the code with this file name was compiled from."""
        return self._by_code.get(filename)

    def executed(self) -> list[tuple[str, str]]:
        """Give the id and the text of each execution in order, but for the one that is going on."""
        texts = list(enumerate(self._shell.history_manager.input_hist_raw))[1:]
        now = self.current.number
        return [(self._ids.get(number, ""), text) for number, text in texts if text and number != now]

    def message(self) -> str:
        """Give the request that this thread works for: background threads keep their own cell's."""
        return str((self._parent().get("header") or {}).get("msg_id", ""))

    def source(self) -> dict[str, str]:
        """Tell where a run is started from, for its record."""
        cell = self.current
        found = {"notebook": self.notebook(), "cell": cell.id, "execution": str(cell.number or "")}
        return {name: value for name, value in found.items() if value}

    def notebook(self) -> str:
        """Give the notebook's path, as far as the front end tells it."""
        names = self._shell.user_ns
        found = next((names[n] for n in _NOTEBOOK_NAMES if isinstance(names.get(n), str)), None)
        return found or os.environ.get("JPY_SESSION_NAME", "")

    def _parent(self) -> Mapping[str, Any]:
        get = getattr(self._shell, "get_parent", None)
        return (get() if get is not None else None) or {}

    def _code_name(self, info: Any) -> str:
        transformed = getattr(info, "transformed_cell", None) or info.raw_cell
        name = self._shell.compile.get_code_name(info.raw_cell, transformed, self._shell.execution_count)
        return str(name)
