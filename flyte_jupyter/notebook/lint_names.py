"""Names on a fresh run from top to bottom: is each one there when a cell needs it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from flyte_jupyter.notebook.bindings import Step, is_known, steps
from flyte_jupyter.notebook.found import Finding, finding
from flyte_jupyter.notebook.sources import CodeCell


@dataclass(slots=True)
class _Book:
    """What is known of all cells.

    Args:
        binding: the cells that bind each name, in order.
    """

    binding: dict[str, list[CodeCell]] = field(default_factory=dict)


@dataclass(slots=True)
class _Kernel:
    """What a kernel would know at one moment of a fresh run.

    Args:
        names: the names that exist.
        deleted: names that a cell has deleted.
        needs: what functions need when they are called.
        opened: whether there may be names that cannot be told.
    """

    names: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    needs: dict[str, Mapping[str, int]] = field(default_factory=dict)
    opened: bool = False

    def has(self, name: str) -> bool:
        """Whether a name is there."""
        return self.opened or name in self.names or is_known(name)

    def run(self, step: Step) -> None:
        """Take note of what a statement does."""
        self.names |= step.binds
        self.names -= step.deletes
        self.deleted = (self.deleted | step.deletes) - step.binds
        self.opened = self.opened or step.opens
        for name in step.binds:
            self.needs[name] = step.later or {}


def undefined(cells: Sequence[CodeCell]) -> Iterator[Finding]:
    """Find names that are not there when they are needed."""
    taken = {cell.number: steps(cell) for cell in cells}
    book = _Book()
    for cell in cells:
        for name in {name for step in taken[cell.number] for name in step.binds}:
            book.binding.setdefault(name, []).append(cell)
    kernel = _Kernel()
    for cell in cells:
        told: set[str] = set()
        for step in taken[cell.number]:
            for name, line, called in _missing(step, kernel, book):
                if name not in told:
                    told.add(name)
                    yield _finding(cell, line, name, called, kernel, book)
            kernel.run(step)


def _missing(step: Step, kernel: _Kernel, book: _Book) -> Iterator[tuple[str, int, str]]:
    """Give names with their lines, and the function that needs them when it is called."""
    for name, line in step.uses.items():
        if not kernel.has(name):
            yield name, line, ""
    for name, line in step.later.items():
        if name not in book.binding and not kernel.has(name) and name not in step.binds:
            yield name, line, ""
    for function in step.calls & kernel.needs.keys():
        for name in kernel.needs[function]:
            if name in book.binding and not kernel.has(name) and name not in step.binds:
                yield name, step.uses.get(function, step.line), function


def _finding(cell: CodeCell, line: int, name: str, called: str, kernel: _Kernel, book: _Book) -> Finding:
    subject = f"{called}() needs {name!r}, which" if called else f"{name!r}"
    if name in kernel.deleted:
        message = f"{subject} was deleted before this cell runs"
        return finding("FJ001", cell, line, message, f"Delete {name!r} later, or define it again")
    places = book.binding.get(name, [])
    after = [place for place in places if place.number >= cell.number]
    if after and after[0] is not cell:
        message = f"{subject} is defined only below, in cell {after[0].number}"
        return finding("FJ001", cell, line, message, f"Move cell {after[0].number} above this one")
    if after:
        message = f"{subject} is defined only further below in this cell"
        return finding("FJ001", cell, line, message, f"Define {name!r} before it is used")
    if _ran_well(cell) and not called:
        message = f"{subject} was in the kernel when this cell ran, but no cell defines it"
        return finding("FJ002", cell, line, message, f"Bring back the cell that defined {name!r}")
    close = get_close_matches(name, list(book.binding), 1, 0.8)
    fix = f"Did you mean {close[0]!r}?" if close else f"Define or import {name!r} in a cell above"
    return finding("FJ001", cell, line, f"{subject} is defined in no cell", fix)


def _ran_well(cell: CodeCell) -> bool:
    """Whether the file says that the cell was executed and did not fail."""
    return cell.count is not None and not any(one.get("output_type") == "error" for one in cell.outputs)
