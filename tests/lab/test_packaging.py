"""What a wheel carries: the extension as it is built, and what turns the server's part on."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from served import ROOT

SHARE = "data/share/jupyter/labextensions/flyte-jupyter/"


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """The names and texts of what a wheel of the working tree carries for Jupyter."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        found = [name for name in wheel.namelist() if ".data/" in name]
        assert not [name for name in wheel.namelist() if name.startswith("flyte_jupyter/labextension/")]
        return {name.split(".data/", 1)[1]: wheel.read(name).decode() for name in found}


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm; `apt-get install nodejs npm` provides it")
def test_a_wheel_carries_the_built_extension(carried):
    names = {f"data/{name.removeprefix('data/')}" for name in carried}

    assert f"{SHARE}package.json" in names
    assert f"{SHARE}install.json" in names
    assert any(re.fullmatch(rf"{SHARE}static/remoteEntry\..*\.js", name) for name in names)
    assert not any(str(ROOT) in text for text in carried.values())


def test_a_wheel_turns_the_server_part_on(carried):
    config = [
        text for name, text in carried.items() if name.endswith("jupyter_server_config.d/flyte_jupyter.json")
    ]

    assert '"flyte_jupyter.lab": true' in config[0]


def test_the_lock_file_names_no_registry():
    lock = (ROOT / "labextension" / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert '"integrity"' in lock
    assert "omit-lockfile-registry-resolved=true" in Path(ROOT / "labextension" / ".npmrc").read_text()
