"""Debian packages in images, on a Debian that debootstrap makes."""

import subprocess
import sys
import uuid

import pytest
from dockers import debian_image

import flyte_jupyter as flyte
from flyte_jupyter.images.build import ImageBuildEngine
from flyte_jupyter.tasks.image import Image


@pytest.fixture(scope="module")
def debian(engine):
    """A small Debian with Python and pip."""
    return debian_image()


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
