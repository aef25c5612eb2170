"""What linters do not see: the public names, what an import costs and does, the versions."""

import ast
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flyte_jupyter as flyte

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "flyte_jupyter"
HEAVY = """
IPython cloudpickle docker flyteidl2 google.protobuf ipywidgets keyring nbformat numpy pandas polars
psutil pyarrow pydantic ray
"""
PUBLIC = """
AMD_GPU APPLE_SILICON Action ActionID AsyncFunctionTaskTemplate Backoff Cache CachePolicy Checkpoint
CheckpointPaths CodeBundle ContainerConfig Context ContextData Device Documentation Environment FunctionBodyPolicy
GPU GroupData HABANA_GAUDI Image ImageBuild ImageBuildEngine ImageChecker Neuron PodTemplate Resources RetryStrategy ReusePolicy Run Runner
Secret SecretRequest TPU TaskContext TaskEnvironment TaskTemplate Timeout VersionParameters
__version__ build ctx custom_context deploy errors extend get_custom_context group init io latest_checkpoint map panels
remote report rerun run trace types with_runcontext
"""

FIRST_TASK = """
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="e")
@env.task
def trivial(x: int) -> int:
    return x
"""


def loaded_by(code: str) -> dict:
    """What a fresh interpreter has loaded and changed after some code."""
    report = """
import sys, json, threading
print(json.dumps({
    "modules": sorted(sys.modules), "threads": threading.active_count(),
    "hook": sys.excepthook is sys.__excepthook__, "display": sys.displayhook is sys.__displayhook__,
}))
"""
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_public_names_are_these():
    assert sorted(flyte.__all__) == sorted(PUBLIC.split())


@pytest.mark.parametrize("name", PUBLIC.split())
def test_every_public_name_can_be_had_and_says_what_it_is(name):
    value = getattr(flyte, name)

    assert name in dir(flyte)
    assert name in {"__version__", "SecretRequest"} or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        flyte.nonsense  # noqa: B018 - asking is the test


def test_importing_does_nothing_and_loads_little():
    found = loaded_by("import flyte_jupyter\n")

    assert found["threads"] == 1
    assert found["hook"]
    assert found["display"]
    assert not set(HEAVY.split()) & set(found["modules"])
    assert [m for m in found["modules"] if m.startswith("flyte_jupyter")] == ["flyte_jupyter"]


def test_the_first_task_loads_no_heavy_library():
    found = loaded_by(FIRST_TASK)

    assert not set(HEAVY.split()) & set(found["modules"])
    assert not {"asyncio", "sqlite3", "logging"} & set(found["modules"])
    assert found["threads"] == 1


def test_the_first_run_loads_no_heavy_library():
    found = loaded_by(FIRST_TASK + "assert flyte.run(trivial, 1).outputs()[0] == 1\n")

    assert not set(HEAVY.split()) & set(found["modules"])


def test_the_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))

    assert flyte.__version__ == project["version"]
    assert newest.startswith((f"## {flyte.__version__}", "## Unreleased"))


def test_every_dependency_says_why_it_is_there():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    needed = [line for line in lines if line.startswith('  "') and ">=" in line and "]" not in line]

    assert needed
    assert [line for line in needed if "#" not in line] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_file_begins_with_what_it_is_for(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))

    assert doc
    assert doc.splitlines()[0].endswith((".", ":"))


def test_every_module_can_be_imported():
    broken = []
    for module in pkgutil.walk_packages(flyte.__path__, "flyte_jupyter."):
        if module.name.endswith("__main__"):
            continue
        try:
            __import__(module.name)
        except Exception as error:
            broken.append((module.name, repr(error)))

    assert broken == []
