"""Notebooks as text files: ``===== name``, then cells with ``-----`` between them."""

from pathlib import Path


def notebooks(file: str) -> dict[str, tuple[str, ...]]:
    """Read the cells of each notebook in a file beside this one."""
    parts = (Path(__file__).parent / file).read_text().split("===== ")[1:]
    pairs = (part.partition("\n") for part in parts)
    return {name: tuple(cells.removesuffix("\n").split("\n-----\n")) for name, _, cells in pairs}
