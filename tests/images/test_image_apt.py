"""Debian packages in images, on a Debian that debootstrap makes."""

import os
import shutil
import subprocess
import sys
import uuid

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.images.build import ImageBuildEngine
from flyte_jupyter.tasks.image import Image

DEBIAN = "flyte-jupyter-test-debian:bookworm"


@pytest.fixture(scope="module")
def debian(engine, tmp_path_factory):
    """A small Debian with Python and pip; made once, which takes a minute."""
    if engine.images.list(name=DEBIAN):
        return DEBIAN
    if os.getuid() or not shutil.which("debootstrap"):
        reason = "a Debian is made by root with debootstrap, which .ci/run installs"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("debian")
    packages = "--include=python3,python3-pip,ca-certificates"
    subprocess.run(
        ["debootstrap", "--variant=minbase", packages, "bookworm", folder], check=True, capture_output=True
    )
    tar = subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", DEBIAN], stdin=tar.stdout, check=True, capture_output=True)
    tar.stdout.close()
    assert tar.wait() == 0
    shutil.rmtree(folder, ignore_errors=True)
    return DEBIAN


def test_debian_packages_are_installed_and_found_by_tasks(who, debian):
    said, steps = [], []
    image = Image.from_base(debian).clone(name="flyte-jupyter-test").with_apt_packages("jq")
    builds = ImageBuildEngine(builder=who, on_line=said.append, on_step=lambda _, step: steps.append(step))
    done = builds.build(image.with_commands([f"jq --version # {uuid.uuid4()}"]))

    found = subprocess.run(
        ["docker", "run", "--rm", done.uri, "jq", "-n", "1+1"], capture_output=True, text=True, check=True
    )
    assert found.stdout == "2\n"
    assert any(line.startswith("jq-1") for line in said)
    assert [step.layer for step in steps if step.size and step.number][-1] == "apt"


def test_a_task_runs_on_debians_own_python(debian):
    kernel = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if kernel != "3.11":
        pytest.skip(f"bookworm has Python 3.11, and this is {kernel}")
    env = flyte.TaskEnvironment(name="debian", image=debian)

    @env.task
    def work() -> str:
        from pathlib import Path

        return Path("/etc/debian_version").read_text()

    assert flyte.with_runcontext(isolation="container").run(work).outputs()[0].startswith("12")
