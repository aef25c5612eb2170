"""The oldest official SDK that is accepted, as client, adapter and runtime: the tests of both run with it."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import endpoints
import pytest
from packaging.requirements import Requirement

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def oldest(tmp_path_factory):
    """An interpreter that has the oldest SDK with the messages that it asks for, and all else from this one."""
    wanted = map(Requirement, importlib.metadata.requires("flyte-jupyter"))
    bounds = next(one.specifier for one in wanted if one.name == "flyte")
    version = next(bound.version for bound in bounds if bound.operator == ">=")
    folder = tmp_path_factory.mktemp("oldest")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    where = subprocess.check_output(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    link = Path(where.strip()) / "others.pth"
    link.write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", f"flyte=={version}"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = f"needs flyte {version}: pip install flyte=={version}: {done.stderr.strip()[-200:]}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return python


@pytest.mark.timeout(400)
@pytest.mark.parametrize("folder", ["endpoint", "remote"])
def test_the_oldest_sdk_does_the_same(oldest, folder):
    chosen = {
        "endpoint": ["test_endpoint_runs.py"],
        "remote": ["test_translation.py", "test_deploying.py", "test_remote.py"],
    }
    files = [str(TESTS / folder / name) for name in chosen[folder]]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [str(oldest), "-m", "pytest", "-p", "no:cacheprovider", *files],
        cwd=endpoints.ROOT, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
