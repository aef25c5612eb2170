"""Notebooks for the differential test: files of cells. A cell that begins with ``#plain`` stays plain."""

from pathlib import Path

FOLDER = Path(__file__).parent / "books"

BOOKS = {
    file.stem: file.read_text().removesuffix("\n").split("\n# %%\n") for file in sorted(FOLDER.glob("*.txt"))
}
