"""Snapshots of rendered output: files under ``snapshots/``, rewritten when ``REWRITE_SNAPSHOTS`` is set."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("snapshots")


@pytest.fixture
def snapshot():
    """Compare text with the file of that name."""

    def compare(text, name):
        path = FOLDER / name
        if os.environ.get("REWRITE_SNAPSHOTS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        assert path.exists(), f"no snapshot {name}; set REWRITE_SNAPSHOTS=1 to write it, and look at it"
        assert text + "\n" == path.read_text(encoding="utf-8"), (
            f"{name} changed; REWRITE_SNAPSHOTS=1 accepts it"
        )

    return compare
