"""Files that compiled libraries read count by their content, where their paths are plain."""

from pathlib import Path

import polars as pl
import pytest
from cells import notebook

from flyte_jupyter.tasks.source import slice_of, version_of

SETUP = """
import os
from pathlib import Path
from types import ModuleType
import pandas as pd, polars as pl, pyarrow.parquet as pq
duckdb = ModuleType("duckdb")
NAME = "d.parquet"
HERE = Path("parts")
"""

READ = [
    "pl.read_parquet('d.parquet')",
    "pl.read_parquet(NAME)",
    "pl.read_parquet(source=Path('d.parquet'))",
    "pq.read_table('d.parquet')",
    "pd.read_parquet(os.path.join('.', NAME))",
    "pl.read_parquet('*.parquet')",
    "duckdb.sql(\"select * from 'd.parquet'\")",
    "[pl.scan_parquet(one) for one in (NAME,)] + [pl.scan_parquet('d.parquet')]",
]

FOREIGN = [
    "x.read_parquet('d.parquet')",
    "pl.read_parquet(x)",
    "pl.read_parquet('s3://bucket/d.parquet')",
    "(x.to_parquet('d.parquet'), pl.read_parquet('d.parquet'))",
    "x.write_parquet(NAME) or pl.read_parquet(NAME)",
    "len('d.parquet')",
]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Gives a notebook with a function that returns the value of an expression, in a folder with a file."""
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"a": [1]}).write_parquet("d.parquet")
    (tmp_path / "parts").mkdir()
    return lambda expression: notebook(SETUP, f"def task(x):\n    return {expression}")


def test_a_library_that_the_code_imports_itself_is_known_by_that(book):
    body = "def task():\n    import polars as other\n    return other.read_parquet('d.parquet')"
    task = book("x").run(body)["task"]
    before = version_of(task)
    pl.DataFrame({"a": [2]}).write_parquet("d.parquet")

    assert version_of(task) != before


@pytest.mark.parametrize("expression", READ)
def test_a_file_that_is_read_unheard_counts(book, expression):
    task = book(expression)["task"]
    before = version_of(task)
    Path("d.parquet").touch()
    touched = version_of(task)
    pl.DataFrame({"a": [2]}).write_parquet("d.parquet")

    assert touched == before
    assert version_of(task) != before
    assert slice_of(task).unheard


@pytest.mark.parametrize("expression", FOREIGN)
def test_what_is_no_plain_path_or_is_written_first_does_not(book, expression):
    task = book(expression)["task"]
    before = version_of(task)
    pl.DataFrame({"a": [2]}).write_parquet("d.parquet")

    assert version_of(task) == before


def test_the_files_of_a_folder_count_and_changes_name_them(book):
    task = book("pl.read_parquet(HERE)")["task"]
    before = slice_of(task)
    pl.DataFrame({"a": [2]}).write_parquet("parts/1.parquet")
    after = slice_of(task)

    assert [change.name for change in after.diff(before.mapping())] == ["file parts"]
