"""A decorated task keeps its signature for type checkers."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_mypy_accepts_what_is_right_and_finds_what_is_wrong(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        f"--cache-dir={tmp_path}",
        str(HERE / "decorated.py"),
    ]

    found = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1], check=False)

    assert found.returncode == 0, found.stdout
