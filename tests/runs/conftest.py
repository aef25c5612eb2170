"""A store for each test."""

import pytest

from flyte_jupyter.runs.store import RunStore


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    opened = RunStore.open(folder)
    yield opened
    opened.end()
