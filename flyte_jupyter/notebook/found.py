"""One finding of the lint."""

from dataclasses import dataclass

from flyte_jupyter.notebook.sources import CodeCell


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something in a notebook that does harm elsewhere or later.

    Args:
        code: the rule, such as FJ001.
        id: the notebook format's id of the cell; empty in notebooks that have none.
        cell: the cell's place among the code cells, from 1.
        line: the line in the cell.
        message: what is wrong.
        fix: what to do.
    """

    code: str
    id: str
    cell: int
    line: int
    message: str
    fix: str


def finding(code: str, cell: CodeCell, at: int, message: str, fix: str) -> Finding:
    """Make a finding about a line of a cell."""
    return Finding(code=code, id=cell.id, cell=cell.number, line=at, message=message, fix=fix)
